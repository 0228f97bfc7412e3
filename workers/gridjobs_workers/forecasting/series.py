"""From points in any order to a regular series, and what was found on the way."""

from dataclasses import dataclass
from datetime import UTC, tzinfo

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from gridjobs_workers.forecasting.clock import (
    DAY_S,
    HOUR_S,
    Clock,
    Floats,
    Ints,
    check_resolution,
    to_local,
)
from gridjobs_workers.forecasting.errors import (
    DuplicateTimes,
    InvalidHistory,
    MissingOffset,
    WrongResolution,
)
from gridjobs_workers.forecasting.findings import Finding, spans_of
from gridjobs_workers.forecasting.repairs import Repairs

GREATEST = 1e30  # beyond it a number is no measurement, and its square overflows
LONGEST_DAYS = 366 * 50
EARLIEST_S, LATEST_S = -70 * 365 * DAY_S, 229 * 365 * DAY_S  # about 1900 to 2199


@dataclass(frozen=True, slots=True)
class Points:
    """Observations as they came: in any order, with gaps, duplicates and NaN.

    Attributes:
        instants_s: Beginning of each point's interval [s since 1970 UTC], shape (n,).
        values: The mean of each interval, shape (n,).
    """

    instants_s: Ints
    values: Floats

    @classmethod
    def of(cls, instants: ArrayLike, values: ArrayLike, ends_after_s: int = 0) -> "Points":
        """Points from seconds since 1970 UTC.

        Args:
            instants: Seconds since 1970 UTC, shape (n,).
            values: The values, shape (n,).
            ends_after_s: Length of the intervals [s] when they are labelled by their end, else 0.

        Raises:
            InvalidHistory: The lengths differ, or instants are no whole seconds.
        """
        raw = np.asarray(instants)
        numbers = np.asarray(values, np.float64)
        if raw.ndim != 1 or raw.shape != numbers.shape:
            raise InvalidHistory(f"{raw.shape} instants and {numbers.shape} values")
        if raw.size and not (np.issubdtype(raw.dtype, np.number) and np.isfinite(raw).all()):
            raise InvalidHistory("instants are seconds since 1970 UTC, all known")
        seconds = np.round(raw.astype(np.float64)).astype(np.int64)
        return cls(seconds - ends_after_s, numbers)

    @classmethod
    def of_frame(cls, series: "pd.Series[float]", ends_after_s: int = 0) -> "Points":
        """Points from a pandas series with a time index.

        Raises:
            MissingOffset: The index has no time zone.
        """
        index = series.index
        if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
            raise MissingOffset("time stamps need an offset from UTC")
        seconds = index.tz_convert(UTC).tz_localize(None).as_unit("s").asi8
        return cls.of(seconds, series.to_numpy(np.float64), ends_after_s)


@dataclass(frozen=True, slots=True)
class Series:
    """A regular series: `values[p]` is the interval at position p of the clock, NaN where missing."""

    clock: Clock
    values: Floats


def regularise(
    points: Points, step_s: int, zone: tzinfo, repairs: Repairs, field: str = "history"
) -> tuple[Series, list[Finding]]:
    """Put points on a regular clock.

    Args:
        points: The observations.
        step_s: Resolution [s].
        zone: Time zone of the calendar; decides where days of the year begin.
        repairs: What may be repaired.
        field: What the findings call it.

    Returns:
        The series, from the first to the last known value, and what was found.

    Raises:
        InvalidResolution: The resolution is not one we forecast in.
        InvalidHistory: No value is a number, or some are beyond any measurement.
        DuplicateTimes: One instant has different values and no repair is allowed.
        WrongResolution: The points lie elsewhere than on the resolution and no repair is allowed.
    """
    check_resolution(step_s)
    spacing = usual_spacing_s(np.unique(points.instants_s))  # missing values still show the resolution
    points, found = known_points(points, field)
    points, more = without_duplicates(points, repairs, field)
    found += more
    clock = clock_for(points.instants_s, step_s, zone)
    at = clock.positions(points.instants_s)
    off = at != np.floor(at)
    if off.any() or spacing > step_s:
        finding = off_grid(points, off, spacing, step_s, field)
        if not repairs.resample:
            raise WrongResolution(finding.detail)
        values = resampled(at, points.values, max(1, round(spacing / step_s)))
        found.append(finding.repaired("resampled to the resolution: means of finer, held coarser values"))
    else:
        values = np.full(int(at.max()) + 1, np.nan)
        values[at.astype(np.int64)] = points.values
    found += gaps(values, clock, field)
    return Series(clock, values), found


def known_points(points: Points, field: str) -> tuple[Points, list[Finding]]:
    """Points that are numbers, in time order, and what was found."""
    known = np.isfinite(points.values)
    found = []
    if not known.any():
        raise InvalidHistory(f"{field}: no value is a number")
    if np.abs(points.values[known]).max() > GREATEST:
        raise InvalidHistory(f"{field}: values beyond {GREATEST:g} are no measurements")
    if not known.all():
        n = int((~known).sum())
        found.append(
            Finding("not_a_number", "warning", f"{n} values are no numbers: taken as missing", n, field=field)
        )
    instants, values = points.instants_s[known], points.values[known]
    if (np.diff(points.instants_s) < 0).any():
        found.append(Finding("unordered", "info", "the points were not in time order: sorted", field=field))
    order = np.argsort(instants, kind="stable")
    instants = instants[order]
    if instants[-1] - instants[0] > LONGEST_DAYS * DAY_S:
        raise InvalidHistory(f"{field}: time stamps more than 50 years apart")
    if instants[0] < EARLIEST_S or instants[-1] > LATEST_S:
        raise InvalidHistory(f"{field}: time stamps outside the years 1900 to 2199")
    return Points(instants, values[order]), found


def without_duplicates(points: Points, repairs: Repairs, field: str) -> tuple[Points, list[Finding]]:
    """One point an instant, and what was found."""
    instants, first, count = np.unique(points.instants_s, return_index=True, return_counts=True)
    if len(instants) == len(points.instants_s):
        return points, []
    group = np.repeat(np.arange(len(instants)), count)
    last = first + count - 1
    differ = np.zeros(len(instants), np.bool_)
    differ[group[points.values != points.values[first][group]]] = True
    n, n_differ = int((count - 1).sum()), int(differ.sum())
    spans = tuple((int(t), int(t)) for t in instants[count > 1][:50])
    detail = f"{n} points repeat an instant, {n_differ} instants with different values"
    finding = Finding("duplicate_timestamps", "warning" if n_differ else "info", detail, n, spans, field)
    if n_differ and repairs.duplicates is None:
        raise DuplicateTimes(f"{field}: {detail}")
    if repairs.duplicates == "mean":
        values: Floats = np.bincount(group, points.values / count[group]).astype(np.float64)
    else:
        values = points.values[last if repairs.duplicates == "last" else first]
    return Points(instants, values), [finding.repaired(f"kept the {repairs.duplicates or 'first'}")]


def clock_for(instants_s: Ints, step_s: int, zone: tzinfo) -> Clock:
    """The clock on which most points lie; above one hour the wall clock is tried first."""
    candidates = [False] if step_s <= HOUR_S else [True, False]
    best: tuple[int, Clock] | None = None
    for wall in candidates:
        own = to_local(instants_s, zone) if wall else instants_s
        phases, counts = np.unique(own % step_s, return_counts=True)
        phase = int(phases[counts.argmax()])
        origin = int(own[0]) - (int(own[0]) - phase) % step_s
        clock = Clock(origin, step_s, zone, wall)
        if best is None or counts.max() > best[0]:
            best = (int(counts.max()), clock)
    assert best is not None
    return best[1]


def usual_spacing_s(instants_s: Ints) -> int:
    """The most common distance of neighbours [s], 0 of a single point."""
    if len(instants_s) < 2:
        return 0
    distances, counts = np.unique(np.diff(instants_s), return_counts=True)
    return int(distances[counts.argmax()])


def off_grid(points: Points, off: np.ndarray, spacing: int, step_s: int, field: str) -> Finding:
    """The finding that points do not lie on the resolution."""
    n = int(off.sum())
    detail = f"points are {spacing} s apart, {n} of {len(off)} off the resolution of {step_s} s"
    spans = tuple((int(t), int(t)) for t in points.instants_s[off][:50])
    return Finding("wrong_resolution", "warning", detail, n, spans, field)


def resampled(at: Floats, values: Floats, hold: int) -> Floats:
    """Means of the points in each interval; a coarser point holds for `hold` intervals, shape (n,)."""
    row = np.floor(at).astype(np.int64)
    n = int(row.max()) + hold
    count = np.bincount(row, minlength=n)
    total = np.bincount(row, values, minlength=n)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    for _ in range(hold - 1):
        before = np.concatenate([[np.nan], mean[:-1]])
        if hold > 1:
            mean = np.where(np.isnan(mean), before, mean)
    return mean


def gaps(values: Floats, clock: Clock, field: str) -> list[Finding]:
    """The finding that intervals between the first and the last value are missing."""
    missing = np.isnan(values)
    if not missing.any():
        return []
    n = int(missing.sum())
    detail = f"{n} of {len(values)} intervals are missing"
    return [Finding("gap", "warning", detail, n, spans_of(missing, clock), field)]
