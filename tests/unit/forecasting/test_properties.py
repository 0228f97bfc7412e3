"""Whatever comes in, a forecast comes out, or a clear refusal; never another exception, never a NaN."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gridjobs_workers.forecasting.clock import zone_of
from gridjobs_workers.forecasting.covariates import Covariate
from gridjobs_workers.forecasting.errors import ForecastError
from gridjobs_workers.forecasting.forecast import Forecast, forecast
from gridjobs_workers.forecasting.points import Points
from gridjobs_workers.forecasting.prepare import Site, prepare
from gridjobs_workers.forecasting.repairs import ALL_REPAIRS, Repairs

HOUR, DAY = 3600, 86_400
SPRING = int(datetime(2024, 3, 31, tzinfo=UTC).timestamp())
AUTUMN = int(datetime(2024, 10, 27, tzinfo=UTC).timestamp())
QUICK = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@dataclass(frozen=True)
class Drawn:
    """An input that hypothesis drew."""

    instants: np.ndarray
    values: np.ndarray
    step_s: int
    horizon_s: int
    zone: str
    kind: str
    repairs: Repairs
    levels: list[float]
    low: float | None
    weather: np.ndarray | None
    issue_late_s: int


@st.composite
def inputs(draw: st.DrawFn, most_days: float) -> Drawn:
    """A series of any shape, scale and damage, near a time change or not."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    step = draw(st.sampled_from([300, 900, 1800, HOUR, 4 * HOUR, DAY]))
    longest = {300: 0.5, 900: 0.6, 1800: 0.8, DAY: 8.0}.get(step, 1.0) * most_days
    days = draw(st.sampled_from([0.05, 0.3, 0.6, 0.8, 1.0, 1.0])) * longest
    change = draw(st.sampled_from([SPRING, AUTUMN, SPRING + 100 * DAY]))
    end = change + draw(st.integers(-2, 2)) * DAY + draw(st.sampled_from([0, 0, 7 * HOUR]))
    zone = draw(
        st.sampled_from(
            ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "+05:45", "Australia/Lord_Howe"]
        )
    )
    n = max(1, int(days * DAY / step))
    instants = end - step * np.arange(n, 0, -1)
    return damaged(draw, rng, instants, shaped(draw, rng, instants), step, zone)


def shaped(draw: st.DrawFn, rng: np.random.Generator, at: np.ndarray) -> np.ndarray:
    """Load, net load, noise, few values, zeros with spikes, or a constant, at any scale."""
    day = 2 * np.pi * at / DAY
    shape = draw(
        st.sampled_from(
            ["load", "net", "noise", "steps", "rare", "constant", "trend", "offset", "huge spike"]
        )
    )
    n = len(at)
    y = {
        "load": 5 + np.sin(day) + 0.2 * rng.normal(size=n),
        "net": -2 + 3 * np.sin(day) + rng.normal(size=n),
        "noise": rng.normal(size=n),
        "steps": rng.integers(0, 3, n).astype(float),
        "rare": np.where(rng.uniform(size=n) < 0.02, 10.0, 0.0),
        "constant": np.full(n, float(rng.normal())),
        "trend": np.arange(n) * 1.0,
        "offset": 1e6 + 1e-3 * rng.normal(size=n),
        "huge spike": np.where(np.arange(n) == n // 2, 1e9, np.sin(day)),
    }[shape]
    return y * 10.0 ** draw(st.integers(-6, 9)) * draw(st.sampled_from([1, -1]))


def damaged(
    draw: st.DrawFn, rng: np.random.Generator, instants: np.ndarray, y: np.ndarray, step: int, zone: str
) -> Drawn:
    """Gaps, NaN, infinities, duplicates, shuffles, a stuck meter, stray points."""
    n = len(y)
    if draw(st.booleans()):
        a, b = sorted(rng.integers(0, n + 1, 2))
        y[a:b] = draw(st.sampled_from([np.nan, np.inf, -np.inf, 0.0, y[a] if a < n else 0.0]))
    keep = rng.uniform(size=n) >= draw(st.sampled_from([0.0, 0.0, 0.1, 0.5, 0.9]))
    at, y = instants[keep], y[keep]
    if draw(st.booleans()) and len(at):
        again = rng.integers(0, len(at), max(1, len(at) // 10))
        factor = draw(st.sampled_from([1.0, 1.5]))
        at, y = np.concatenate([at, at[again]]), np.concatenate([y, y[again] * factor])
    if draw(st.booleans()):
        order = rng.permutation(len(at))
        at, y = at[order], y[order]
    if draw(st.integers(0, 5)) == 0 and len(at):
        at = at + rng.integers(-400, 400, len(at)) * (rng.uniform(size=len(at)) < 0.2)
    horizon = draw(st.sampled_from([step, 6 * HOUR, DAY, 3 * DAY, 14 * DAY]))
    levels = draw(st.lists(st.floats(0.001, 0.999), min_size=1, max_size=4))
    end = int(instants[-1]) + step
    line = np.arange(int(instants[0]), end + 15 * DAY, HOUR)
    weather = np.column_stack([line, rng.normal(size=len(line)) * 10.0 ** draw(st.integers(-6, 9))])
    if draw(st.integers(0, 3)) == 0:
        weather[rng.uniform(size=len(line)) < 0.3, 1] = np.nan
    return Drawn(
        at,
        y,
        step,
        horizon,
        zone,
        draw(st.sampled_from(["demand", "solar", "wind", "basecase"])),
        draw(st.sampled_from([ALL_REPAIRS, ALL_REPAIRS, Repairs(), Repairs(duplicates="mean")])),
        levels,
        draw(st.sampled_from([None, None, 0.0, -1e3])),
        weather if draw(st.booleans()) else None,
        draw(st.sampled_from([0, 0, 600, 5 * HOUR, 3 * DAY])),
    )


def attempt(drawn: Drawn) -> Forecast | None:
    """The forecast, or None where it was refused, narrowly."""
    told: list[ForecastError] = []
    try:
        covariates = []
        if drawn.weather is not None:
            points = Points.of(drawn.weather[:, 0], drawn.weather[:, 1])
            covariates = [Covariate("t", points, "temperature"), Covariate("r", points, "radiation")]
        ready = prepare(
            Points.of(drawn.instants, drawn.values),
            Site(zone_of(drawn.zone), place=(50.0, 8.0) if drawn.kind == "solar" else None, kind=drawn.kind),
            drawn.step_s,
            drawn.horizon_s,
            issue_time_s=int(drawn.instants.max()) + drawn.step_s + drawn.issue_late_s
            if len(drawn.instants)
            else 0,
            covariates=covariates,
            repairs=drawn.repairs,
        )
        return forecast(ready, drawn.levels, (drawn.low, None))
    except ForecastError as refusal:
        told.append(refusal)
    assert all(type(refusal) is not ForecastError and refusal.code != "forecast_refused" for refusal in told)
    return None


def holds(result: Forecast, drawn: Drawn) -> None:
    """What is true of every forecast."""
    q = result.quantiles
    assert np.isfinite(q).all()
    assert (np.diff(q, axis=1) >= 0).all()
    assert q.shape == (len(result.instants_s), len(set(drawn.levels)))
    if drawn.low is not None:
        assert q.min() >= drawn.low
    assert (np.diff(result.instants_s) > 0).all()
    assert (result.lead_times_s >= 0).all()
    assert result.ends_s[-1] - result.instants_s[0] <= drawn.horizon_s + drawn.step_s + HOUR


@QUICK
@given(inputs(most_days=20))
def test_short_histories_of_any_kind_give_a_forecast_or_a_clear_refusal(drawn: Drawn) -> None:
    result = attempt(drawn)
    if result is not None:
        holds(result, drawn)


@settings(QUICK, max_examples=25)
@given(inputs(most_days=60))
def test_long_histories_of_any_kind_give_a_forecast_or_a_clear_refusal(drawn: Drawn) -> None:
    result = attempt(drawn)
    if result is not None:
        holds(result, drawn)


@settings(QUICK, max_examples=10)
@given(inputs(most_days=40), st.integers(0, 2**32 - 1))
def test_the_order_of_points_does_not_matter(drawn: Drawn, seed: int) -> None:
    assume(len(np.unique(drawn.instants)) == len(drawn.instants))
    order = np.random.default_rng(seed).permutation(len(drawn.instants))
    from dataclasses import replace

    shuffled = replace(drawn, instants=drawn.instants[order], values=drawn.values[order])
    one, other = attempt(drawn), attempt(shuffled)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        np.testing.assert_array_equal(one.quantiles, other.quantiles)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_a_history_with_holes_is_forecast_all_the_same(fraction: float) -> None:
    rng = np.random.default_rng(1)
    at = SPRING - HOUR * np.arange(100 * 24, 0, -1)
    y = 5 + np.sin(2 * np.pi * at / DAY) + 0.1 * rng.normal(size=len(at))
    keep = rng.uniform(size=len(at)) >= fraction
    result = forecast(prepare(Points.of(at[keep], y[keep]), Site(), HOUR, DAY, issue_time_s=SPRING))
    expected = 5 + np.sin(2 * np.pi * result.instants_s / DAY)
    middle = result.quantiles[:, 5]
    assert np.abs(middle - expected).mean() < 0.3
