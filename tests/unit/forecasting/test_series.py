from datetime import UTC

import numpy as np
import pandas as pd
import pytest

from gridjobs_workers.forecasting.clock import zone_of
from gridjobs_workers.forecasting.errors import (
    DuplicateTimes,
    InvalidHistory,
    MissingOffset,
    WrongResolution,
)
from gridjobs_workers.forecasting.points import Points
from gridjobs_workers.forecasting.repairs import Repairs
from gridjobs_workers.forecasting.series import regularise

T0 = 1_704_067_200  # 2024-01-01 00:00 UTC
AS_IS = Repairs()


def points(*pairs: tuple[int, float]) -> Points:
    return Points.of([T0 + 900 * at for at, _ in pairs], [value for _, value in pairs])


def test_points_in_any_order_become_a_series() -> None:
    series, found = regularise(points((2, 3.0), (0, 1.0), (1, 2.0)), 900, UTC, AS_IS)
    assert series.values.tolist() == [1.0, 2.0, 3.0]
    assert [finding.code for finding in found] == ["unordered"]


def test_a_gap_is_reported_with_its_span_and_not_filled() -> None:
    series, found = regularise(points((0, 1.0), (1, 1.5), (2, 2.0), (5, 3.0)), 900, UTC, AS_IS)
    np.testing.assert_array_equal(series.values, [1.0, 1.5, 2.0, np.nan, np.nan, 3.0])
    assert [(f.code, f.count, f.spans) for f in found] == [("gap", 2, ((T0 + 2700, T0 + 4500),))]


def test_numbers_that_are_none_are_missing() -> None:
    series, found = regularise(
        points((0, 1.0), (1, np.inf), (2, 2.0), (3, np.nan), (4, 3.0)), 900, UTC, AS_IS
    )
    assert np.isnan(series.values).tolist() == [False, True, False, True, False]
    assert found[0].code == "not_a_number"
    assert found[0].count == 2


def test_the_same_point_twice_is_harmless_but_reported() -> None:
    series, found = regularise(points((0, 1.0), (1, 2.0), (1, 2.0)), 900, UTC, AS_IS)
    assert series.values.tolist() == [1.0, 2.0]
    assert [(f.code, f.severity, f.count) for f in found] == [("duplicate_timestamps", "info", 1)]


def test_different_values_of_one_instant_are_refused() -> None:
    with pytest.raises(DuplicateTimes):
        regularise(points((0, 1.0), (1, 2.0), (1, 5.0)), 900, UTC, AS_IS)


@pytest.mark.parametrize(("which", "expected"), [("first", 2.0), ("last", 5.0), ("mean", 3.5)])
def test_the_request_says_which_duplicate_counts(which: str, expected: float) -> None:
    series, found = regularise(points((0, 1.0), (1, 2.0), (1, 5.0)), 900, UTC, Repairs(duplicates=which))
    assert series.values.tolist() == [1.0, expected]
    assert found[0].repair == f"kept the {which}"


def test_finer_points_are_refused_unless_they_may_be_resampled() -> None:
    fine = Points.of([T0 + 300 * i for i in range(6)], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    with pytest.raises(WrongResolution):
        regularise(fine, 900, UTC, AS_IS)
    series, found = regularise(fine, 900, UTC, Repairs(resample=True))
    assert series.values.tolist() == [2.0, 5.0]
    assert found[-1].code == "wrong_resolution"
    assert found[-1].repair is not None


def test_coarser_points_hold_until_the_next_when_resampled() -> None:
    coarse = Points.of([T0, T0 + 3600], [4.0, 8.0])
    series, _ = regularise(coarse, 900, UTC, Repairs(resample=True))
    assert series.values.tolist() == [4.0] * 4 + [8.0] * 4


def test_intervals_labelled_by_their_end_begin_one_step_earlier() -> None:
    series, _ = regularise(Points.of([T0 + 900, T0 + 1800], [1.0, 2.0], ends_after_s=900), 900, UTC, AS_IS)
    assert int(series.clock.instants(0)) == T0


def test_days_in_local_time_lie_on_the_wall_clock_through_the_time_change() -> None:
    zone = zone_of("Europe/Amsterdam")
    days = pd.date_range("2024-03-28", periods=6, freq="D", tz="Europe/Amsterdam")
    series, found = regularise(Points.of_frame(pd.Series(range(6), days, dtype=float)), 86_400, zone, AS_IS)
    assert series.clock.wall
    assert series.values.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert found == []


def test_the_hour_that_comes_twice_in_autumn_is_two_intervals() -> None:
    hours = pd.date_range("2024-10-27 00:00", periods=5, freq="h", tz="Europe/Amsterdam")
    assert len(set(hours.tz_localize(None))) == 4  # the local stamps repeat one
    series, found = regularise(
        Points.of_frame(pd.Series(range(5), hours, dtype=float)), 3600, zone_of("Europe/Amsterdam"), AS_IS
    )
    assert series.values.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert found == []


def test_stamps_without_an_offset_are_refused() -> None:
    with pytest.raises(MissingOffset):
        Points.of_frame(pd.Series([1.0], pd.DatetimeIndex(["2024-01-01"])))


@pytest.mark.parametrize(
    ("instants", "values"),
    [
        ([T0], [np.nan]),
        ([], []),
        ([T0, T0 + 900], [1.0, 1e40]),
        ([T0, T0 + 10**12], [1.0, 2.0]),
        ([-(10**15), -(10**15) + 900], [1.0, 2.0]),
    ],
)
def test_what_is_no_history_is_refused(instants: list[int], values: list[float]) -> None:
    with pytest.raises(InvalidHistory):
        regularise(Points.of(instants, values), 900, UTC, AS_IS)


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(InvalidHistory):
        Points.of([T0, T0 + 900], [1.0])
