"""Roll the forecast origin over the history and score what would have been forecast."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gridjobs_workers.forecasting import model, naive, scores
from gridjobs_workers.forecasting.checks import days_of
from gridjobs_workers.forecasting.clock import DAY_S, HOUR_S, Floats, Ints
from gridjobs_workers.forecasting.errors import HistoryTooShort
from gridjobs_workers.forecasting.features import Known
from gridjobs_workers.forecasting.ladder import CORE_DAYS
from gridjobs_workers.forecasting.model import STANDARD_LEVELS, Limits, Model
from gridjobs_workers.forecasting.prepare import checked_levels

MOST_LEADS = 24  # groups of lead times in a report


@dataclass(frozen=True, slots=True)
class Plan:
    """Which origins a back-test rolls over.

    Attributes:
        origins: Positions of the first interval to forecast, increasing, shape (n,).
        horizon: Intervals to forecast from each.
        refit_s: A model older than this is fitted anew [s].
        gate: Intervals before the origin at which the history was known, e.g. a market gate the day before.
    """

    origins: Ints
    horizon: int
    refit_s: int = 56 * DAY_S
    gate: int = 0


@dataclass(frozen=True, slots=True)
class Rolled:
    """Every forecast of a back-test, one row an interval; only those with an observation.

    Attributes:
        instants_s: Beginnings of the intervals [s since 1970 UTC], shape (n,).
        lead_times_s: From the issue time to the beginning of each [s], shape (n,).
        observed: Observations, shape (n,).
        levels: Quantile levels, shape (n_level,).
        quantiles: Forecasts, shape (n, n_level).
        reference: Point forecast of the weekly seasonal naive, shape (n,), NaN where it has none.
        reference_quantiles: Its quantiles, shape (n, n_level), NaN where it has none.
        fits: How many models were fitted.
    """

    instants_s: Ints
    lead_times_s: Ints
    observed: Floats
    levels: Floats
    quantiles: Floats
    reference: Floats
    reference_quantiles: Floats
    fits: int


def daily_origins(known: Known, first: int, horizon: int, stride: int | None = None) -> Ints:
    """Origins every day (or every `stride` intervals) from a position, as long as a horizon follows."""
    return np.arange(first, len(known.values) - horizon + 1, stride or known.clock.per_day)


def roll(
    known: Known,
    plan: Plan,
    levels: Sequence[float] = STANDARD_LEVELS,
    limits: Limits = (None, None),
    progress: Callable[[float], None] | None = None,
) -> Rolled:
    """Forecast from each origin with what was known then; covariates count as known ahead.

    Raises:
        HistoryTooShort: The first origin has less than three weeks of history, or there is no origin.
    """
    wanted = checked_levels(levels)
    if not len(plan.origins) or days_of(known.values[: plan.origins[0] - plan.gate], known.clock) < CORE_DAYS:
        raise HistoryTooShort("a back-test needs three weeks of known values before its first origin")
    fitted: Model | None = None
    fits, rows = 0, []
    for done, origin in enumerate(plan.origins):
        issued = int(origin) - plan.gate
        issued_s = int(known.clock.instants(issued))
        if fitted is None or issued_s - fitted.trained_until_s >= plan.refit_s:
            fitted = model.fit(known.until(issued), issued, plan.horizon + plan.gate, wanted, limits)
            fits += 1
        rows.append(one_origin(known, fitted, issued, plan, wanted, limits))
        if progress:
            progress((done + 1) / len(plan.origins))
    columns = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
    instants, leads, observed, q, point, reference = columns
    return Rolled(instants, leads, observed, wanted, q, point, reference, fits)


def one_origin(
    known: Known, fitted: Model, issued: int, plan: Plan, levels: Floats, limits: Limits
) -> tuple[Ints, Ints, Floats, Floats, Floats, Floats]:
    """Instants, lead times, observations, quantiles, and the reference's point and quantiles of one origin."""
    ahead = plan.horizon + plan.gate
    q = model.predict(fitted, known, issued, ahead, levels, limits)[plan.gate :]
    point, reference = naive.weekly(known.until(issued), issued, ahead, levels)
    targets = np.arange(issued + plan.gate, issued + ahead)
    observed = known.values[targets]
    seen = np.isfinite(observed)
    instants = known.clock.instants(targets)
    leads = instants - known.clock.instants(issued)
    parts = (instants, leads, observed, q, point[plan.gate :], reference[plan.gate :])
    return tuple(part[seen] for part in parts)  # type: ignore[return-value]


def report(rolled: Rolled) -> dict[str, object]:
    """Scores over all lead times and per group of lead times; see `scores` for each.

    Skill and mae_relative refer to the weekly seasonal naive, on the intervals where it has a forecast.
    """
    all_rows = np.ones(len(rolled.observed), np.bool_)
    edges = lead_edges(rolled.lead_times_s)
    groups = []
    for begin, end in pairwise(edges):
        rows = (rolled.lead_times_s >= begin) & (rolled.lead_times_s < end)
        if rows.any():
            groups.append(
                {"lead_time_from_s": int(begin), "lead_time_to_s": int(end), **score_rows(rolled, rows)}
            )
    return {"overall": score_rows(rolled, all_rows), "by_lead_time": groups, "fits": rolled.fits}


def lead_edges(leads_s: Ints) -> Ints:
    """Edges of at most 24 groups of lead times, whole hours wide where the horizon allows [s]."""
    end = int(leads_s.max()) + 1
    wide = -(-end // MOST_LEADS)
    wide = -(-wide // HOUR_S) * HOUR_S if end > MOST_LEADS * 300 else max(wide, 300)
    return np.arange(0, end + wide, wide)


def score_rows(rolled: Rolled, rows: "np.typing.NDArray[np.bool_]") -> dict[str, object]:
    """All scores on some rows."""
    y, q, levels = rolled.observed[rows], rolled.quantiles[rows], rolled.levels
    loss = scores.pinball(y, q, levels)
    return {
        "n": len(y),
        "pinball": {f"{level:g}": float(value) for level, value in zip(levels, loss, strict=True)},
        "pinball_mean": float(loss.mean()),
        "crps": scores.crps(y, q, levels),
        "rcrps": scores.rcrps(y, q, levels),
        "picp": scores.picp(y, q, levels),
        "interval_width": scores.interval_width(q, levels),
        "calibration_error": scores.calibration_error(y, q, levels),
        "crossing_rate": scores.crossing_rate(q),
        "mae": scores.mae(y, q, levels),
        "mae_range_normalised": scores.mae_range_normalised(y, q, levels),
        **against_reference(rolled, rows),
    }


def against_reference(rolled: Rolled, rows: "np.typing.NDArray[np.bool_]") -> dict[str, float | None]:
    """Skill and relative MAE on the rows where the reference has a forecast, None where it has none."""
    both = rows & np.isfinite(rolled.reference_quantiles).all(axis=1)
    if not both.any():
        return {"skill": None, "mae_relative": None}
    y, q, levels = rolled.observed[both], rolled.quantiles[both], rolled.levels
    other = scores.pinball(y, rolled.reference_quantiles[both], levels).mean()
    values = {
        "skill": scores.skill(float(scores.pinball(y, q, levels).mean()), float(other)),
        "mae_relative": scores.mae_relative(y, q, levels, rolled.reference[both]),
    }
    return {name: value if np.isfinite(value) else None for name, value in values.items()}
