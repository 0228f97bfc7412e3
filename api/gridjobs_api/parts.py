"""Parts of results: tables in the form asked for, files as they are."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import orjson

from gridjobs.blobs import BlobStore
from gridjobs.model import PartRef
from gridjobs_api import tables


def media_types(part: PartRef) -> Sequence[str]:
    """Return the media types that a part can be given in."""
    return tables.TABLE_TYPES if part.media_type == tables.PARQUET else (part.media_type,)


async def content(part: PartRef, media_type: str, blobs: BlobStore) -> AsyncIterator[bytes]:
    """Yield a part's bytes; a table is encoded in a thread, some rows at a time."""
    if media_type == part.media_type:
        async for chunk in blobs.stream(part.digest):
            yield chunk
        return
    stored = await blobs.get_async(part.digest)
    chunks = await asyncio.to_thread(tables.encode, stored, media_type)
    while chunk := await asyncio.to_thread(_next, chunks):
        yield chunk


async def inline_content(part: PartRef, media_type: str, result: bytes) -> AsyncIterator[bytes]:
    """Yield a part whose rows stand in the result itself, under its name."""
    rows = await asyncio.to_thread(lambda: orjson.loads(result)[part.name])
    chunks = await asyncio.to_thread(lambda: tables.encode(tables.from_rows(rows), media_type))
    while chunk := await asyncio.to_thread(_next, chunks):
        yield chunk


async def begun(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Wait for the first chunk, so that what fails fails before the answer has begun."""
    first = await anext(chunks, b"")

    async def all_chunks() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return all_chunks()


def _next(chunks: Iterator[bytes]) -> bytes:
    """Return the next chunk that is not empty; b"" at the end."""
    return next(filter(None, chunks), b"")
