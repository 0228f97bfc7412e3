"""Calls of the relay and the reconciler, and for metrics."""

from collections.abc import Sequence

from gridjobs.calls.call import Call, Reply, record


def reconcile(script: str, *args: int) -> Call[int]:
    """Put one kind of thing right, some at a time; returns how many were looked at."""
    return Call(script, args, int)  # type: ignore[arg-type]


def unused_blobs(limit: int, grace_s: float) -> Call[list[str]]:
    """Take the digests of blobs that nobody has held for some time off the list."""
    args = (limit, round(grace_s * 1000))
    return Call("unused_blobs", args, lambda reply: [digest.decode() for digest in reply])


def orphans(digests: Sequence[str]) -> Call[list[str]]:
    """Tell which of these blobs nobody holds."""
    return Call("orphans", digests, lambda reply: [digest.decode() for digest in reply])


def tidy_outbox(stream: str, silent_s: float) -> Call[int]:
    """Forget relays that are long gone; returns how many."""
    return Call("outbox_tidy", (stream, round(silent_s * 1000)), int)  # type: ignore[arg-type]


def stats() -> Call[tuple[dict[str, int], dict[str, int], dict[str, int], tuple[int, int]]]:
    """Read jobs by `type:status`, totals by `type:what`, ages of the oldest queued by type [ms], outbox lengths."""

    def decode(reply: Reply) -> tuple[dict[str, int], dict[str, int], dict[str, int], tuple[int, int]]:
        counts, totals, oldest, hints, events = reply
        return _numbers(counts), _numbers(totals), _numbers(oldest), (int(hints), int(events))

    return Call("stats", (), decode)


def _numbers(flat: Sequence[bytes]) -> dict[str, int]:
    return {name: int(value) for name, value in record(flat).items()}
