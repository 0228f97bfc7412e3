"""What to do with less than three weeks of history."""

import numpy as np

from gridjobs_workers.forecasting.clock import Floats, Ints
from gridjobs_workers.forecasting.errors import HistoryTooShort
from gridjobs_workers.forecasting.features import Known
from gridjobs_workers.forecasting.lags import day_lag

LEAST_DAYS, CLIMATOLOGY_DAYS, CORE_DAYS = 2.0, 7.0, 21.0
MOST_DAYS = 21  # that the climatology looks back
FEW = 3


def method_for(days: float) -> str:
    """The method that so many days of known values allow.

    Raises:
        HistoryTooShort: There are less than two days.
    """
    if days < LEAST_DAYS:
        raise HistoryTooShort(f"{days:.1f} days of known values, at least {LEAST_DAYS:.0f} are needed")
    if days < CLIMATOLOGY_DAYS:
        return "previous_day"
    return "climatology" if days < CORE_DAYS else "core"


def previous_day(known: Known, origin: int, horizon: int, levels: Floats) -> Floats:
    """The last known day repeated, with the quantiles of how days differed, shape (horizon, n_level).

    Args:
        known: Series and surroundings.
        origin: Position of the first interval to forecast.
        horizon: Intervals to forecast.
        levels: Quantile levels, shape (n_level,), increasing.
    """
    past = known.until(origin)
    targets = np.arange(origin, origin + horizon)
    rows = np.arange(origin)
    middle = np.full(horizon, np.nan)
    residuals: list[Floats] = []
    for days in range(1, 16):
        middle = np.where(np.isnan(middle), day_lag(past, targets, np.full(horizon, origin), days), middle)
        off = past.values - day_lag(past, rows, rows, days)
        residuals.append(off[np.isfinite(off)])
    enough = [r for r in residuals if r.size >= FEW]
    typical = past.values[np.isfinite(past.values)]
    spread = enough[0] if enough else typical - np.median(typical)
    middle = np.where(np.isnan(middle), np.median(typical), middle)
    return middle[:, None] + np.quantile(spread, levels)


def climatology(known: Known, origin: int, horizon: int, levels: Floats) -> Floats:
    """Quantiles of the last three weeks at the same time of day ± one interval, shape (horizon, n_level)."""
    past = known.until(origin)
    targets = np.arange(origin, origin + horizon)
    pool = np.column_stack([same_time(past, targets + shift, origin) for shift in neighbours(known)])
    typical = past.values[np.isfinite(past.values)]
    q = np.repeat(np.quantile(typical, levels)[None, :], horizon, axis=0)
    enough = np.isfinite(pool).sum(axis=1) >= FEW
    if enough.any():
        q[enough] = np.nanquantile(pool[enough], levels, axis=1).T
    return q


def neighbours(known: Known) -> tuple[int, ...]:
    """Intervals around the time of day that count as the same."""
    return (-1, 0, 1) if known.clock.per_day > 1 else (0,)


def same_time(past: Known, targets: Ints, origin: int) -> Floats:
    """Values at the same time on the last days that can be known, shape (n, 21 + days ahead)."""
    furthest = MOST_DAYS + (len(targets) // past.clock.per_day)
    origins = np.full(len(targets), origin)
    return np.column_stack([day_lag(past, targets, origins, days) for days in range(1, furthest + 1)])
