"""Linear quantiles and trees together: weight, conformal shift, limits."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.forecasting import linear, trees
from gridjobs_workers.forecasting.clock import Floats
from gridjobs_workers.forecasting.design import Knots, find_knots, linear_design
from gridjobs_workers.forecasting.features import Table
from gridjobs_workers.forecasting.scores import pinball

CALIBRATED_DAYS = 182  # below it a hold-out of a fifth misleads more than it helps
WIDENING = 1.15  # without a hold-out: what quantiles of a few weeks are too narrow by, as measured
HELD_OUT = 0.2
SHRINKAGE = 0.5  # of the conformal shift towards none
WEIGHTS = np.linspace(0, 1, 9)


@dataclass(frozen=True, slots=True)
class Blend:
    """A fitted forecaster of one stage, in standard units.

    Attributes:
        levels: Quantile levels, shape (n_level,), increasing, with 0.1, 0.5 and 0.9 among them.
        knots: Where the linear part bends.
        linear: The linear part.
        trees: The trees.
        weight: Share of the linear part.
        widening: Factor on the distance from the median.
        shift: Conformal shift of each quantile in widths of the 80 % interval, shape (n_level,).
    """

    levels: Floats
    knots: Knots
    linear: linear.Linear
    trees: trees.Trees
    weight: float
    widening: float
    shift: Floats

    def predict(self, table: Table, low: float, high: float) -> Floats:
        """Quantiles of each row between the limits, shape (n_row, n_level), sorted."""
        a, b = parts(self.linear, self.trees, self.knots, table, self.levels, (low, high))
        q = self.weight * a + (1 - self.weight) * b
        middle = q[:, [column(self.levels, 0.5)]]
        q = middle + self.widening * (q - middle) + self.shift * width(q, self.levels)
        return np.clip(np.sort(q, axis=1), low, high)


def fit(
    table: Table, y: Floats, levels: Floats, days: float, low: float, high: float, dormant: float
) -> Blend:
    """Fit both parts, and with half a year of history their weight and a conformal shift.

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
    weight, widening, shift = 0.5, WIDENING, np.zeros(len(levels))
    if days >= CALIBRATED_DAYS:
        weight, shift = calibrate(table, y, levels, days, (low, high), dormant)
        widening = 1.0
    knots, a, b = fit_parts(table, y, levels, days)
    return Blend(levels, knots, a, b, weight, widening, shift)


def fit_parts(
    table: Table, y: Floats, levels: Floats, days: float
) -> tuple[Knots, linear.Linear, trees.Trees]:
    """The knots, the linear part and the trees."""
    knots = find_knots(table, days)
    return (
        knots,
        linear.fit(linear_design(table, knots), y, levels),
        trees.fit(table.x, y, trees.tree_count(days)),
    )


def parts(
    a: linear.Linear, b: trees.Trees, knots: Knots, table: Table, levels: Floats, limits: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Quantiles by the linear part and by the trees, each shape (n_row, n_level)."""
    return (
        np.clip(a.predict(linear_design(table, knots)), *limits),
        np.clip(b.predict(table.x, levels), *limits),
    )


def calibrate(
    table: Table, y: Floats, levels: Floats, days: float, limits: tuple[float, float], dormant: float
) -> tuple[float, Floats]:
    """Weight of the linear part and conformal shifts, from a fit on the first four fifths of the history.

    Two rows of five are enough for that fit, and spare time; five divides no usual day into equal parts, so that
    every time of day is among them.
    """
    n = int(len(y) * (1 - HELD_OUT))
    some = np.flatnonzero(np.isin(np.arange(n) % 5, (0, 2)))
    late = Table(table.names, table.x[n:])
    knots, a, b = fit_parts(Table(table.names, table.x[some]), y[some], levels, days)
    qa, qb = parts(a, b, knots, late, levels, limits)
    seen = y[n:]
    losses = [pinball(seen, w * qa + (1 - w) * qb, levels).mean() for w in WEIGHTS]
    weight = 0.25 * 0.5 + 0.75 * float(WEIGHTS[np.argmin(losses)])
    q = weight * qa + (1 - weight) * qb
    wide = width(q, levels)
    off = (seen[:, None] - q) / wide
    alive = wide[:, 0] > 0.02 * np.quantile(wide, 0.95)
    wanted = marginal_levels(levels, dormant)
    shift = np.array([np.quantile(off[alive, i], level) for i, level in enumerate(wanted)])
    return weight, np.where(wanted == levels, SHRINKAGE, 1.0) * shift


def marginal_levels(levels: Floats, dormant: float) -> Floats:
    """Levels to calibrate at, when a share of the intervals is certain and always covered, shape (n_level,).

    Only the outermost levels move, those of the 90 % interval and beyond, so that its coverage over all
    intervals, nights included, comes near what its name says.
    """
    factor = min(1 / (1 - dormant), 2.0)
    tail = np.minimum(levels, 1 - levels)
    moved = np.maximum(tail, np.minimum(tail, 0.05) * factor)
    return np.where(levels < 0.5, moved, 1 - moved)


def width(q: Floats, levels: Floats) -> Floats:
    """Width of the 80 % interval of each row, shape (n_row, 1), never zero."""
    return np.maximum(q[:, [column(levels, 0.9)]] - q[:, [column(levels, 0.1)]], 1e-6)


def column(levels: Floats, level: float) -> int:
    """Which column holds a level."""
    return int(np.abs(levels - level).argmin())
