"""Weight, conformal shift and scores of a blend, from a hold-out at the end of the history."""

from dataclasses import replace

import numpy as np

from gridjobs_workers.forecasting import scores
from gridjobs_workers.forecasting.blend import Blend, fit_parts, width
from gridjobs_workers.forecasting.clock import Floats
from gridjobs_workers.forecasting.features import Table

CALIBRATED_DAYS, CALIBRATED_ROWS = 182, 1000  # below them the hold-out misleads more than it helps
SCORED_DAYS, SCORED_ROWS = 28, 400  # below them it scores nothing of worth
HELD_OUT = 0.2
SHRINKAGE = 0.5  # of the conformal shift towards none
WEIGHTS = np.linspace(0, 1, 9)


def fit(
    table: Table, y: Floats, levels: Floats, days: float, low: float, high: float, dormant: float
) -> Blend:
    """Fit a blend, score it, and with half a year of history decide its weight and a conformal shift.

    Args:
        table: Features in the order of time.
        y: Targets in standard units, shape (n_row,).
        levels: See `Blend`.
        days: Length of the history [days].
        low: Lower limit in standard units, may be −inf.
        high: Upper limit, may be inf.
        dormant: Share of intervals in which the series certainly stands still, which are not among the rows.

    References:
        Y. Romano, E. Patterson, E. Candès, "Conformalized Quantile Regression", NeurIPS 2019.
    """
    fitted = fit_parts(table, y, levels, days)
    if days < SCORED_DAYS or len(y) < SCORED_ROWS:
        return fitted
    early, late, seen = held_out(table, y, levels, days)
    if days >= CALIBRATED_DAYS and len(y) >= CALIBRATED_ROWS:
        weight, shift = calibrate(early, late, seen, (low, high), dormant)
        early = replace(early, weight=weight, widening=1.0, shift=shift)
        fitted = replace(fitted, weight=weight, widening=1.0, shift=shift)
    return replace(fitted, scores=scores_of(early.predict(late, low, high), seen, levels, late["lag_week"]))


def held_out(table: Table, y: Floats, levels: Floats, days: float) -> tuple[Blend, Table, Floats]:
    """A blend of the first four fifths of the history, and the features and targets of the last.

    Two rows of five are enough for that fit, and spare time; five divides no usual day into equal parts, so that
    every time of day is among them.
    """
    n = int(len(y) * (1 - HELD_OUT))
    some = np.flatnonzero(np.isin(np.arange(n) % 5, (0, 2)))
    early = fit_parts(Table(table.names, table.x[some]), y[some], levels, days)
    return early, Table(table.names, table.x[n:]), y[n:]


def calibrate(
    early: Blend, late: Table, seen: Floats, limits: tuple[float, float], dormant: float
) -> tuple[float, Floats]:
    """Weight of the linear part, and the conformal shift of each quantile in widths of the 80 % interval."""
    levels = early.levels
    a, b = early.parts(late, *limits)
    losses = [scores.pinball(seen, w * a + (1 - w) * b, levels).mean() for w in WEIGHTS]
    weight = 0.25 * early.weight + 0.75 * float(WEIGHTS[np.argmin(losses)])
    q = weight * a + (1 - weight) * b
    wide = width(q, levels)
    off = (seen[:, None] - q) / wide
    alive = wide[:, 0] > 0.02 * np.quantile(wide, 0.95)
    wanted = marginal_levels(levels, dormant)
    shift = np.array([np.quantile(off[alive, i], level) for i, level in enumerate(wanted)])
    return weight, np.where(np.isclose(wanted, levels, atol=1e-9), SHRINKAGE, 1.0) * shift


def marginal_levels(levels: Floats, dormant: float) -> Floats:
    """Levels to calibrate at, when a share of the intervals is certain and always covered, shape (n_level,).

    Only the outermost levels move, those of the 90 % interval and beyond, so that its coverage over all
    intervals, nights included, comes near what its name says.
    """
    factor = min(1 / (1 - dormant), 2.0)
    tail = np.minimum(levels, 1 - levels)
    moved = np.maximum(tail, np.minimum(tail, 0.05) * factor)
    return np.where(levels < 0.5, moved, 1 - moved)


def scores_of(q: Floats, y: Floats, levels: Floats, last_week: Floats) -> dict[str, float]:
    """Scores of quantiles, in the unit of the observations where they have one.

    `mae_relative` is over the same interval of last week. The model that is scored saw less than the one that is
    kept; its weight and shift, where there are any, were chosen on these very rows.
    """
    found = {
        "n": float(len(y)),
        "pinball_mean": float(scores.pinball(y, q, levels).mean()),
        "crps": scores.crps(y, q, levels),
        "mae": scores.mae(y, q, levels),
        "picp_90": scores.picp(y, q, levels)[0.9],
        "interval_width_90": scores.interval_width(q, levels)[0.9],
    }
    both = np.isfinite(last_week)
    if both.any():
        found["mae_relative"] = scores.mae_relative(y[both], q[both], levels, last_week[both])
    return {name: value for name, value in found.items() if np.isfinite(value)}
