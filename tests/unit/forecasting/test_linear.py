import numpy as np
import pytest
from scipy.optimize import linprog

from gridjobs_workers.forecasting import linear
from gridjobs_workers.forecasting.scores import pinball

LEVELS = np.array([0.1, 0.5, 0.9])


def exact(z: np.ndarray, y: np.ndarray, level: float) -> np.ndarray:
    """Koenker and Bassett's linear program: min τ·1ᵀu + (1 − τ)·1ᵀv, y = Z w + u − v, u, v ≥ 0."""
    n, p = z.shape
    cost = np.concatenate([np.zeros(p), np.full(n, level), np.full(n, 1 - level)])
    a = np.hstack([z, np.eye(n), -np.eye(n)])
    bounds = [(None, None)] * p + [(0, None)] * (2 * n)
    return linprog(cost, A_eq=a, b_eq=y, bounds=bounds, method="highs").x[:p]


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(800, 4))
    y = 0.3 + x @ [0.8, -0.5, 0.0, 0.2] + rng.normal(size=800) * (0.2 + 0.1 * np.abs(x[:, 0]))
    return x, y


def test_the_loss_is_that_of_the_linear_program(data: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = data
    q = linear.fit(x, y, LEVELS, ridge=1e-5).predict(x)
    z = np.column_stack([np.ones(len(x)), x])
    best = np.column_stack([z @ exact(z, y, level) for level in LEVELS])
    ours, optimum = pinball(y, q, LEVELS), pinball(y, best, LEVELS)
    assert (
        ours < 1.005 * optimum
    ).all()  # smoothing over a tenth of the residuals' spread costs half a percent


def test_half_of_the_data_lie_below_the_median(data: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = data
    below = (y[:, None] <= linear.fit(x, y, LEVELS).predict(x)).mean(axis=0)
    np.testing.assert_allclose(below, LEVELS, atol=0.015)


def test_unknown_and_constant_columns_do_no_harm(data: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = data
    odd = np.column_stack([x, np.full(len(x), 7.0), np.full(len(x), np.nan)])
    np.testing.assert_allclose(
        linear.fit(odd, y, LEVELS).predict(odd), linear.fit(x, y, LEVELS).predict(x), atol=1e-4
    )


def test_an_unknown_number_counts_as_the_mean(data: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = data
    fitted = linear.fit(x, y, LEVELS)
    row = np.array([[1.0, np.nan, 0.0, 0.0]])
    mean = np.array([[1.0, x[:, 1].mean(), 0.0, 0.0]])
    np.testing.assert_allclose(fitted.predict(row), fitted.predict(mean))


def test_a_perfectly_linear_target_is_found() -> None:
    x = np.random.default_rng(0).normal(size=(300, 2))
    y = x @ [0.5, -0.25]
    q = linear.fit(x, y, LEVELS, ridge=0.0).predict(x)
    # Inputs beyond their 0.1 % and 99.9 % quantiles are not believed: leave the outermost rows out.
    inner = (np.abs(x) < 2).all(axis=1)
    np.testing.assert_allclose(q[inner], np.repeat(y[inner, None], 3, axis=1), atol=0.01)
