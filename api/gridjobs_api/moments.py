"""Times of records, as the contract writes them."""

from datetime import UTC, datetime

from gridjobs.model import timestamp


def rfc3339(milliseconds: str) -> str:
    """Return the RFC 3339 form of a time since the epoch [ms]."""
    return timestamp(datetime.fromtimestamp(int(milliseconds) / 1000, UTC))
