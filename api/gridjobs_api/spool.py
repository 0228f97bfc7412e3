"""Bytes on their way to the blob store: written to a temporary file and hashed as they come."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Spooled:
    """A whole file, on disk but not yet in the blob store."""

    path: Path
    bytes: int
    digest: str  # SHA-256, hex


class Spool:
    """Receives one file into a folder; blocking, for a thread."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.NamedTemporaryFile(dir=folder, delete=False)  # noqa: SIM115  # closed by `end`
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Take some bytes."""
        self._file.write(data)
        self._hash.update(data)
        self._size += len(data)

    def end(self) -> Spooled:
        """Close the file and describe it."""
        self._file.close()
        return Spooled(Path(self._file.name), self._size, self._hash.hexdigest())
