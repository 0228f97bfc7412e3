"""How good quantile forecasts are.

Every function takes observations `y`, shape (n,), and quantiles `q`, shape (n, n_level), of increasing `levels`,
shape (n_level,); all numbers known.
"""

import numpy as np

from gridjobs_workers.forecasting.clock import Floats

MEDIAN = 0.5


def pinball(y: Floats, q: Floats, levels: Floats) -> Floats:
    """Mean pinball loss of each level, in the unit of y, shape (n_level,).

    References:
        R. Koenker, G. Bassett, "Regression Quantiles", Econometrica 46(1), 1978.
    """
    error = y[:, None] - q
    loss: Floats = np.maximum(levels * error, (levels - 1) * error).mean(axis=0)
    return loss


def crps(y: Floats, q: Floats, levels: Floats) -> float:
    """Continuous ranked probability score, approximated on the grid of levels, in the unit of y.

    Twice the integral of the pinball loss over the levels, by the trapezoidal rule between the outermost levels
    and constant beyond them; for an even grid about twice the mean pinball loss. State the grid beside it.

    References:
        T. Gneiting, A. Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", Journal of the
        American Statistical Association 102, 2007.
    """
    loss = pinball(y, q, levels)
    inner = np.sum((loss[1:] + loss[:-1]) / 2 * np.diff(levels))
    return float(2 * (levels[0] * loss[0] + inner + (1 - levels[-1]) * loss[-1]))


def rcrps(y: Floats, q: Floats, levels: Floats) -> float:
    """CRPS over the range between the 1st and the 99th percentile of the observations; NaN where that is zero."""
    low, high = np.quantile(y, [0.01, 0.99])
    return float(crps(y, q, levels) / (high - low)) if high > low else float("nan")


def intervals(levels: Floats) -> list[tuple[float, int, int]]:
    """Central intervals that the levels hold: nominal coverage, column of the lower and of the upper bound."""
    pairs = []
    for i, level in enumerate(levels):
        match = np.flatnonzero(np.isclose(levels, 1 - level, atol=1e-9))
        if level < MEDIAN and match.size:
            pairs.append((float(round(1 - 2 * level, 10)), i, int(match[0])))
    return pairs


def picp(y: Floats, q: Floats, levels: Floats) -> dict[float, float]:
    """Share of observations inside each central interval, bounds included, by nominal coverage.

    References:
        A. Khosravi et al., "Comprehensive Review of Neural Network-Based Prediction Intervals and New Advances",
        IEEE Transactions on Neural Networks 22(9), 2011.
    """
    return {
        nominal: float(((y >= q[:, low]) & (y <= q[:, high])).mean())
        for nominal, low, high in intervals(levels)
    }


def interval_width(q: Floats, levels: Floats) -> dict[float, float]:
    """Mean width of each central interval in the unit of the quantiles, by nominal coverage."""
    return {nominal: float((q[:, high] - q[:, low]).mean()) for nominal, low, high in intervals(levels)}


def calibration_error(y: Floats, q: Floats, levels: Floats) -> float:
    """Mean distance between each level and the share of observations at or below its quantile.

    Where an observation equals the quantile, as at night for the sun, it counts for the part that fits best.
    """
    below = (y[:, None] < q).mean(axis=0)
    up_to = (y[:, None] <= q).mean(axis=0)
    return float(np.abs(np.clip(levels, below, up_to) - levels).mean())


def crossing_rate(q: Floats) -> float:
    """Share of rows in which some quantile lies below that of a lower level."""
    return float((np.diff(q, axis=1) < 0).any(axis=1).mean()) if len(q) else 0.0


def mae(y: Floats, q: Floats, levels: Floats) -> float:
    """Mean absolute error of the median, in the unit of y."""
    return float(np.abs(y - median(q, levels)).mean())


def mae_relative(y: Floats, q: Floats, levels: Floats, reference: Floats) -> float:
    """MAE of the median over the MAE of a reference's point forecast, shape (n,); NaN where that is zero.

    References:
        R. Hyndman, A. Koehler, "Another look at measures of forecast accuracy", International Journal of
        Forecasting 22(4), 2006.
    """
    other = float(np.abs(y - reference).mean())
    return mae(y, q, levels) / other if other > 0 else float("nan")


def mae_range_normalised(y: Floats, q: Floats, levels: Floats) -> float:
    """MAE of the median over the range of the observations (OpenSTEF's rMAE); NaN where that is zero."""
    span = float(np.ptp(y))
    return mae(y, q, levels) / span if span > 0 else float("nan")


def skill(loss: float, reference: float) -> float:
    """1 − loss / reference loss: 1 is perfect, 0 no better, below 0 worse; NaN where the reference is zero."""
    return 1 - loss / reference if reference > 0 else float("nan")


def median(q: Floats, levels: Floats) -> Floats:
    """The median, or what lies linearly between its neighbours (the nearest where it has but one), shape (n,)."""
    right = int(np.clip(np.searchsorted(levels, MEDIAN), 0, len(levels) - 1))
    left = max(right - 1, 0)
    if levels[right] <= MEDIAN or left == right or levels[left] >= MEDIAN:
        column: Floats = q[:, right]
        return column
    share = (MEDIAN - levels[left]) / (levels[right] - levels[left])
    between: Floats = q[:, left] * (1 - share) + q[:, right] * share
    return between
