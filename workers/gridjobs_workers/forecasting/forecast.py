"""Forecast quantiles from whatever history there is, and say how."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridjobs_workers.forecasting import ladder, model
from gridjobs_workers.forecasting.checks import days_of
from gridjobs_workers.forecasting.clock import Floats, Ints
from gridjobs_workers.forecasting.errors import HistoryTooShort
from gridjobs_workers.forecasting.features import Known
from gridjobs_workers.forecasting.findings import Finding
from gridjobs_workers.forecasting.model import STANDARD_LEVELS, Limits, Model
from gridjobs_workers.forecasting.prepare import Prepared, check_limits, checked_levels
from gridjobs_workers.forecasting.scaling import Scale

PHASE_TOLERANCE_S = 2 * 3600  # a time change, and a little


@dataclass(frozen=True, slots=True)
class Forecast:
    """A quantile forecast.

    Attributes:
        instants_s: Beginnings of the intervals [s since 1970 UTC], shape (n,).
        ends_s: Their ends, shape (n,).
        lead_times_s: From the issue time to the beginning of each interval [s], shape (n,).
        levels: Quantile levels, shape (n_level,), increasing.
        quantiles: In the unit of the series, shape (n, n_level), never crossing, within the limits.
        method: "core", "climatology_and_core", "climatology", "previous_day" or "constant".
        findings: What was found in the input and on the way.
        model: The fitted model, where one was used.
    """

    instants_s: Ints
    ends_s: Ints
    lead_times_s: Ints
    levels: Floats
    quantiles: Floats
    method: str
    findings: tuple[Finding, ...]
    model: Model | None


def forecast(
    prepared: Prepared,
    levels: Sequence[float] = STANDARD_LEVELS,
    limits: Limits = (None, None),
    fitted: Model | None = None,
) -> Forecast:
    """Forecast the horizon, with a fitted model or with the best method that the history allows.

    Args:
        prepared: The checked input.
        levels: Quantile levels, 0.001 to 0.999, in any order.
        limits: Physical limits in the unit of the series, None where there is none.
        fitted: A model of an earlier request; without it one is fitted, given three weeks of history.

    Raises:
        ForecastError: No forecast is possible; the narrow class and its code say why.
    """
    wanted = checked_levels(levels)
    check_limits(*limits)
    if prepared.constant and fitted is None:
        q, method, used, more = constant(prepared, wanted), "constant", None, []
    elif fitted is not None:
        q = model.predict(fitted, prepared.known, prepared.origin, prepared.horizon, wanted, limits)
        method, used, more = "core", fitted, reuse_findings(fitted, prepared)
    else:
        q, method, used, more = by_ladder(prepared, wanted, limits)
    low, high = (-np.inf if limits[0] is None else limits[0]), (np.inf if limits[1] is None else limits[1])
    return dressed(prepared, wanted, np.clip(np.sort(q, axis=1), low, high), method, used, more)


def dressed(
    prepared: Prepared, levels: Floats, q: Floats, method: str, used: Model | None, more: list[Finding]
) -> Forecast:
    """Quantiles with their times and findings."""
    clock = prepared.known.clock
    edges = clock.instants(np.arange(prepared.origin, prepared.origin + prepared.horizon + 1))
    leads = edges[:-1] - prepared.issued_s
    return Forecast(edges[:-1], edges[1:], leads, levels, q, method, prepared.findings + tuple(more), used)


def by_ladder(
    prepared: Prepared, levels: Floats, limits: Limits
) -> tuple[Floats, str, Model | None, list[Finding]]:
    """Quantiles by the best method that the history allows, its name, the model and why it was not the core."""
    known, origin, horizon = prepared.known, prepared.origin, prepared.horizon
    days = days_of(known.values, known.clock)
    method = ladder.method_for(days)
    if method == "core":
        try:
            used = model.fit(known, origin, horizon, levels, limits)
        except HistoryTooShort as error:
            return (
                ladder.climatology(known, origin, horizon, levels),
                "climatology",
                None,
                [short(str(error))],
            )
        return model.predict(used, known, origin, horizon, levels, limits), "core", used, []
    finding = short(f"{days:.1f} days of known values: {method} instead of a fitted model")
    if method == "previous_day":
        return ladder.previous_day(known, origin, horizon, levels), method, None, [finding]
    q = ladder.climatology(known, origin, horizon, levels)
    if not known.covariates:
        return q, method, None, [finding]
    return with_core(known, origin, horizon, levels, limits, q, finding)


def with_core(
    known: Known, origin: int, horizon: int, levels: Floats, limits: Limits, q: Floats, finding: Finding
) -> tuple[Floats, str, Model | None, list[Finding]]:
    """A climatology averaged with the core, which knows the weather, where the core can be fitted."""
    try:
        used = model.fit(known, origin, horizon, levels, limits)
    except HistoryTooShort:
        return q, "climatology", None, [finding]
    core = model.predict(used, known, origin, horizon, levels, limits)
    return (q + core) / 2, "climatology_and_core", None, [finding]


def constant(prepared: Prepared, levels: Floats) -> Floats:
    """The one value that the series has, shape (horizon, n_level).

    Raises:
        HistoryTooShort: There are less than two days of it.
    """
    values = prepared.known.values
    ladder.method_for(days_of(values, prepared.known.clock))
    return np.full((prepared.horizon, len(levels)), values[np.isfinite(values)][-1])


def short(detail: str) -> Finding:
    """The finding that the history is too short for the core."""
    return Finding("history_short", "warning", detail)


def reuse_findings(fitted: Model, prepared: Prepared) -> list[Finding]:
    """What speaks against a stored model: its age, another time of issue, another magnitude of the series."""
    found = []
    age = model.age_s(fitted, prepared.issued_s)
    if age > model.oldest_s(fitted):
        found.append(Finding("model_old", "warning", f"the model was trained {age // 86_400} days ago"))
    if age < 0:
        found.append(
            Finding("model_saw_the_future", "warning", "the model was trained on later values than these")
        )
    phase = model.relative_phase(fitted.issue, prepared.known)
    step_s = prepared.known.clock.step_s
    if phase is not None:
        late = (prepared.origin - phase) % fitted.issue.per_day
        apart_s = min(late, fitted.issue.per_day - late) * step_s
        if apart_s > PHASE_TOLERANCE_S:
            detail = f"the model expects forecasts to be issued {apart_s // 60} minutes from this time of day"
            found.append(Finding("issue_time_differs", "warning", detail))
    return found + magnitude_findings(fitted, prepared.known)


def magnitude_findings(fitted: Model, known: Known) -> list[Finding]:
    """Whether the series is of another magnitude than the one the model was fitted to."""
    recent = known.values[-28 * known.clock.per_day :]
    here = Scale.of(recent)
    ratio = here.spread / fitted.scale.spread if fitted.scale.spread else np.inf
    moved = abs(here.centre - fitted.scale.centre) / fitted.scale.spread
    if 1 / 30 < ratio < 30 and moved < 30:
        return []
    return [
        Finding(
            "other_magnitude", "warning", "the series is of another magnitude than the model was fitted to"
        )
    ]


def without_model(result: Forecast) -> Forecast:
    """The same forecast without its model, as light as what is sent."""
    return replace(result, model=None)
