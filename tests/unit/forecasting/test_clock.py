from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from gridjobs_workers.forecasting.clock import Clock, check_resolution, zone_name, zone_of
from gridjobs_workers.forecasting.errors import InvalidResolution, UnknownZone

BERLIN = zone_of("Europe/Berlin")
HOUR = 3600


def seconds(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp())  # type: ignore[misc]


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "+01:00", "-03:30"])
def test_a_zone_is_found_by_the_name_it_has(name: str) -> None:
    assert zone_name(zone_of(name)) == name


def test_an_offset_is_east_of_greenwich_when_positive() -> None:
    assert zone_of("+01:00") == timezone(timedelta(hours=1))


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "+1", "../etc/passwd", "+25:00"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(UnknownZone):
        zone_of(name)


@pytest.mark.parametrize("step_s", [300, 600, 900, 1800, 3600, 14_400, 86_400])
def test_usual_resolutions_are_allowed(step_s: int) -> None:
    check_resolution(step_s)


@pytest.mark.parametrize("step_s", [0, -900, 60, 299, 420, 1000, 100_000, 172_800])
def test_other_resolutions_are_refused(step_s: int) -> None:
    with pytest.raises(InvalidResolution):
        check_resolution(step_s)


def test_the_day_of_the_spring_change_has_23_hours() -> None:
    # Germany, 2024-03-31: midnight is 23:00 UTC the day before, the next midnight 22:00 UTC.
    clock = Clock(seconds(2024, 3, 30, 23), HOUR, BERLIN)
    days = clock.local(np.arange(24)) // 86_400
    assert (days == days[0]).sum() == 23


def test_the_day_of_the_autumn_change_has_25_hours() -> None:
    clock = Clock(seconds(2024, 10, 26, 22), HOUR, BERLIN)
    days = clock.local(np.arange(26)) // 86_400
    assert (days == days[0]).sum() == 25


def test_days_begin_at_local_midnight_on_the_wall_clock() -> None:
    clock = Clock(seconds(2024, 3, 30), 86_400, BERLIN, wall=True)
    expected = [seconds(2024, 3, 29, 23), seconds(2024, 3, 30, 23), seconds(2024, 3, 31, 22)]
    assert clock.instants(np.arange(3)).tolist() == expected


@pytest.mark.parametrize("wall", [True, False])
def test_positions_undo_instants_over_a_year(wall: bool) -> None:
    step = 86_400 if wall else 900
    clock = Clock(seconds(2024, 1, 1), step, BERLIN, wall)
    positions = np.arange(366 if wall else 366 * 96)
    np.testing.assert_array_equal(clock.positions(clock.instants(positions)), positions)
