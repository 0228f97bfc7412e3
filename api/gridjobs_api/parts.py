"""Parts of results: tables in the form asked for, files as they are."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from gridjobs.blobs import BlobStore
from gridjobs.model import PartRef, Result
from gridjobs.store import AsyncJobStore
from gridjobs_api import tables

Chunks = AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a result: the media types it can be given in, and its bytes in one of them."""

    media_types: Sequence[str]
    content: Callable[[str], Chunks]


async def find(jobs: AsyncJobStore, tenant: str, job_id: str, name: str) -> Part:
    """Find a part: a blob, or a table that stands in the result itself under its name.

    Raises as `AsyncJobStore.part` and `result` do.
    """
    ref = await jobs.part(tenant, job_id, name)
    if not ref.digest:
        result = await jobs.result(tenant, job_id)
        return Part(tables.TABLE_TYPES, lambda kind: _encoded(lambda: _inline(result, name), kind))
    is_table = ref.media_type == tables.PARQUET
    media_types = tables.TABLE_TYPES if is_table else (ref.media_type,)
    return Part(media_types, lambda kind: _stored(ref, kind, jobs.blobs))


async def begun(chunks: Chunks) -> Chunks:
    """Wait for the first chunk, so that what fails fails before the answer has begun."""
    first = await anext(chunks, b"")

    async def all_chunks() -> Chunks:
        yield first
        async for chunk in chunks:
            yield chunk

    return all_chunks()


def _inline(result: Result, name: str) -> tables.Batches:
    return tables.of_rows(orjson.loads(result.body)[name])


async def _stored(ref: PartRef, media_type: str, blobs: BlobStore) -> Chunks:
    if media_type == ref.media_type:
        async for chunk in blobs.stream(ref.digest):
            yield chunk
        return
    data = await blobs.get_async(ref.digest)
    async for chunk in _encoded(lambda: tables.read(data), media_type):
        yield chunk


async def _encoded(table: Callable[[], tables.Batches], media_type: str) -> Chunks:
    """Encode a table in a thread, some rows at a time."""
    chunks = await asyncio.to_thread(lambda: tables.encode(table(), media_type))
    while chunk := await asyncio.to_thread(_next, chunks):
        yield chunk


def _next(chunks: Iterator[bytes]) -> bytes:
    """Return the next chunk that is not empty; b"" at the end."""
    return next(filter(None, chunks), b"")
