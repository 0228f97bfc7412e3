import numpy as np
import pytest
from scipy.stats import norm

from gridjobs_workers.forecasting import scores

LEVELS = np.array([0.1, 0.5, 0.9])
Y = np.array([1.0, 4.0])
Q = np.array([[0.0, 2.0, 3.0], [5.0, 6.0, 8.0]])


def test_pinball_loss_by_hand() -> None:
    # y − q = [1, −1, −2] and [−1, −2, −4]; loss τ·d above, (τ − 1)·d below.
    # 0.1: (0.1 + 0.9) / 2; 0.5: (0.5 + 1) / 2; 0.9: (0.2 + 0.4) / 2.
    np.testing.assert_allclose(scores.pinball(Y, Q, LEVELS), [0.5, 0.75, 0.3])


def test_crps_of_a_fine_grid_is_that_of_the_normal_distribution() -> None:
    # Gneiting & Raftery 2007, eq. 21: CRPS(N(0, 1), y) = y (2 Φ(y) − 1) + 2 φ(y) − 1/√π.
    levels = np.linspace(0.0005, 0.9995, 2000)
    y = 0.7
    expected = y * (2 * norm.cdf(y) - 1) + 2 * norm.pdf(y) - 1 / np.sqrt(np.pi)
    q = norm.ppf(levels)[None, :]
    assert scores.crps(np.array([y]), q, levels) == pytest.approx(expected, rel=1e-3)


def test_coverage_and_width_of_the_central_interval_by_hand() -> None:
    assert scores.picp(Y, Q, LEVELS) == {0.8: 0.5}
    assert scores.interval_width(Q, LEVELS) == {0.8: 3.0}


def test_levels_without_a_mirror_give_no_interval() -> None:
    assert scores.intervals(np.array([0.1, 0.5, 0.8])) == []


def test_mean_absolute_errors_by_hand() -> None:
    assert scores.mae(Y, Q, LEVELS) == 1.5
    assert scores.mae_relative(Y, Q, LEVELS, np.array([2.0, 2.0])) == 1.0
    assert scores.mae_range_normalised(Y, Q, LEVELS) == 0.5


@pytest.mark.parametrize(
    ("levels", "expected"), [([0.25, 0.75], 3.0), ([0.4, 0.9], 2.4), ([0.7, 0.9], 2.0), ([0.1, 0.2], 4.0)]
)
def test_a_missing_median_lies_between_its_neighbours(levels: list[float], expected: float) -> None:
    assert scores.median(np.array([[2.0, 4.0]]), np.array(levels))[0] == pytest.approx(expected)


def test_a_calibrated_forecast_has_next_to_no_calibration_error() -> None:
    y = norm.ppf((np.arange(1000) + 0.5) / 1000)
    q = np.repeat(norm.ppf(LEVELS)[None, :], 1000, axis=0)
    assert scores.calibration_error(y, q, LEVELS) < 0.001
    assert scores.calibration_error(y + 10, q, LEVELS) == pytest.approx(LEVELS.mean())


def test_nights_in_which_all_quantiles_are_right_are_calibrated() -> None:
    assert scores.calibration_error(np.zeros(10), np.zeros((10, 3)), LEVELS) == 0.0


def test_crossing_rows_are_counted() -> None:
    assert scores.crossing_rate(np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0]])) == pytest.approx(1 / 3)


def test_skill_is_one_for_perfect_and_zero_for_the_reference() -> None:
    assert scores.skill(0.0, 2.0) == 1.0
    assert scores.skill(2.0, 2.0) == 0.0
    assert np.isnan(scores.skill(1.0, 0.0))
