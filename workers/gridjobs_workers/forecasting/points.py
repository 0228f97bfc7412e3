"""Observations as they come: in any order, with gaps, duplicates and what is no number."""

from dataclasses import dataclass
from datetime import UTC

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from gridjobs_workers.forecasting.clock import DAY_S, Floats, Ints
from gridjobs_workers.forecasting.errors import DuplicateTimes, InvalidHistory, MissingOffset
from gridjobs_workers.forecasting.findings import Finding
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
