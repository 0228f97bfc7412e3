from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from support.load_series import START_S, instants, load, temperature

from gridjobs_workers.forecasting import features
from gridjobs_workers.forecasting.calendar import Calendar
from gridjobs_workers.forecasting.clock import Clock, zone_of
from gridjobs_workers.forecasting.errors import UnknownCountry
from gridjobs_workers.forecasting.features import Known
from gridjobs_workers.forecasting.sunshine import sine_of_elevation

HOUR = 3600


@pytest.fixture(scope="module")
def known() -> Known:
    at = instants(60, HOUR)
    degrees = temperature(at)
    return Known(
        Clock(START_S, HOUR, UTC),
        load(at, degrees),
        {"temp": degrees},
        {"temp": "temperature"},
        Calendar("DE"),
    )


@pytest.mark.parametrize("recent", [False, True])
@pytest.mark.parametrize("stage_day", [1, 2, 4, 7, 14])
def test_nothing_after_the_origin_is_looked_at(known: Known, stage_day: int, recent: bool) -> None:
    origin = 45 * 24 + 7
    targets = np.arange(origin + (stage_day - 1) * 24, origin + stage_day * 24)
    origins = np.full(24, origin)
    table = features.build(known, targets, origins, stage_day, recent=recent)
    later = known.values.copy()
    later[origin:] = -1e6
    same = features.build(replace(known, values=later), targets, origins, stage_day, recent=recent)
    np.testing.assert_array_equal(table.x, same.x)
    assert np.isfinite(table.x).all()


def test_what_lies_before_the_reach_is_not_looked_at(known: Known) -> None:
    origin = 50 * 24
    targets, origins = np.arange(origin, origin + 24), np.full(24, origin)
    begin = origin - features.REACH_DAYS * 24
    near = features.build(known.since(begin), targets - begin, origins - begin)
    np.testing.assert_allclose(near.x, features.build(known, targets, origins).x, rtol=1e-9, atol=1e-9)


def test_lags_are_the_same_time_on_earlier_days(known: Known) -> None:
    origin = 50 * 24
    table = features.build(known, np.array([origin + 5]), np.array([origin]))
    assert table["lag_near"][0] == known.values[origin + 5 - 24]
    assert table["lag_week"][0] == known.values[origin + 5 - 7 * 24]


def test_a_missing_lag_is_filled_from_the_same_weekday_before(known: Known) -> None:
    origin = 50 * 24
    holed = known.values.copy()
    holed[origin - 24 : origin] = np.nan
    table = features.build(replace(known, values=holed), np.array([origin + 5]), np.array([origin]))
    assert table["lag_near"][0] == known.values[origin + 5 - 7 * 24]


def test_after_a_time_change_lags_follow_the_wall_clock() -> None:
    berlin = zone_of("Europe/Berlin")
    start = int(datetime(2024, 3, 1, tzinfo=UTC).timestamp())
    clock = Clock(start, HOUR, berlin)
    hours = clock.local(np.arange(40 * 24)) % 86_400 / HOUR  # a series that shows the local hour
    target = int(clock.positions(int(datetime(2024, 4, 1, 6, tzinfo=UTC).timestamp())))  # 8:00, the day after
    table = features.build(Known(clock, hours.astype(float)), np.array([target]), np.array([target - 3]))
    assert hours[target] == 8
    assert [table[name][0] for name in ("lag_near", "lag_2", "lag_week", "week4_mean")] == [8, 8, 8, 8]


def test_the_sun_keeps_its_own_time() -> None:
    clock = Clock(START_S, HOUR, zone_of("Europe/Berlin"))
    values = np.arange(100 * 24, dtype=float)
    target = np.array([92 * 24])  # 2024-04-02, two days after the time change
    lag = features.build(Known(clock, values, solar=True), target, target)["lag_week"]
    assert lag[0] == values[85 * 24]


def test_public_holidays_are_seen() -> None:
    christmas = int(datetime(2024, 12, 25, tzinfo=UTC).timestamp()) // 86_400
    assert Calendar("DE").is_holiday(np.array([christmas, christmas + 7 - 1, christmas + 3])).tolist() == [
        True,
        False,
        False,
    ]


def test_unknown_countries_are_refused() -> None:
    with pytest.raises(UnknownCountry):
        Calendar("XX").check()


def test_the_sun_stands_where_the_almanac_says() -> None:
    # NOAA solar calculator, 52° N 13° E, 2024-06-21: solar noon 11:10 UTC, elevation 61.4°; at 22:00 UTC below.
    noon = np.array([int(datetime(2024, 6, 21, 11, 10, tzinfo=UTC).timestamp())])
    height = np.rad2deg(np.arcsin(sine_of_elevation(noon, 52.0, 13.0)))
    assert height[0] == pytest.approx(61.4, abs=0.5)
    assert sine_of_elevation(noon + 11 * HOUR, 52.0, 13.0)[0] < 0
