"""Linear quantiles and trees together."""

from dataclasses import dataclass, field

import numpy as np

from gridjobs_workers.forecasting import anchor, linear, trees
from gridjobs_workers.forecasting.clock import Floats
from gridjobs_workers.forecasting.design import Knots, find_knots, linear_design
from gridjobs_workers.forecasting.features import Table

WIDENING = 1.15  # without a hold-out: what quantiles of a few weeks are too narrow by, as measured
EVEN_WEIGHT, SHORT_WEIGHT = (
    0.5,
    0.3,
)  # of the linear part, without a hold-out; a short horizon suits trees better


@dataclass(frozen=True, slots=True)
class Blend:
    """A fitted forecaster of one stage, in standard units.

    Attributes:
        names: The features it looks at, in order.
        levels: Quantile levels, shape (n_level,), increasing, with 0.1, 0.5 and 0.9 among them.
        knots: Where the linear part bends.
        linear: The linear part.
        trees: The trees.
        anchor: What the trees start from in a short forecast, see `anchor`; else empty.
        weight: Share of the linear part.
        widening: Factor on the distance from the median.
        shift: Conformal shift of each quantile in widths of the 80 % interval, shape (n_level,).
        scores: Scores on the hold-out in standard units, see `calibration.scores_of`; empty without one.
    """

    names: tuple[str, ...]
    levels: Floats
    knots: Knots
    linear: linear.Linear
    trees: trees.Trees
    anchor: Floats
    weight: float
    widening: float
    shift: Floats
    scores: dict[str, float] = field(default_factory=dict)

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


def fit_parts(table: Table, y: Floats, levels: Floats, days: float) -> Blend:
    """Both parts at the weights that suit a short history."""
    knots = find_knots(table, days)
    start = anchor.fit(table, y)
    a = linear.fit(linear_design(table, knots), y, levels)
    b = trees.fit(table.x, y - anchor.apply(start, table), trees.tree_count(days))
    weight = SHORT_WEIGHT if start.size else EVEN_WEIGHT
    return Blend(table.names, levels, knots, a, b, start, weight, WIDENING, np.zeros(len(levels)))


def width(q: Floats, levels: Floats) -> Floats:
    """Width of the 80 % interval of each row, shape (n_row, 1), never zero."""
    return np.maximum(q[:, [column(levels, 0.9)]] - q[:, [column(levels, 0.1)]], 1e-6)


def column(levels: Floats, level: float) -> int:
    """Which column holds a level."""
    return int(np.abs(levels - level).argmin())
