"""Against what is known exactly: series that we make, whose true quantiles follow from how they are made."""

from datetime import UTC

import numpy as np
import pytest
from scipy.stats import norm
from support.load_series import START_S, instants, load, sunshine, temperature

from gridjobs_workers.forecasting import scores
from gridjobs_workers.forecasting.backtest import Plan, Rolled, daily_origins, roll
from gridjobs_workers.forecasting.clock import Clock
from gridjobs_workers.forecasting.features import Known

HOUR = 3600
NOISE_KW = 3.0


@pytest.fixture(scope="module")
def feeder() -> Rolled:
    """Two weeks of day-ahead forecasts of a feeder after 40 weeks of history."""
    at = instants(294, HOUR)
    degrees = temperature(at)
    values = load(at, degrees, noise=NOISE_KW)
    known = Known(Clock(START_S, HOUR, UTC), values, {"temp": degrees}, {"temp": "temperature"})
    return roll(known, Plan(daily_origins(known, 280 * 24, 24), 24))


def test_the_loss_comes_close_to_that_of_the_true_distribution(feeder: Rolled) -> None:
    # Pinball loss of the true quantiles of N(0, σ): σ φ(z_τ) at each level τ (Gneiting 2011, section 3).
    best = (NOISE_KW * norm.pdf(norm.ppf(feeder.levels))).mean()
    ours = scores.pinball(feeder.observed, feeder.quantiles, feeder.levels).mean()
    assert ours < 1.25 * best


def test_the_loss_is_far_below_that_of_last_week_again(feeder: Rolled) -> None:
    ours = scores.pinball(feeder.observed, feeder.quantiles, feeder.levels).mean()
    naive = scores.pinball(feeder.observed, feeder.reference_quantiles, feeder.levels).mean()
    assert ours < 0.5 * naive


def test_the_quantiles_hold_as_many_observations_as_they_say(feeder: Rolled) -> None:
    # 336 hours of independent noise: the standard error of a share of 0.9 is 0.016; drift and season add to it.
    assert scores.picp(feeder.observed, feeder.quantiles, feeder.levels)[0.9] == pytest.approx(0.9, abs=0.07)
    assert scores.crossing_rate(feeder.quantiles) == 0.0


def test_a_plant_is_forecast_from_its_radiation() -> None:
    at = instants(210, HOUR)
    radiation, power = sunshine(at)
    known = Known(
        Clock(START_S, HOUR, UTC),
        power,
        {"ghi": radiation},
        {"ghi": "radiation"},
        place=(50.0, 0.0),
        solar=True,
    )
    rolled = roll(known, Plan(daily_origins(known, 196 * 24, 24), 24), limits=(0.0, 100.0))
    # Power is 0.1 kW per W/m² with 5 % noise: the mean absolute error of the true median is 0.05·√(2/π) of the power.
    best = 0.05 * np.sqrt(2 / np.pi) * 0.1 * radiation[-14 * 24 :].mean()
    assert scores.mae(rolled.observed, rolled.quantiles, rolled.levels) < 3 * best
    assert rolled.quantiles.min() >= 0.0
