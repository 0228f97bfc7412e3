"""All quantiles at once by linear regression on a smoothed pinball loss."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from gridjobs_workers.forecasting.clock import Floats

BANDWIDTH = 0.1  # of the residuals' standard deviation
FIRST_STEP = 1.2  # of the residuals' standard deviation: 1 / density at the centre of a bell, halved
PATIENCE = 80


@dataclass(frozen=True, slots=True)
class Linear:
    """A fitted linear quantile regression.

    Attributes:
        low: Least value of each column that is still believed, shape (n_column,).
        high: Greatest value of each column that is still believed, shape (n_column,).
        mean: What stands for an unknown value, shape (n_column,).
        spread: Standard deviation of each column, infinite for a column that never changes, shape (n_column,).
        weights: Intercept and slopes of each quantile, shape (n_column + 1, n_quantile).
    """

    low: Floats
    high: Floats
    mean: Floats
    spread: Floats
    weights: Floats

    def predict(self, design: Floats) -> Floats:
        """Quantiles of each row, shape (n_row, n_quantile), sorted."""
        return np.sort(
            standardise(design, self.low, self.high, self.mean, self.spread) @ self.weights, axis=1
        )


def fit(design: Floats, y: Floats, levels: Floats, *, ridge: float = 0.15) -> Linear:
    """Fit every quantile by Nesterov's method on the convolution-smoothed pinball loss.

    The design is whitened first (A = Z L⁻ᵀ with Zᵀ Z / n + ridge · I = L Lᵀ), so that one step length suits all
    directions, and few steps leave the directions alone that the data hardly show. A logistic kernel smooths the
    loss; its gradient is Aᵀ (σ(−r / h) − τ) / n. A step that points uphill restarts the momentum and shortens the
    step of its quantile, down to 4 h, the inverse of the gradient's Lipschitz constant.

    Args:
        design: Columns, shape (n_row, n_column), NaN where unknown.
        y: Targets of the order of one, shape (n_row,), all known.
        levels: Quantile levels, shape (n_quantile,), increasing.
        ridge: Weight of the ridge in the whitening, in variances of a column.

    References:
        X. He, X. Pan, K. M. Tan, W.-X. Zhou, "Smoothed quantile regression with large-scale inference", Journal of
        Econometrics 232(2), 2023. B. O'Donoghue, E. Candès, "Adaptive restart for accelerated gradient schemes",
        Foundations of Computational Mathematics 15, 2015.
    """
    low, high, mean, spread = column_scales(design)
    z = standardise(design, low, high, mean, spread)
    n, p = z.shape
    factor = np.linalg.cholesky(z.T @ z / n + ridge * np.eye(p))
    a = solve_triangular(factor, z.T, lower=True).T
    start = a.T @ y / n
    residual = y - a @ start
    width = max(float(residual.std()), 1e-9)
    one = solve_triangular(factor, z.sum(axis=0) / n, lower=True)
    begin = start[:, None] + one[:, None] * np.quantile(residual, levels)
    w = descend(a.astype(np.float32), y.astype(np.float32), levels, begin, width)
    return Linear(low, high, mean, spread, solve_triangular(factor.T, w, lower=False))


def descend(a: Floats, y: Floats, levels: Floats, begin: Floats, width: float) -> Floats:
    """Nesterov's method with restarts from `begin`, shape (n_column, n_quantile); see `fit`."""
    h = np.float32(BANDWIDTH * width)
    tau = levels.astype(np.float32)
    step = np.full(len(levels), FIRST_STEP * width)
    w = w_ahead = begin
    age = np.ones(len(levels))
    for _ in range(PATIENCE):
        residual = y[:, None] - a @ w_ahead.astype(np.float32)
        below = 1 / (1 + np.exp(np.clip(residual / h, -30, 30)))
        gradient = (a.T @ (below - tau)).astype(np.float64) / len(y)
        new = w_ahead - step * gradient
        uphill = (gradient * (new - w)).sum(axis=0) > 0
        older = (1 + np.sqrt(1 + 4 * age**2)) / 2
        w_ahead = new + np.where(uphill, 0.0, (age - 1) / older) * (new - w)
        age = np.where(uphill, 1.0, older)
        step = np.where(uphill, np.maximum(step * 0.7, 4 * float(h)), step)
        moved = np.abs(new - w).max()
        w = new
        if moved < 2e-4:
            break
    return w


def column_scales(design: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Low, high, mean and spread of each column for `standardise`, each shape (n_column,)."""
    known = np.isfinite(design).any(axis=0)
    x = np.where(known, design, 0.0)
    low, high = np.nanquantile(x, [0.001, 0.999], axis=0)
    mean, spread = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
    spread[~(spread > 1e-9 * np.maximum(np.abs(mean), 1e-30))] = np.inf
    return low, high, mean, spread


def standardise(design: Floats, low: Floats, high: Floats, mean: Floats, spread: Floats) -> Floats:
    """An intercept and the columns, clipped, centred and scaled, shape (n_row, n_column + 1), all known."""
    x = np.clip(np.where(np.isfinite(design), design, mean), low, high)
    return np.column_stack([np.ones(len(x)), (x - mean) / spread])
