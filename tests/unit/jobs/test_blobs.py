import asyncio
import hashlib
import os
import time
from pathlib import Path

import pytest

from gridjobs.blobs import BlobStore
from gridjobs.errors import BlobMissing, BlobStoreUnavailable


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore((tmp_path / "with space").as_uri())


def test_a_blob_is_found_by_its_sha256(blobs: BlobStore) -> None:
    digest = blobs.put(b"grid")

    assert digest == hashlib.sha256(b"grid").hexdigest()
    assert blobs.get(digest) == b"grid"
    assert asyncio.run(blobs.get_async(digest)) == b"grid"


def test_a_missing_blob_is_told_apart_from_a_broken_store(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path.as_uri())
    with pytest.raises(BlobMissing):
        blobs.get("00" * 32)
    (tmp_path / "ab").write_bytes(b"a file where a folder should be")
    with pytest.raises(BlobStoreUnavailable):
        blobs.get("ab" * 32)


def test_large_blobs_are_streamed(blobs: BlobStore) -> None:
    data = os.urandom(3 * 2**20 + 17)
    digest = blobs.put(data)

    async def read() -> list[bytes]:
        return [chunk async for chunk in blobs.stream(digest)]

    chunks = asyncio.run(read())
    assert len(chunks) > 1
    assert b"".join(chunks) == data


def test_deleting_what_is_not_there_is_no_error(blobs: BlobStore) -> None:
    digest = blobs.put(b"x")
    blobs.delete(digest)
    blobs.delete(digest)
    assert not blobs.exists(digest)


def test_a_blob_written_again_lately_is_not_swept(blobs: BlobStore, tmp_path: Path) -> None:
    digest = blobs.put(b"x")
    file = tmp_path / "with space" / digest[:2] / digest
    long_ago = time.time() - 3600
    os.utime(file, (long_ago, long_ago))
    blobs.put(b"x")
    assert not blobs.delete_if_older(digest, age_s=60)

    os.utime(file, (long_ago, long_ago))
    assert blobs.delete_if_older(digest, age_s=60)
    assert not blobs.exists(digest)
