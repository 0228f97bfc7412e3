"""Known-future inputs, such as weather forecasts, on the clock of the series."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.forecasting.clock import HOUR_S, Clock, Floats
from gridjobs_workers.forecasting.errors import ForecastError, MissingCovariates
from gridjobs_workers.forecasting.findings import Finding, spans_of
from gridjobs_workers.forecasting.points import Points, known_points, without_duplicates
from gridjobs_workers.forecasting.repairs import Repairs
from gridjobs_workers.forecasting.series import usual_spacing_s

KINDS = ("temperature", "radiation", "wind_speed", "other")
LEAST_HISTORY = 0.5  # share of the known history that a covariate must cover to be of use
LONGEST_BRIDGE_S = (
    3 * HOUR_S
)  # hourly and three-hourly weather forecasts are straight lines between their points


@dataclass(frozen=True, slots=True)
class Covariate:
    """One known-future input.

    Attributes:
        name: What the findings and the importances call it.
        points: Its past and future values.
        kind: One of `KINDS`; decides which features are made of it.
    """

    name: str
    points: Points
    kind: str = "other"


def kind_of(name: str) -> str:
    """The kind that a usual name stands for: "temp", "t2m", "radiation", "ghi", "windspeed_100m" and the like."""
    low = name.lower()
    if low.startswith(("temp", "t2m", "t_2m", "air_temp")) or low.endswith("temperature"):
        return "temperature"
    if low.startswith(("rad", "ghi", "solar", "irradiance", "shortwave", "ssrd")):
        return "radiation"
    if low.startswith(("wind", "ws")) and not any(part in low for part in ("dir", "deg", "gust")):
        return "wind_speed"
    return "other"


def align(
    covariates: list[Covariate], clock: Clock, known: Floats, origin: int, end: int, repairs: Repairs
) -> tuple[dict[str, Floats], dict[str, str], list[Finding]]:
    """Covariates on the clock of the series, up to the end of the horizon.

    Args:
        covariates: The inputs.
        clock: The clock of the series.
        known: The series, shape (n,), NaN where missing.
        origin: Position of the first interval to forecast.
        end: Position past the last one.
        repairs: Whether to go without a covariate that does not cover the horizon.

    Returns:
        Values of each usable covariate, shape (end,), their kinds, and what was found.

    Raises:
        MissingCovariates: One does not cover the horizon or the history, and may not be left out.
    """
    values: dict[str, Floats] = {}
    kinds: dict[str, str] = {}
    found: list[Finding] = []
    for covariate in covariates:
        line, more = on_clock(covariate, clock, end)
        more += [
            finding
            for finding in (
                missing_future(covariate, line, clock, origin),
                missing_past(covariate, line, known),
            )
            if finding
        ]
        fatal = [finding for finding in more if finding.severity == "error"]
        if fatal and not repairs.covariates:
            raise MissingCovariates(fatal[0].detail)
        found += [finding.repaired("left out") if finding in fatal else finding for finding in more]
        if not fatal:
            values[covariate.name], kinds[covariate.name] = line, covariate.kind
    return values, kinds, found


def on_clock(covariate: Covariate, clock: Clock, end: int) -> tuple[Floats, list[Finding]]:
    """A covariate at the beginnings of the intervals up to `end`, linear between points up to 3 hours apart."""
    try:
        points, found = known_points(covariate.points, covariate.name)
    except ForecastError as error:
        return np.full(end, np.nan), [Finding("covariate_invalid", "error", str(error), field=covariate.name)]
    points, more = without_duplicates(points, Repairs("last"), covariate.name)
    spacing = max(usual_spacing_s(points.instants_s), clock.step_s)
    instants = clock.instants(np.arange(end))
    line = np.interp(instants, points.instants_s, points.values, left=np.nan, right=np.nan)
    after = np.searchsorted(points.instants_s, instants, side="right")
    before = points.instants_s[np.maximum(after - 1, 0)]
    following = points.instants_s[np.minimum(after, len(points.instants_s) - 1)]
    bridge = max(LONGEST_BRIDGE_S, spacing)
    line[(instants != before) & (following - before > bridge)] = np.nan
    held = (instants > points.instants_s[-1]) & (instants < points.instants_s[-1] + spacing)
    line[held] = points.values[-1]
    return line, found + more


def missing_future(covariate: Covariate, line: Floats, clock: Clock, origin: int) -> Finding | None:
    """The finding that a covariate is unknown in a part of the horizon."""
    missing = np.isnan(line)
    missing[:origin] = False
    n = int(missing.sum())
    if not n:
        return None
    detail = f"{covariate.name} is missing in {n} of {len(line) - origin} intervals of the horizon"
    return Finding("future_covariate_missing", "error", detail, n, spans_of(missing, clock), covariate.name)


def missing_past(covariate: Covariate, line: Floats, known: Floats) -> Finding | None:
    """The finding that a covariate is unknown where the series is known."""
    there = np.isfinite(known[: len(line)])
    share = np.isfinite(line[: len(known)][there]).mean() if there.any() else 0.0
    if share == 1.0:
        return None
    severity = "warning" if share >= LEAST_HISTORY else "error"
    detail = f"{covariate.name} covers {share:.0%} of the history"
    n = int(there.sum() * (1 - share))
    return Finding("covariate_history_missing", severity, detail, n, field=covariate.name)
