"""Linear quantiles and trees together: weight, conformal shift, limits."""

from dataclasses import dataclass, replace

import numpy as np

from gridjobs_workers.forecasting import anchor, linear, trees
from gridjobs_workers.forecasting.clock import Floats
from gridjobs_workers.forecasting.design import Knots, find_knots, linear_design
from gridjobs_workers.forecasting.features import Table
from gridjobs_workers.forecasting.scores import pinball

CALIBRATED_DAYS = 182  # below it a hold-out of a fifth misleads more than it helps
WIDENING = 1.15  # without a hold-out: what quantiles of a few weeks are too narrow by, as measured
HELD_OUT = 0.2
SHRINKAGE = 0.5  # of the conformal shift towards none
EVEN_WEIGHT, SHORT_WEIGHT = (
    0.5,
    0.3,
)  # of the linear part, without a hold-out; a short horizon suits trees better
WEIGHTS = np.linspace(0, 1, 9)


@dataclass(frozen=True, slots=True)
class Blend:
    """A fitted forecaster of one stage, in standard units.

    Attributes:
        levels: Quantile levels, shape (n_level,), increasing, with 0.1, 0.5 and 0.9 among them.
        knots: Where the linear part bends.
        linear: The linear part.
        trees: The trees.
        anchor: What the trees start from in a short forecast, see `anchor`; else empty.
        weight: Share of the linear part.
        widening: Factor on the distance from the median.
        shift: Conformal shift of each quantile in widths of the 80 % interval, shape (n_level,).
    """

    levels: Floats
    knots: Knots
    linear: linear.Linear
    trees: trees.Trees
    anchor: Floats
    weight: float
    widening: float
    shift: Floats

    def predict(self, table: Table, low: float, high: float) -> Floats:
        """Quantiles of each row between the limits, shape (n_row, n_level), sorted."""
        a, b = self.parts(table, low, high)
        q = self.weight * a + (1 - self.weight) * b
        middle = q[:, [column(self.levels, 0.5)]]
        q = middle + self.widening * (q - middle) + self.shift * width(q, self.levels)
        return np.clip(np.sort(q, axis=1), low, high)

    def parts(self, table: Table, low: float, high: float) -> tuple[Floats, Floats]:
        """Quantiles by the linear part and by the trees, each shape (n_row, n_level)."""
        a = self.linear.predict(linear_design(table, self.knots))
        b = self.trees.predict(table.x, self.levels) + anchor.apply(self.anchor, table)[:, None]
        return np.clip(a, low, high), np.clip(b, low, high)


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
    fitted = fit_parts(table, y, levels, days)
    if days < CALIBRATED_DAYS:
        return fitted
    weight, shift = calibrate(table, y, levels, days, (low, high), dormant)
    return replace(fitted, weight=weight, widening=1.0, shift=shift)


def fit_parts(table: Table, y: Floats, levels: Floats, days: float) -> Blend:
    """Both parts at the weights that suit a short history."""
    knots = find_knots(table, days)
    start = anchor.fit(table, y)
    a = linear.fit(linear_design(table, knots), y, levels)
    b = trees.fit(table.x, y - anchor.apply(start, table), trees.tree_count(days))
    weight = SHORT_WEIGHT if start.size else EVEN_WEIGHT
    return Blend(levels, knots, a, b, start, weight, WIDENING, np.zeros(len(levels)))


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
    early = fit_parts(Table(table.names, table.x[some]), y[some], levels, days)
    qa, qb = early.parts(late, *limits)
    seen = y[n:]
    losses = [pinball(seen, w * qa + (1 - w) * qb, levels).mean() for w in WEIGHTS]
    weight = 0.25 * early.weight + 0.75 * float(WEIGHTS[np.argmin(losses)])
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
