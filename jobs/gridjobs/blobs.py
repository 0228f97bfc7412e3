"""The blob store: bytes by their SHA-256, in a folder or an object store (S3, GCS, Azure), through obstore.

Writing is idempotent, and always done anew even if the blob is there: the fresh modification time keeps the
sweeper away from a blob that is about to be referred to.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from gridjobs.canonical import digest as sha256
from gridjobs.errors import BlobMissing, BlobStoreUnavailable

CHUNK_BYTES: Final = 2**20


class BlobStore:
    """Bytes by digest. All methods raise BlobStoreUnavailable when the store does not answer.

    The methods ending in `_async` do the same without blocking the event loop.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._folder = Path(unquote(parts.path)) if parts.scheme == "file" else None
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._store: ObjectStore = from_url(url)

    def put(self, data: bytes) -> str:
        """Store bytes durably and return their SHA-256 digest (hex)."""
        digest = sha256(data)
        with _translated(digest):
            obstore.put(self._store, _path(digest), data)
        self._sync_to_disk(digest)
        return digest

    def put_file(self, path: Path, digest: str) -> None:
        """Store a file durably under its digest, which the caller has computed while writing it."""
        with _translated(digest):
            obstore.put(self._store, _path(digest), path)
        self._sync_to_disk(digest)

    async def put_async(self, data: bytes) -> str:
        """Store bytes durably and return their SHA-256 digest (hex)."""
        return await asyncio.to_thread(self.put, data)

    def get(self, digest: str) -> bytes:
        """Return the blob's bytes; raises BlobMissing."""
        with _translated(digest):
            return bytes(obstore.get(self._store, _path(digest)).bytes())

    async def get_async(self, digest: str) -> bytes:
        """Return the blob's bytes; raises BlobMissing."""
        with _translated(digest):
            answer = await obstore.get_async(self._store, _path(digest))
            return bytes(await answer.bytes_async())

    async def stream(self, digest: str) -> AsyncIterator[bytes]:
        """Yield the blob's bytes in chunks; raises BlobMissing before the first."""
        with _translated(digest):
            answer = await obstore.get_async(self._store, _path(digest))
            async for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)

    def exists(self, digest: str) -> bool:
        """Say whether there is such a blob."""
        return self._modified_at(digest) is not None

    def delete(self, digest: str) -> None:
        """Remove a blob; one that is not there is no error."""
        try:
            with _translated(digest):
                obstore.delete(self._store, _path(digest))
        except BlobMissing:
            pass

    def delete_if_older(self, digest: str, age_s: float) -> bool:
        """Remove a blob unless it was written lately; return whether it is gone."""
        modified_at = self._modified_at(digest)
        if modified_at is not None and modified_at > datetime.now(UTC) - timedelta(seconds=age_s):
            return False
        self.delete(digest)
        return True

    def older_than(self, age_s: float) -> Iterator[list[str]]:
        """Yield the digests of all blobs that were not written lately, some at a time."""
        before = datetime.now(UTC) - timedelta(seconds=age_s)
        with _translated("*"):
            for chunk in obstore.list(self._store, chunk_size=1000):
                yield [meta["path"].rpartition("/")[2] for meta in chunk if meta["last_modified"] < before]

    def _modified_at(self, digest: str) -> datetime | None:
        try:
            with _translated(digest):
                return obstore.head(self._store, _path(digest))["last_modified"]
        except BlobMissing:
            return None

    def _sync_to_disk(self, digest: str) -> None:
        """Have a local file outlive a power cut: obstore writes aside and renames, but does not fsync."""
        if self._folder is None:
            return
        path = self._folder / _path(digest)
        for target in (path, path.parent, path.parent.parent):
            descriptor = os.open(target, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _path(digest: str) -> str:
    return f"{digest[:2]}/{digest}"


@contextmanager
def _translated(digest: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise BlobMissing(digest) from None
    except (BaseError, OSError) as error:
        raise BlobStoreUnavailable(str(error)) from error
