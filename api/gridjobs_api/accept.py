"""Which of the media types that can be given the client wants (RFC 9110, section 12.5.1)."""

from collections.abc import Iterator, Sequence

from gridjobs_api.problems import RequestProblem


def chosen(accept: str, offered: Sequence[str]) -> str:
    """Return the offered media type that the client prefers; the first offered where it does not care.

    Raises:
        RequestProblem: `not_acceptable`, when it wants none of them.
    """
    ranges = list(_ranges(accept)) or [("*/*", 1.0)]
    quality, _, best = max((_quality(kind, ranges), -place, kind) for place, kind in enumerate(offered))
    if quality <= 0:
        raise RequestProblem("not_acceptable", f"it can be given as {', '.join(offered)}")
    return best


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for item in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in item.split(";"))
        if kind:
            yield kind, next((_number(p[2:]) for p in parameters if p.startswith("q=")), 1.0)


def _number(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0


def _quality(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    """Return the weight of the most specific range that covers a media type."""
    covering = {kind: 2, kind.partition("/")[0] + "/*": 1, "*/*": 0}
    matching = [(covering[pattern], weight) for pattern, weight in ranges if pattern in covering]
    return max(matching)[1] if matching else 0.0
