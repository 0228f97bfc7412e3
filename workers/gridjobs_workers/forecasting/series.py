"""From points in any order to a regular series, and what was found on the way."""

from dataclasses import dataclass
from datetime import tzinfo

import numpy as np

from gridjobs_workers.forecasting.clock import (
    HOUR_S,
    Clock,
    Floats,
    Ints,
    check_resolution,
    to_local,
)
from gridjobs_workers.forecasting.errors import (
    WrongResolution,
)
from gridjobs_workers.forecasting.findings import Finding, spans_of
from gridjobs_workers.forecasting.points import Points, known_points, without_duplicates
from gridjobs_workers.forecasting.repairs import Repairs


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
