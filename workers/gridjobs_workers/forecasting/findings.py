"""What was found in the input, as data: what, where, how often, and what was done about it."""

from dataclasses import dataclass, replace

import numpy as np

from gridjobs_workers.forecasting.clock import Bools, Clock

MOST_SPANS = 50  # listed one by one; `count` still tells them all


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of fault in one input.

    Attributes:
        code: What it is, e.g. "gap", "duplicate_timestamps", "flatliner".
        severity: "info", "warning" or "error".
        detail: One sentence for people.
        count: Intervals or points concerned.
        spans: Where: beginnings and ends [s since 1970 UTC], at most 50, the longest first.
        field: "history", or the name of a covariate.
        repair: What was done about it, or None when it was left as it is.
    """

    code: str
    severity: str
    detail: str
    count: int = 0
    spans: tuple[tuple[int, int], ...] = ()
    field: str = "history"
    repair: str | None = None

    def repaired(self, how: str) -> "Finding":
        """The same finding with the repair that was made."""
        return replace(self, repair=how)


def runs(mask: Bools) -> list[tuple[int, int]]:
    """Beginnings and ends (past the last) of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def spans_of(mask: Bools, clock: Clock) -> tuple[tuple[int, int], ...]:
    """The runs of True as instants, the longest first, at most 50."""
    longest = sorted(runs(mask), key=lambda run: run[0] - run[1])[:MOST_SPANS]
    if not longest:
        return ()
    instants = clock.instants(np.array(longest))
    return tuple((int(a), int(b)) for a, b in instants)
