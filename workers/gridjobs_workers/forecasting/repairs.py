"""Repairs that a request may allow; each one that is made is reported with its finding."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.forecasting.clock import Bools, Clock, Floats
from gridjobs_workers.forecasting.findings import Finding, runs


@dataclass(frozen=True, slots=True)
class Repairs:
    """What may be changed in the input. The default changes nothing.

    Attributes:
        duplicates: "first", "last" or "mean": which of several values of an instant counts.
        resample: Put points of another resolution on the one asked for.
        interpolate_s: Fill gaps up to this length [s] with a straight line.
        flatliners: Take spans of a stuck meter as missing.
        outliers: Take outliers as missing.
        unit_jumps: Rescale what lies before the last jump to the unit used last.
        covariates: Forecast without covariates that do not cover the horizon.
    """

    duplicates: str | None = None
    resample: bool = False
    interpolate_s: int = 0
    flatliners: bool = False
    outliers: bool = False
    unit_jumps: bool = False
    covariates: bool = False


ALL_REPAIRS = Repairs("last", True, 3 * 3600, True, True, True, True)


def interpolated(values: Floats, clock: Clock, longest_s: int) -> tuple[Floats, Bools]:
    """Values with short gaps filled by a straight line, and which were filled, each shape (n,)."""
    filled = np.zeros(len(values), np.bool_)
    for begin, end in runs(np.isnan(values)):
        if begin > 0 and end < len(values) and (end - begin) * clock.step_s <= longest_s:
            filled[begin:end] = True
    if not filled.any():
        return values, filled
    known = np.flatnonzero(~np.isnan(values))
    at = np.flatnonzero(filled)
    line = values.copy()
    line[at] = np.interp(at, known, values[known])
    return line, filled


def masked(values: Floats, mask: Bools, finding: Finding) -> tuple[Floats, Finding]:
    """Values with the masked ones missing, unless that would leave less than half of them."""
    known = np.isfinite(values)
    if (known & ~mask).sum() * 2 < known.sum():
        return values, finding
    return np.where(mask, np.nan, values), finding.repaired("taken as missing")
