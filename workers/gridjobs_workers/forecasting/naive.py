"""The reference that every forecast has to beat: last week again."""

import numpy as np

from gridjobs_workers.forecasting.calendar import day_and_time
from gridjobs_workers.forecasting.clock import Floats, Ints
from gridjobs_workers.forecasting.features import Known
from gridjobs_workers.forecasting.lags import gather

WEEKS = 8
BINS = 12


def weekly(known: Known, origin: int, horizon: int, levels: Floats) -> tuple[Floats, Floats]:
    """Weekly seasonal naive: the value of the same weekday before, and the quantiles of what it was off by.

    The quantiles of y(t) − y(t − 7 days) over the last eight weeks are taken in each twelfth of the day.

    Args:
        known: Series and surroundings.
        origin: Position of the first interval to forecast.
        horizon: Intervals to forecast.
        levels: Quantile levels, shape (n_level,), increasing.

    Returns:
        The point forecast, shape (horizon,), and the quantiles, shape (horizon, n_level); NaN where weeks before
        hold no value.

    References:
        T. Hong et al., "Probabilistic energy forecasting: Global Energy Forecasting Competition 2014 and beyond",
        International Journal of Forecasting 32(3), 2016: seasonal naive as the benchmark.
    """
    week = 7 * known.clock.per_day
    values = known.values[:origin]
    targets = np.arange(origin, origin + horizon)
    point = np.full(horizon, np.nan)
    for back in range(1, 6):
        point = np.where(np.isnan(point), gather(values, targets - back * week), point)
    rows = np.arange(max(0, origin - WEEKS * week), origin)
    off = values[rows] - gather(values, rows - week)
    return point, point[:, None] + by_part_of_day(known, rows, off, targets, levels)


def by_part_of_day(known: Known, rows: Ints, off: Floats, targets: Ints, levels: Floats) -> Floats:
    """Quantiles of the residuals in each target's part of the day, shape (n_target, n_level)."""
    part = part_of_day(known, rows)
    seen = np.isfinite(off)
    q = np.full((BINS, len(levels)), np.nan)
    for b in range(BINS):
        inside = off[seen & (part == b)]
        if inside.size:
            q[b] = np.quantile(inside, levels)
    chosen: Floats = q[part_of_day(known, targets)]
    return chosen


def part_of_day(known: Known, positions: Ints) -> Ints:
    """Which twelfth of the UTC day an interval begins in."""
    _, time = day_and_time(known.clock.instants(positions))
    return np.minimum((time * BINS).astype(np.int64), BINS - 1)
