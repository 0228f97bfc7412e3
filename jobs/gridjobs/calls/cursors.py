"""Opaque cursors of pages."""

import base64
import binascii
import re
from typing import Final

from gridjobs import errors

_ID: Final = re.compile(r"[0-9a-zA-Z:_-]{1,100}")


def encode_cursor(last: bytes) -> str | None:
    """Return the opaque cursor that goes on below an id; None at the end."""
    return base64.urlsafe_b64encode(last).decode().rstrip("=") or None


def decode_cursor(cursor: str | None) -> str:
    """Return the id that a cursor stands for; raises InvalidCursor."""
    if not cursor:
        return ""
    try:
        decoded = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        raise errors.InvalidCursor(cursor) from None
    if not _ID.fullmatch(decoded):
        raise errors.InvalidCursor(cursor)
    return decoded
