"""From what a request brings to what is known: regular, checked, and repaired as far as allowed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

import numpy as np

from gridjobs_workers.forecasting.calendar import Calendar
from gridjobs_workers.forecasting.checks import check, is_constant
from gridjobs_workers.forecasting.clock import DAY_S, Clock, Floats
from gridjobs_workers.forecasting.covariates import Covariate, align
from gridjobs_workers.forecasting.errors import (
    HistoryTooShort,
    InvalidHorizon,
    InvalidLimits,
    InvalidQuantiles,
    StaleHistory,
)
from gridjobs_workers.forecasting.features import Known
from gridjobs_workers.forecasting.findings import Finding
from gridjobs_workers.forecasting.points import Points
from gridjobs_workers.forecasting.repairs import Repairs
from gridjobs_workers.forecasting.series import regularise
from gridjobs_workers.forecasting.stages import LONGEST_DAYS

STALE_DAYS = 14
LEVEL_LIMITS = (0.001, 0.999)


@dataclass(frozen=True, slots=True)
class Site:
    """Where and what the series is.

    Attributes:
        zone: Time zone of the people behind the series.
        calendar: Their public holidays.
        place: Latitude and longitude [°], or None.
        kind: "demand", "solar", "wind" or "basecase".
    """

    zone: tzinfo = UTC
    calendar: Calendar = field(default_factory=Calendar)
    place: tuple[float, float] | None = None
    kind: str = "demand"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known, and the part of the future that was asked for.

    Attributes:
        known: Series and surroundings; the series ends at the origin.
        origin: Position of the first interval to forecast.
        horizon: Intervals to forecast.
        issued_s: The forecast origin [s since 1970 UTC].
        findings: What was found in the input.
        constant: Whether all known values are the same.
    """

    known: Known
    origin: int
    horizon: int
    issued_s: int
    findings: tuple[Finding, ...]
    constant: bool


def prepare(
    history: Points,
    site: Site,
    step_s: int,
    horizon_s: int,
    *,
    issue_time_s: int | None = None,
    covariates: Sequence[Covariate] = (),
    repairs: Repairs | None = None,
) -> Prepared:
    """Check and arrange the input of a forecast.

    Args:
        history: Observations; those whose interval ends after the issue time are not looked at.
        site: Where and what the series is.
        step_s: Resolution [s].
        horizon_s: How far ahead of the issue time the forecast reaches [s], up to 14 days.
        issue_time_s: The forecast origin [s since 1970 UTC]; without it, the end of the last known interval.
        covariates: Known-future inputs, past and future.
        repairs: What may be repaired; nothing by default.

    Raises:
        ForecastError: The input allows no forecast; the narrow class and its code say why.
    """
    repairs = repairs or Repairs()
    site.calendar.check()
    points = history
    if issue_time_s is not None:
        seen = history.instants_s + step_s <= issue_time_s
        points = Points(history.instants_s[seen], history.values[seen])
        if not seen.any() and seen.size:
            raise HistoryTooShort("no interval of the history ends before the issue time")
    series, found = regularise(points, step_s, site.zone, repairs)
    series, more = check(series, repairs, solar=site.kind == "solar")
    clock = series.clock
    issued = int(clock.instants(len(series.values))) if issue_time_s is None else issue_time_s
    origin = int(np.ceil(clock.positions(issued) - 1e-9))
    values = up_to(series.values, origin, clock)
    horizon = intervals_in(horizon_s, issued, clock, origin)
    found += more + ends_early(series.values, origin, clock)
    lines, kinds, also = align(list(covariates), clock, values, origin, origin + horizon, repairs)
    known = Known(clock, values, lines, kinds, site.calendar, site.place, site.kind == "solar")
    return Prepared(known, origin, horizon, issued, tuple(found + also), is_constant(values))


def prepare_history(
    history: Points,
    site: Site,
    step_s: int,
    *,
    covariates: Sequence[Covariate] = (),
    repairs: Repairs | None = None,
) -> tuple[Known, tuple[Finding, ...]]:
    """Check and arrange a history that a back-test rolls over; covariates need to cover no more than it.

    Args:
        history: Observations.
        site: Where and what the series is.
        step_s: Resolution [s].
        covariates: Known-future inputs.
        repairs: What may be repaired; nothing by default.

    Raises:
        ForecastError: The input allows no forecast; the narrow class and its code say why.
    """
    repairs = repairs or Repairs()
    site.calendar.check()
    solar = site.kind == "solar"
    series, found = regularise(history, step_s, site.zone, repairs)
    series, more = check(series, repairs, solar=solar)
    n = len(series.values)
    lines, kinds, also = align(list(covariates), series.clock, series.values, n, n, repairs)
    known = Known(series.clock, series.values, lines, kinds, site.calendar, site.place, solar)
    return known, tuple(found + more + also)


def up_to(values: Floats, origin: int, clock: Clock) -> Floats:
    """The values up to the origin, what is not known yet as missing, shape (origin,).

    Raises:
        StaleHistory: The last known value is more than 14 days old.
    """
    last = int(np.flatnonzero(np.isfinite(values))[-1])
    if (origin - 1 - last) * clock.step_s > STALE_DAYS * DAY_S:
        days = (origin - 1 - last) * clock.step_s / DAY_S
        raise StaleHistory(f"the last known value is {days:.0f} days older than the issue time")
    padded = np.full(origin, np.nan)
    n = min(origin, len(values))
    padded[:n] = values[:n]
    return padded


def ends_early(values: Floats, origin: int, clock: Clock) -> list[Finding]:
    """The finding that the last intervals before the origin are unknown."""
    n = origin - len(values)
    if n <= 0:
        return []
    span = (int(clock.instants(len(values))), int(clock.instants(origin)))
    return [
        Finding(
            "history_ends_early",
            "warning",
            f"the last {n} intervals before the origin are unknown",
            n,
            (span,),
        )
    ]


def intervals_in(horizon_s: int, issued_s: int, clock: Clock, origin: int) -> int:
    """Intervals from the origin to the end of the horizon.

    Raises:
        InvalidHorizon: There is none, or the horizon is longer than 14 days.
    """
    if not 0 < horizon_s <= LONGEST_DAYS * DAY_S:
        raise InvalidHorizon(f"a horizon of {horizon_s} s: more than none, at most {LONGEST_DAYS} days")
    n = int(np.ceil(clock.positions(issued_s + horizon_s) - 1e-9)) - origin
    if n < 1:
        raise InvalidHorizon(f"a horizon of {horizon_s} s holds no interval of {clock.step_s} s")
    return n


def checked_levels(levels: Sequence[float]) -> Floats:
    """Quantile levels, increasing and each once, shape (n_level,).

    Raises:
        InvalidQuantiles: There is none, or one outside 0.001 to 0.999.
    """
    given = np.unique(np.asarray(levels, np.float64))
    low, high = LEVEL_LIMITS
    if not given.size or not (np.isfinite(given).all() and given[0] >= low and given[-1] <= high):
        raise InvalidQuantiles(f"quantile levels between {low} and {high}, at least one")
    return given


def check_limits(low: float | None, high: float | None) -> None:
    """Refuse limits that leave no room.

    Raises:
        InvalidLimits: One is no number, or the lower is not below the upper.
    """
    if any(limit is not None and not np.isfinite(limit) for limit in (low, high)):
        raise InvalidLimits("physical limits are numbers")
    if low is not None and high is not None and low >= high:
        raise InvalidLimits(f"the lower limit {low:g} is not below the upper limit {high:g}")
