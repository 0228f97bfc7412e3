"""Faults in a regular series that a forecaster should know of before the work."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from gridjobs_workers.forecasting.clock import DAY_S, HOUR_S, Bools, Clock, Floats, Ints
from gridjobs_workers.forecasting.findings import Finding, runs, spans_of
from gridjobs_workers.forecasting.lags import gather
from gridjobs_workers.forecasting.repairs import Repairs, interpolated, masked
from gridjobs_workers.forecasting.series import Series

FLAT_S = 6 * HOUR_S  # a live meter does not repeat itself that long
FLAT_INTERVALS = 12
OUTLIER_SPREADS = 12.0
OUTLIER_S = 3 * HOUR_S  # what lasts longer is an event, not a spike
JUMP_DAYS = 3


def check(series: Series, repairs: Repairs, *, solar: bool = False) -> tuple[Series, list[Finding]]:
    """Look for faults in a series and repair those that may be repaired.

    Args:
        series: The regular series.
        repairs: What may be repaired.
        solar: Zeros in a row are nights, not a stuck meter.

    Returns:
        The series after the repairs, and what was found, each repair with its finding.
    """
    values, clock = series.values, series.clock
    if is_constant(values):
        n = int(np.isfinite(values).sum())
        whole = ((int(clock.instants(0)), int(clock.instants(len(values)))),)
        return series, [Finding("constant", "warning", f"all {n} values are the same", n, whole)]
    found: list[Finding] = []
    values = check_units(values, clock, repairs, found)
    values = check_flat(values, clock, repairs, found, solar=solar)
    values = check_outliers(values, clock, repairs, found)
    if repairs.interpolate_s:
        values, filled = interpolated(values, clock, repairs.interpolate_s)
        if filled.any():
            n = int(filled.sum())
            finding = Finding("gap", "info", f"{n} intervals lie in short gaps", n, spans_of(filled, clock))
            found.append(finding.repaired("filled with a straight line"))
    return replace(series, values=values), found


def is_constant(values: Floats) -> bool:
    """Whether the known values differ by no more than rounding."""
    known = values[np.isfinite(values)]
    return bool(np.ptp(known) <= 1e-12 * np.abs(known).max())


def check_units(values: Floats, clock: Clock, repairs: Repairs, found: list[Finding]) -> Floats:
    """Report jumps of the unit; rescale when allowed."""
    factor = unit_factors(values, clock)
    odd = factor != 1.0
    if not odd.any():
        return values
    detail = "the magnitude jumps by powers of a thousand: the unit seems to change"
    finding = Finding("unit_jump", "warning", detail, int(odd.sum()), spans_of(odd, clock))
    if repairs.unit_jumps:
        values, finding = values * factor, finding.repaired("rescaled to the unit used last")
    found.append(finding)
    return values


def unit_factors(values: Floats, clock: Clock) -> Floats:
    """What brings each value to the unit used last: a power of 1000, shape (n,).

    The median magnitude of each day is compared with that of the following days; a jump counts when it lies
    within a factor of 1.6 of 1000 or a million and days on both sides agree.
    """
    n = len(values)
    size = daily_size(values, clock)
    known = np.flatnonzero(np.isfinite(size))
    factor = np.ones(n)
    power = 0
    for a, b in reversed(list(pairwise(known))):
        if abs(size[b] - size[a]) > 1.5:
            before = np.median(size[known[(known <= a) & (known > a - JUMP_DAYS)]])
            after = np.median(size[known[(known >= b) & (known < b + JUMP_DAYS)]])
            thousands = (after - before) / 3
            if abs(thousands - round(thousands)) < 0.07:
                power += round(thousands)
        factor[a * clock.per_day : b * clock.per_day] = 1000.0**power
    return factor


def daily_size(values: Floats, clock: Clock) -> Floats:
    """log10 of the median magnitude of each day counted from position 0, NaN where unknown or zero."""
    days = -(-len(values) // clock.per_day)
    padded = np.full(days * clock.per_day, np.nan)
    padded[: len(values)] = np.abs(values)
    rows = padded.reshape(days, clock.per_day)
    rows = np.where(rows > 0, rows, np.nan)
    size = np.full(days, np.nan)
    some = np.isfinite(rows).any(axis=1)
    size[some] = np.log10(np.nanmedian(rows[some], axis=1))
    return size


def check_flat(
    values: Floats, clock: Clock, repairs: Repairs, found: list[Finding], *, solar: bool
) -> Floats:
    """Report spans of a stuck meter; take them as missing when allowed."""
    flat = stuck(values, clock)
    if solar:
        flat &= values != 0
    if not flat.any():
        return values
    n = int(flat.sum())
    finding = Finding("flatliner", "warning", f"{n} intervals repeat one value", n, spans_of(flat, clock))
    if repairs.flatliners:
        values, finding = masked(values, flat, finding)
    found.append(finding)
    return values


def stuck(values: Floats, clock: Clock) -> Bools:
    """Which values belong to a run of equal ones of 6 hours and 12 intervals at least, shape (n,)."""
    least = max(FLAT_INTERVALS, FLAT_S // clock.step_s)
    same = np.concatenate([[False], values[1:] == values[:-1]])
    flat = np.zeros(len(values), np.bool_)
    for begin, end in runs(same):
        if end - begin + 1 >= least:
            flat[begin - 1 : end] = True
    return flat


def check_outliers(values: Floats, clock: Clock, repairs: Repairs, found: list[Finding]) -> Floats:
    """Report outliers; take them as missing when allowed."""
    out = outliers(values, clock)
    if not out.any():
        return values
    n = int(out.sum())
    finding = Finding("outlier", "warning", f"{n} values stand far out", n, spans_of(out, clock))
    if repairs.outliers:
        values, finding = masked(values, out, finding)
    found.append(finding)
    return values


def outliers(values: Floats, clock: Clock) -> Bools:
    """Which values stand far out from their neighbours in time, in the day and in the week, shape (n,).

    The deviation from the median of the neighbours is measured in robust standard deviations (1.4826 × MAD) of
    all deviations; runs longer than 3 hours are events, not spikes.

    References:
        F. R. Hampel, "The influence curve and its role in robust estimation", Journal of the American Statistical
        Association 69, 1974.
    """
    n, day = len(values), clock.per_day
    at = np.arange(n)
    near = sorted({-1, 1, -2, 2, -day, day, -7 * day, 7 * day})
    around = np.column_stack([gather(values, at + shift) for shift in near])
    enough = np.isfinite(around).sum(axis=1) >= 3
    off = np.full(n, np.nan)
    off[enough] = values[enough] - np.nanmedian(around[enough], axis=1)
    known = off[np.isfinite(off)]
    if not known.size:
        return np.zeros(n, np.bool_)
    spread = 1.4826 * np.median(np.abs(known - np.median(known)))
    whole = values[np.isfinite(values)]
    usual = np.subtract(*np.quantile(whole, [0.95, 0.05])) / 3.29
    limit = OUTLIER_SPREADS * max(spread, 0.25 * usual, 1e-12 * np.abs(whole).max())
    far: Bools = np.nan_to_num(np.abs(off), nan=0.0) > limit
    for begin, end in runs(far):
        if (end - begin) * clock.step_s > max(OUTLIER_S, clock.step_s):
            far[begin:end] = False
    return far


def days_of(values: Floats, clock: Clock) -> float:
    """Days of known values."""
    return float(np.isfinite(values).sum() * clock.step_s / DAY_S)


def last_known(values: Floats, end: int) -> int:
    """Position of the last known value before `end`, −1 where there is none."""
    known: Ints = np.flatnonzero(np.isfinite(values[:end]))
    return int(known[-1]) if known.size else -1
