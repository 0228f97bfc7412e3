"""A fitted forecaster: what a later request needs to skip the fit."""

from dataclasses import dataclass, replace

import numpy as np

from gridjobs_workers.forecasting import calibration, features
from gridjobs_workers.forecasting.blend import Blend
from gridjobs_workers.forecasting.checks import days_of
from gridjobs_workers.forecasting.clock import DAY_S, Floats, Ints
from gridjobs_workers.forecasting.errors import HistoryTooShort, IncompatibleModel
from gridjobs_workers.forecasting.features import Known, Table
from gridjobs_workers.forecasting.nights import awake
from gridjobs_workers.forecasting.scaling import Scale
from gridjobs_workers.forecasting.signature import Signature
from gridjobs_workers.forecasting.stages import (
    Issue,
    Stage,
    forecast_origins,
    issue_for,
    stages_for,
    training_origins,
)
from gridjobs_workers.forecasting.trees import in_normal_scores

STANDARD_LEVELS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
OUTERMOST = 0.01  # further out the data say too little: extended in normal scores
LEAST_ROWS = 200
MOST_ROWS = 40_000
TRAINING_DAYS = 800  # two winters and two summers: what is older costs more time than it helps
Limits = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted forecaster.

    Attributes:
        signature: What it was fitted to.
        scale: Brings the series to standard units.
        issue: When it supposes forecasts to be issued; the phase counts from 1970-01-01 00:00 of the clock.
        horizon: Intervals it reaches ahead.
        stages: The parts of the horizon, each with its fitted blend.
        levels: Levels it was fitted at.
        trained_from_s: Beginning of the history it saw [s since 1970 UTC].
        trained_until_s: End of that history.
        days: Days of known values in it.
    """

    signature: Signature
    scale: Scale
    issue: Issue
    horizon: int
    stages: tuple[tuple[Stage, Blend], ...]
    levels: Floats
    trained_from_s: int
    trained_until_s: int
    days: float


def fit(known: Known, origin: int, horizon: int, levels: Floats, limits: Limits = (None, None)) -> Model:
    """Fit a model to what is known before an origin.

    Args:
        known: Series and surroundings; covariates reach over the horizon.
        origin: Position of the first interval to forecast.
        horizon: Intervals to forecast.
        levels: Quantile levels that will be asked for; others can be, too.
        limits: Physical limits in the unit of the series.

    Raises:
        HistoryTooShort: Fewer than 200 usable rows.
    """
    past = known.until(origin)
    scale = Scale.of(past.values)
    standard = replace(past, values=scale.to_standard(past.values))
    issue = issue_for(origin, horizon, known.clock.per_day)
    all_levels = fitted_levels(levels)
    bounds = standard_limits(limits, scale)
    days = days_of(past.values, known.clock)
    stages = tuple(
        (stage, fit_stage(standard, stage, issue, all_levels, days, bounds))
        for stage in stages_for(horizon, known.clock.per_day)
    )
    first = int(np.flatnonzero(np.isfinite(past.values))[0])
    return Model(
        Signature.of(known),
        scale,
        Issue(issue.per_day, absolute_phase(issue, known), issue.tile),
        horizon,
        stages,
        all_levels,
        int(known.clock.instants(first)),
        int(known.clock.instants(origin)),
        days,
    )


def fit_stage(
    known: Known, stage: Stage, issue: Issue, levels: Floats, days: float, bounds: tuple[float, float]
) -> Blend:
    """Fit the blend of one stage, in standard units."""
    targets = np.flatnonzero(np.isfinite(known.values))
    targets = targets[targets >= len(known.values) - TRAINING_DAYS * known.clock.per_day]
    if len(targets) > MOST_ROWS:
        targets = targets[np.linspace(0, len(targets) - 1, MOST_ROWS).astype(np.int64)]
    origins = training_origins(targets, stage, issue)
    table = features.build(known, targets, origins, stage.last_day, recent=issue.phase is None)
    usable = np.isfinite(table["lag_week"]) | np.isfinite(table["lag_near"])
    alive = awake(known, table)
    rows = usable & alive
    if rows.sum() < LEAST_ROWS:
        raise HistoryTooShort(
            f"{int(rows.sum())} usable rows, at least {LEAST_ROWS} are needed to fit a model"
        )
    dormant = 1 - float(alive[usable].mean())
    return calibration.fit(
        Table(table.names, table.x[rows]), known.values[targets[rows]], levels, days, *bounds, dormant
    )


def predict(
    model: Model, known: Known, origin: int, horizon: int, levels: Floats, limits: Limits = (None, None)
) -> Floats:
    """Quantiles from a fitted model, in the unit of the series, shape (horizon, n_level), never crossing.

    Raises:
        IncompatibleModel: The input is not what the model was fitted to, or the horizon reaches further.
    """
    check_fits(model, known, horizon)
    begin = max(0, origin - reach(model))
    near = known.until(origin).since(begin)
    near = replace(near, values=model.scale.to_standard(near.values))
    origin -= begin
    targets = np.arange(origin, origin + horizon)
    issue = Issue(model.issue.per_day, relative_phase(model.issue, near), model.issue.tile)
    origins, day = forecast_origins(targets, origin, issue, model.stages[-1][0].last_day)
    bounds = standard_limits(limits, model.scale)
    q = np.empty((horizon, len(model.levels)))
    for stage, fitted in model.stages:
        rows = (day >= stage.first_day) & (day <= stage.last_day)
        if rows.any():
            q[rows] = predict_stage(
                fitted, near, targets[rows], origins[rows], stage, issue, model.scale, bounds
            )
    wanted = in_normal_scores(model.scale.from_standard(q), model.levels, levels)
    low, high = (-np.inf if limits[0] is None else limits[0]), (np.inf if limits[1] is None else limits[1])
    return np.clip(np.sort(wanted, axis=1), low, high)


def predict_stage(
    fitted: Blend,
    known: Known,
    targets: Ints,
    origins: Ints,
    stage: Stage,
    issue: Issue,
    scale: Scale,
    bounds: tuple[float, float],
) -> Floats:
    """Quantiles of the targets of one stage in standard units, shape (n, n_level)."""
    table = features.build(known, targets, origins, stage.last_day, recent=issue.phase is None)
    if table.names != fitted.names:
        raise IncompatibleModel("the model looks at other features than this engine makes")
    q = fitted.predict(table, *bounds)
    asleep = ~awake(known, table)
    night = np.nan_to_num(table["day7_mean"][asleep], nan=float(scale.to_standard(np.zeros(1))[0]))
    q[asleep] = np.clip(night, *bounds)[:, None]
    return q


def fitted_levels(levels: Floats) -> Floats:
    """The standard levels and those asked for that data can speak of, increasing."""
    inner = [float(level) for level in levels if OUTERMOST <= level <= 1 - OUTERMOST]
    return np.unique(np.round([*STANDARD_LEVELS, *inner], 6))


def standard_limits(limits: Limits, scale: Scale) -> tuple[float, float]:
    """Limits in standard units, infinite where there is none."""
    low = -np.inf if limits[0] is None else (limits[0] - scale.centre) / scale.spread
    high = np.inf if limits[1] is None else (limits[1] - scale.centre) / scale.spread
    return low, high


def reach(model: Model) -> int:
    """Intervals before the origin that features look at."""
    return (features.REACH_DAYS + model.stages[-1][0].last_day + 1) * model.issue.per_day


def absolute_phase(issue: Issue, known: Known) -> int | None:
    """The phase counted from 1970-01-01 00:00 of the clock."""
    start = known.clock.origin_s // known.clock.step_s
    return None if issue.phase is None else (issue.phase + start) % issue.per_day


def relative_phase(issue: Issue, known: Known) -> int | None:
    """The phase counted from position 0 of this input."""
    start = known.clock.origin_s // known.clock.step_s
    return None if issue.phase is None else (issue.phase - start) % issue.per_day


def check_fits(model: Model, known: Known, horizon: int) -> None:
    """Refuse an input that the model was not fitted to.

    Raises:
        IncompatibleModel: It differs in resolution, kind, place or covariates, or the horizon is longer.
    """
    model.signature.check(known)
    longest = (
        model.horizon if model.issue.phase is None else model.stages[-1][0].last_day * model.issue.per_day
    )
    if horizon > longest:
        raise IncompatibleModel(f"the model reaches {longest} intervals ahead, not {horizon}")


def age_s(model: Model, issued_s: int) -> int:
    """Seconds since the end of the history that the model saw."""
    return issued_s - model.trained_until_s


def oldest_s(model: Model) -> int:
    """Age up to which one training lasts: 14 days below half a year of history, else 56."""
    return (14 if model.days < calibration.CALIBRATED_DAYS else 56) * DAY_S


def hold_out_scores(model: Model) -> list[dict[str, float]]:
    """Scores of each stage on its hold-out, losses in the unit of the series; see `calibration.scores_of`."""
    in_units = ("pinball_mean", "crps", "mae", "interval_width_90")
    return [
        {"first_day": stage.first_day, "last_day": stage.last_day}
        | {
            name: value * (model.scale.spread if name in in_units else 1)
            for name, value in fitted.scores.items()
        }
        for stage, fitted in model.stages
    ]
