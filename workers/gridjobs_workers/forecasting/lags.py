"""Looking back in a series with gaps, never past a forecast origin."""

from typing import TYPE_CHECKING

import numpy as np

from gridjobs_workers.forecasting.clock import Floats, Ints

if TYPE_CHECKING:
    from gridjobs_workers.forecasting.features import Known


def gather(values: Floats, positions: Ints) -> Floats:
    """Values at positions, same shape, NaN outside the series."""
    inside = (positions >= 0) & (positions < len(values))
    found = np.full(positions.shape, np.nan)
    found[inside] = values[positions[inside]]
    return found


def back(values: Floats, ends: Ints, window: int) -> Floats:
    """The `window` values before each end, shape (n_end, window), NaN outside the series."""
    return gather(values, ends[:, None] - np.arange(window, 0, -1))


def day_lag(known: "Known", targets: Ints, origins: Ints, days: int) -> Floats:
    """The value at the same time of day, days earlier, shape (n,); NaN where it is not known at the origin.

    A series that follows people's clocks is looked up by wall-clock time, so that the days after a time change
    are compared with the same local hour.
    """
    clock = known.clock
    at = targets - days * clock.per_day
    if not (known.solar or clock.wall):
        offset = (clock.local(targets) - clock.instants(targets)) - (clock.local(at) - clock.instants(at))
        at = at + np.round(offset / clock.step_s).astype(np.int64)
    return np.where(at < origins, gather(known.values, at), np.nan)


def trailing_mean(values: Floats, window: int) -> Floats:
    """Mean of the known values among each value and the `window` − 1 before it, shape (n,), NaN where none is known."""
    known = ~np.isnan(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - window, 0)
    within = count[end] - count[start]
    return np.where(within > 0, (total[end] - total[start]) / np.maximum(within, 1), np.nan)


def first_known(candidates: list[Floats]) -> Floats:
    """The first candidate that is a number, element by element."""
    found = candidates[0].copy()
    for other in candidates[1:]:
        found = np.where(np.isnan(found), other, found)
    return found


def known_mean(x: Floats) -> Floats:
    """Mean of the known values of each row, shape (n,), NaN where none is known."""
    known = ~np.isnan(x)
    count = known.sum(axis=1)
    total = np.where(known, x, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def known_spread(x: Floats) -> Floats:
    """Standard deviation of the known values of each row, shape (n,), NaN where none is known."""
    off = x - known_mean(x)[:, None]
    return np.sqrt(known_mean(off * off))
