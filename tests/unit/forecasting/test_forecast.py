"""Whole forecasts on series that we make."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from support.load_series import DAY_S, START_S, instants, load, sunshine, temperature

from gridjobs_workers.forecasting.backtest import Plan, daily_origins, report, roll
from gridjobs_workers.forecasting.calendar import Calendar
from gridjobs_workers.forecasting.clock import zone_of
from gridjobs_workers.forecasting.covariates import Covariate
from gridjobs_workers.forecasting.errors import (
    HistoryTooShort,
    IncompatibleModel,
    InvalidHorizon,
    InvalidLimits,
    InvalidQuantiles,
    MissingCovariates,
    StaleHistory,
)
from gridjobs_workers.forecasting.forecast import Forecast, forecast
from gridjobs_workers.forecasting.importance import importances
from gridjobs_workers.forecasting.model import hold_out_scores
from gridjobs_workers.forecasting.points import Points
from gridjobs_workers.forecasting.prepare import Prepared, Site, prepare, prepare_history
from gridjobs_workers.forecasting.repairs import Repairs
from gridjobs_workers.forecasting.serialise import from_bytes, to_bytes

HOUR = 3600
HORIZON = DAY_S
Make = Callable[..., Prepared]


def feeder(days: float, step_s: int = HOUR, *, weather: bool = True, **changes: object) -> Prepared:
    """The input of a day-ahead forecast of a feeder after so many days of history."""
    at = instants(days + 15, step_s)
    degrees = temperature(at)
    past = at < START_S + int(days * DAY_S)
    given: dict[str, object] = {"issue_time_s": START_S + int(days * DAY_S), "covariates": []}
    if weather:
        given["covariates"] = [Covariate("temp", Points.of(at, degrees), "temperature")]
    given |= changes
    site = Site(UTC, Calendar("DE"))
    horizon_s = given.pop("horizon_s", HORIZON)
    return prepare(Points.of(at[past], load(at, degrees)[past]), site, step_s, horizon_s, **given)  # type: ignore[arg-type]


def truth(result: Forecast, step_s: int = HOUR) -> np.ndarray:
    """What the feeder's load is without noise."""
    at = instants(120, step_s)
    return load(at, temperature(at), noise=0.0)[np.searchsorted(at, result.instants_s)]


@pytest.fixture(scope="module")
def ready() -> Prepared:
    return feeder(70)


@pytest.fixture(scope="module")
def result(ready: Prepared) -> Forecast:
    return forecast(ready)


def test_a_day_ahead_is_forecast_with_times_and_leads(result: Forecast) -> None:
    issued = START_S + 70 * DAY_S
    assert result.method == "core"
    assert result.instants_s.tolist() == [issued + HOUR * i for i in range(24)]
    assert result.ends_s.tolist() == [issued + HOUR * (i + 1) for i in range(24)]
    assert result.lead_times_s.tolist() == [HOUR * i for i in range(24)]
    assert result.levels.tolist() == [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]


def test_the_median_comes_close_to_what_the_load_would_be_without_noise(result: Forecast) -> None:
    # The noise has a standard deviation of 3 kW; the median of ten weeks should miss the truth by less than that.
    assert np.abs(result.quantiles[:, 5] - truth(result)).mean() < 3.0


def test_the_same_data_give_the_same_numbers(result: Forecast) -> None:
    np.testing.assert_array_equal(forecast(feeder(70)).quantiles, result.quantiles)


def test_a_stored_model_forecasts_the_same_numbers_and_bytes(ready: Prepared, result: Forecast) -> None:
    assert result.model is not None
    stored = to_bytes(result.model)
    again = from_bytes(stored)
    assert to_bytes(again) == stored
    np.testing.assert_array_equal(forecast(ready, fitted=again).quantiles, result.quantiles)


@pytest.mark.parametrize("damage", [b"", b"not a zip", b"PK\x03\x04 half a zip"])
def test_bytes_that_are_no_model_are_refused(damage: bytes) -> None:
    with pytest.raises(IncompatibleModel):
        from_bytes(damage)


def test_a_model_of_another_format_is_refused(result: Forecast) -> None:
    import io
    import json
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("model.json", json.dumps({"format": 999}))
    with pytest.raises(IncompatibleModel, match="999"):
        from_bytes(out.getvalue())


def test_a_stored_model_serves_later_days_with_little_history(result: Forecast) -> None:
    later = feeder(76)
    fresh = forecast(later, fitted=result.model)
    assert np.abs(fresh.quantiles[:, 5] - truth(fresh)).mean() < 4.0
    assert fresh.findings == later.findings


def test_a_model_says_how_good_it_was_on_what_it_did_not_see(result: Forecast) -> None:
    assert result.model is not None
    (scores,) = hold_out_scores(result.model)
    # The noise of 3 kW bounds the mean absolute error from below by 3·√(2/π) = 2.39 kW, but for the luck of two weeks.
    assert 2.0 < scores["mae"] < 6.0
    assert scores["mae_relative"] < 1.0
    assert 0.75 < scores["picp_90"] <= 1.0
    assert hold_out_scores(from_bytes(to_bytes(result.model))) == [scores]


def test_an_old_model_says_so(result: Forecast) -> None:
    codes = [finding.code for finding in forecast(feeder(90), fitted=result.model).findings]
    assert codes == ["model_old"]


def test_a_model_at_another_time_of_day_says_so_and_still_forecasts(result: Forecast) -> None:
    noon = forecast(feeder(75.5), fitted=result.model)
    assert [finding.code for finding in noon.findings] == ["issue_time_differs"]
    assert np.abs(noon.quantiles[:, 5] - truth(noon)).mean() < 5.0


@pytest.mark.parametrize(
    "other",
    [{"step_s": 1800}, {"weather": False}, {"horizon_s": 2 * DAY_S}],
    ids=["resolution", "weather", "horizon"],
)
def test_a_model_is_refused_for_what_it_was_not_fitted_to(result: Forecast, other: dict[str, int]) -> None:
    with pytest.raises(IncompatibleModel):
        forecast(feeder(70, **other), fitted=result.model)  # type: ignore[arg-type]


def test_any_quantiles_can_be_had_in_any_order(ready: Prepared, result: Forecast) -> None:
    q = forecast(ready, [0.99, 0.5, 0.001, 0.25], fitted=result.model)
    assert q.levels.tolist() == [0.001, 0.25, 0.5, 0.99]
    assert (np.diff(q.quantiles, axis=1) >= 0).all()
    np.testing.assert_allclose(q.quantiles[:, 2], result.quantiles[:, 5])
    assert (q.quantiles[:, 1] >= result.quantiles[:, 2]).all()  # between 0.2 and 0.3
    assert (q.quantiles[:, 1] <= result.quantiles[:, 3]).all()


@pytest.mark.parametrize("levels", [[], [0.0], [1.0], [0.5, 1.2], [float("nan")], [0.0001]])
def test_levels_that_are_none_are_refused(ready: Prepared, levels: list[float]) -> None:
    with pytest.raises(InvalidQuantiles):
        forecast(ready, levels)


def test_limits_are_kept(ready: Prepared) -> None:
    q = forecast(ready, limits=(110.0, 140.0)).quantiles
    assert q.min() == 110.0
    assert q.max() == 140.0


@pytest.mark.parametrize("limits", [(5.0, 5.0), (9.0, 1.0), (float("nan"), None), (None, float("inf"))])
def test_limits_that_leave_no_room_are_refused(
    ready: Prepared, limits: tuple[float | None, float | None]
) -> None:
    with pytest.raises(InvalidLimits):
        forecast(ready, limits=limits)


@pytest.mark.parametrize(
    ("horizon_s", "step_s", "n"), [(900, 900, 1), (2 * HOUR, 900, 8), (14 * DAY_S, HOUR, 336)]
)
def test_minutes_to_fourteen_days_are_forecast(horizon_s: int, step_s: int, n: int) -> None:
    q = forecast(feeder(40, step_s, horizon_s=horizon_s))
    assert q.quantiles.shape == (n, 11)
    assert np.isfinite(q.quantiles).all()
    assert np.abs(q.quantiles[:, 5] - truth(q, step_s)).mean() < 8.0


@pytest.mark.parametrize("horizon_s", [0, -900, 14 * DAY_S + 1])
def test_other_horizons_are_refused(horizon_s: int) -> None:
    with pytest.raises(InvalidHorizon):
        feeder(40, horizon_s=horizon_s)


def test_a_series_of_days_is_forecast() -> None:
    at = instants(420, DAY_S)
    days = load(at, temperature(at), noise=1.0)
    ready = prepare(Points.of(at[:400], days[:400]), Site(), DAY_S, 7 * DAY_S, issue_time_s=int(at[400]))
    q = forecast(ready)
    assert q.method == "core"
    assert q.quantiles.shape == (7, 11)
    assert (
        np.abs(q.quantiles[:, 5] - days[400:407]).mean() < 12.0
    )  # the weather is unknown: 2.5 kW per degree


@pytest.mark.parametrize(("day", "hours"), [((2024, 3, 31), 23), ((2024, 10, 27), 25)])
def test_days_of_the_time_change_have_their_own_length(day: tuple[int, int, int], hours: int) -> None:
    zone = zone_of("Europe/Berlin")
    midnight = int(datetime(*day, tzinfo=zone).timestamp())  # type: ignore[arg-type]
    at = np.arange(midnight - 30 * DAY_S, midnight, HOUR)
    ready = prepare(
        Points.of(at, load(at, np.full(len(at), 15.0))), Site(zone), HOUR, hours * HOUR, issue_time_s=midnight
    )
    q = forecast(ready)
    assert len(q.instants_s) == hours
    local = [datetime.fromtimestamp(t, zone) for t in q.instants_s]
    assert {t.date() for t in local} == {datetime(*day).date()}
    assert datetime.fromtimestamp(q.ends_s[-1], zone).hour == 0


def test_an_issue_time_between_intervals_starts_with_the_next_one() -> None:
    ready = feeder(40, issue_time_s=START_S + 39 * DAY_S + 1000)
    q = forecast(ready)
    assert q.instants_s[0] == START_S + 39 * DAY_S + HOUR
    assert q.lead_times_s[0] == HOUR - 1000


def test_values_after_the_issue_time_are_not_looked_at() -> None:
    at = instants(50, HOUR)
    values = load(at, temperature(at))
    issued = START_S + 40 * DAY_S
    cut = prepare(Points.of(at[at < issued], values[at < issued]), Site(), HOUR, DAY_S, issue_time_s=issued)
    spoilt = np.where(at < issued, values, 1e9)
    whole = prepare(Points.of(at, spoilt), Site(), HOUR, DAY_S, issue_time_s=issued)
    np.testing.assert_array_equal(forecast(whole).quantiles, forecast(cut).quantiles)


@pytest.mark.parametrize(("days", "method"), [(2.5, "previous_day"), (10, "climatology"), (30, "core")])
def test_the_history_decides_the_method_and_the_result_says_so(days: float, method: str) -> None:
    q = forecast(feeder(days, weather=False))
    assert q.method == method
    assert ("history_short" in [finding.code for finding in q.findings]) == (method != "core")
    assert np.abs(q.quantiles[:, 5] - truth(q)).mean() < 12.0


def test_weather_helps_a_climatology() -> None:
    q = forecast(feeder(14))
    assert q.method == "climatology_and_core"
    assert np.abs(q.quantiles[:, 5] - truth(q)).mean() < 12.0


def test_a_time_of_day_never_seen_is_forecast_by_the_whole_series() -> None:
    at = instants(15, 300)
    mornings = at[at % DAY_S < DAY_S // 2]
    values = 5 + np.random.default_rng(0).normal(size=len(mornings))
    noon = int(mornings[-1]) + 300
    q = forecast(prepare(Points.of(mornings, values), Site(), 300, 5 * HOUR, issue_time_s=noon))
    assert q.method == "climatology"
    np.testing.assert_allclose(q.quantiles[-1], np.quantile(values, q.levels))


def test_less_than_two_days_are_refused() -> None:
    with pytest.raises(HistoryTooShort):
        forecast(feeder(1.5, weather=False))


def test_a_history_that_ended_long_ago_is_refused() -> None:
    with pytest.raises(StaleHistory):
        feeder(40, weather=False, issue_time_s=START_S + 60 * DAY_S)


def test_a_history_that_ended_yesterday_is_enough() -> None:
    q = forecast(feeder(40, issue_time_s=START_S + 41 * DAY_S))
    assert [finding.code for finding in q.findings] == ["history_ends_early"]
    assert np.abs(q.quantiles[:, 5] - truth(q)).mean() < 6.0


def test_a_constant_series_is_forecast_as_what_it_is() -> None:
    at = instants(30, HOUR)
    q = forecast(prepare(Points.of(at, np.full(len(at), -7.5)), Site(), HOUR, DAY_S))
    assert q.method == "constant"
    assert set(q.quantiles.ravel()) == {-7.5}
    assert [finding.code for finding in q.findings] == ["constant"]


def test_a_series_that_repairs_leave_constant_is_forecast_as_what_is_left() -> None:
    at = instants(30, HOUR)
    rare = np.where(np.arange(len(at)) % 200 == 77, 1000.0, 4.0)
    q = forecast(prepare(Points.of(at, rare), Site(), HOUR, DAY_S, repairs=Repairs(outliers=True)))
    assert q.method == "constant"
    assert set(q.quantiles.ravel()) == {4.0}


def test_negative_net_load_is_the_mirror_of_load() -> None:
    at = instants(60, HOUR)
    values = load(at, temperature(at))
    up = forecast(prepare(Points.of(at, values), Site(), HOUR, DAY_S))
    down = forecast(prepare(Points.of(at, -values), Site(), HOUR, DAY_S))
    # Trees cut differently in the mirror; the widths must agree, and the medians within the noise.
    np.testing.assert_allclose(down.quantiles[:, 5], -up.quantiles[:, 5], atol=3.0)


@pytest.mark.parametrize("scale", [1e-6, 1e9])
def test_the_unit_does_not_matter(scale: float) -> None:
    at = instants(40, HOUR)
    values = load(at, temperature(at))
    one = forecast(prepare(Points.of(at, values), Site(), HOUR, DAY_S)).quantiles
    other = forecast(prepare(Points.of(at, values * scale), Site(), HOUR, DAY_S)).quantiles
    np.testing.assert_allclose(other / scale, one, rtol=0.02)  # rounding moves a few cuts of the trees


@pytest.mark.parametrize("place", [(50.0, 0.0), None], ids=["place", "no place"])
def test_the_sun_makes_nothing_at_night_and_something_by_day(place: tuple[float, float] | None) -> None:
    at = instants(60, HOUR)
    radiation, power = sunshine(at)
    issued = START_S + 58 * DAY_S
    ready = prepare(
        Points.of(at[at < issued], power[at < issued]),
        Site(UTC, Calendar("GB"), place, "solar"),
        HOUR,
        DAY_S,
        issue_time_s=issued,
        covariates=[Covariate("ghi", Points.of(at, radiation), "radiation")],
    )
    q = forecast(ready, limits=(0.0, 100.0)).quantiles
    real = power[at >= issued][:24]
    dark = np.array([0, 1, 2, 3, 22, 23])  # hours in which the sun is down here in every season
    assert (real[dark] == 0).all()
    assert (q[dark] == 0).all()
    assert np.abs(q[:, 5] - real).mean() < 0.1 * real.max()


def test_weather_that_ends_before_the_horizon_is_refused_or_left_out() -> None:
    at = instants(40, HOUR)
    degrees = temperature(at)
    history = Points.of(at, load(at, degrees))
    short = [Covariate("temp", Points.of(at, degrees), "temperature")]
    with pytest.raises(MissingCovariates):
        prepare(history, Site(), HOUR, DAY_S, covariates=short)
    ready = prepare(history, Site(), HOUR, DAY_S, covariates=short, repairs=Repairs(covariates=True))
    finding = next(f for f in ready.findings if f.code == "future_covariate_missing")
    assert finding.field == "temp"
    assert finding.repair == "left out"
    assert finding.spans == ((START_S + 40 * DAY_S, START_S + 41 * DAY_S),)
    assert ready.known.covariates == {}


def test_three_hourly_weather_lies_on_straight_lines() -> None:
    ready = feeder(30)
    at = instants(45, 3 * HOUR)
    coarse = feeder(30, covariates=[Covariate("temp", Points.of(at, at / 1e6), "temperature")])
    line = coarse.known.covariates["temp"]
    assert coarse.findings == ready.findings
    np.testing.assert_allclose(line, coarse.known.clock.instants(np.arange(len(line))) / 1e6)


def test_what_drives_the_load_is_important(ready: Prepared, result: Forecast) -> None:
    assert result.model is not None
    shares = importances(result.model, ready.known)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares == importances(result.model, ready.known)
    assert "time_of_day" in list(shares)[:5]


def test_a_backtest_scores_each_lead_time() -> None:
    ready = feeder(70)
    progress: list[float] = []
    known = ready.known
    first = 60 * 24
    rolled = roll(known, Plan(daily_origins(known, first, 24), 24), progress=progress.append)
    scores = report(rolled)
    assert len(rolled.observed) == 240
    assert rolled.fits == 1
    assert progress[-1] == 1.0
    overall = scores["overall"]
    assert overall["skill"] > 0.3  # type: ignore[index,operator]
    assert overall["crossing_rate"] == 0.0  # type: ignore[index]
    # The load's noise has 3 kW: nobody's median can have a mean absolute error below 3·√(2/π) = 2.39 kW for long.
    assert 2.0 < overall["mae"] < 5.0  # type: ignore[index,operator]
    assert [group["lead_time_from_s"] for group in scores["by_lead_time"]] == [HOUR * i for i in range(24)]  # type: ignore[attr-defined]


def test_a_backtest_rolls_over_a_history_whose_weather_ends_with_it() -> None:
    at = instants(40, HOUR)
    degrees = temperature(at)
    weather = [Covariate("temp", Points.of(at, degrees), "temperature")]
    known, found = prepare_history(Points.of(at, load(at, degrees)), Site(), HOUR, covariates=weather)
    assert found == ()
    rolled = roll(known, Plan(daily_origins(known, 38 * 24, 24), 24))
    assert len(rolled.observed) == 48


def test_a_backtest_never_sees_what_comes_later() -> None:
    known = feeder(50).known
    plan = Plan(np.array([45 * 24]), 24)
    spoilt = known.values.copy()
    spoilt[46 * 24 :] = 1e7
    np.testing.assert_array_equal(
        roll(replace(known, values=spoilt), plan).quantiles, roll(known, plan).quantiles
    )


def test_a_gate_the_day_before_lengthens_the_lead() -> None:
    known = feeder(50).known
    rolled = roll(known, Plan(np.array([45 * 24]), 24, gate=14))
    assert rolled.lead_times_s.min() == 14 * HOUR
    assert len(rolled.observed) == 24


def test_a_backtest_without_three_weeks_is_refused() -> None:
    known = feeder(30).known
    with pytest.raises(HistoryTooShort):
        roll(known, Plan(np.array([10 * 24]), 24))
