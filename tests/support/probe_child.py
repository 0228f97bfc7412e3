"""The worker's child with its blobs in a plain folder, for tests without a blob store."""

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from gridjobs_workers.child import main


@dataclass
class FolderBlobs:
    folder: Path

    def get(self, digest: str) -> bytes:
        return (self.folder / digest).read_bytes()

    def put(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / digest).write_bytes(data)
        return digest


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), lambda: FolderBlobs(Path(os.environ["PROBE_BLOBS"])))
