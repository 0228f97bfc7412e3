from dataclasses import replace
from datetime import UTC

import numpy as np
import pytest
from support.load_series import START_S, instants, load, sunshine, temperature

from gridjobs_workers.forecasting.checks import check
from gridjobs_workers.forecasting.clock import Clock, Floats
from gridjobs_workers.forecasting.findings import Finding
from gridjobs_workers.forecasting.repairs import ALL_REPAIRS, Repairs
from gridjobs_workers.forecasting.series import Series

HOUR = 3600


@pytest.fixture
def month() -> Series:
    at = instants(35, HOUR)
    return Series(Clock(START_S, HOUR, UTC), load(at, temperature(at)))


def changed(series: Series, where: slice, values: Floats | float) -> Series:
    copy = series.values.copy()
    copy[where] = values
    return replace(series, values=copy)


def only(found: list[Finding], code: str) -> Finding:
    assert [finding.code for finding in found] == [code]
    return found[0]


def test_a_clean_series_has_no_findings(month: Series) -> None:
    series, found = check(month, ALL_REPAIRS)
    assert found == []
    np.testing.assert_array_equal(series.values, month.values)


def test_a_stuck_meter_is_found_with_its_span(month: Series) -> None:
    stuck = changed(month, slice(100, 130), 87.5)
    series, found = check(stuck, Repairs())
    finding = only(found, "flatliner")
    assert finding.spans == ((START_S + 100 * HOUR, START_S + 130 * HOUR),)
    assert finding.repair is None
    np.testing.assert_array_equal(series.values, stuck.values)


def test_a_stuck_meter_is_taken_as_missing_when_allowed(month: Series) -> None:
    series, found = check(changed(month, slice(100, 130), 87.5), Repairs(flatliners=True))
    assert np.flatnonzero(np.isnan(series.values)).tolist() == list(range(100, 130))
    assert only(found, "flatliner").repair == "taken as missing"


def test_nights_are_no_stuck_meter_to_the_sun() -> None:
    at = instants(35, HOUR)
    plant = Series(Clock(START_S, HOUR, UTC), sunshine(at)[1])
    assert check(plant, Repairs(), solar=True)[1] == []
    only(check(plant, Repairs())[1], "flatliner")


@pytest.mark.parametrize("spike", [2_000.0, -900.0])
def test_a_spike_is_an_outlier(month: Series, spike: float) -> None:
    spiked = changed(month, slice(200, 201), spike)
    finding = only(check(spiked, Repairs())[1], "outlier")
    assert finding.spans == ((START_S + 200 * HOUR, START_S + 201 * HOUR),)
    series, _ = check(spiked, Repairs(outliers=True))
    assert np.flatnonzero(np.isnan(series.values)).tolist() == [200]


def test_a_change_from_kilowatt_to_watt_is_a_unit_jump(month: Series) -> None:
    jumped = changed(month, slice(480, None), month.values[480:] * 1000)
    finding = only(check(jumped, Repairs())[1], "unit_jump")
    assert finding.spans == ((START_S, START_S + 480 * HOUR),)
    series, _ = check(jumped, Repairs(unit_jumps=True))
    np.testing.assert_allclose(series.values, month.values * 1000)


def test_a_unit_that_changes_and_comes_back_is_repaired(month: Series) -> None:
    jumped = changed(month, slice(240, 480), month.values[240:480] / 1000)
    series, found = check(jumped, ALL_REPAIRS)
    only(found, "unit_jump")
    np.testing.assert_allclose(series.values, month.values)


def test_short_gaps_are_bridged_only_when_allowed(month: Series) -> None:
    holed = changed(changed(month, slice(50, 52), np.nan), slice(300, 310), np.nan)
    untouched, found = check(holed, Repairs())
    assert found == []
    np.testing.assert_array_equal(untouched.values, holed.values)
    series, found = check(holed, Repairs(interpolate_s=3 * HOUR))
    assert np.flatnonzero(np.isnan(series.values)).tolist() == list(range(300, 310))
    assert only(found, "gap").count == 2
    third = (month.values[52] - month.values[49]) / 3
    np.testing.assert_allclose(series.values[50:52], month.values[49] + third * np.array([1, 2]))


@pytest.mark.parametrize("value", [0.0, 5.0, -3e8, 1e-6])
def test_a_constant_series_is_one_finding(month: Series, value: float) -> None:
    series = changed(month, slice(None), value)
    only(check(series, ALL_REPAIRS)[1], "constant")


def test_repairs_never_take_most_of_a_series_away(month: Series) -> None:
    series, found = check(changed(month, slice(0, 600), 87.5), ALL_REPAIRS)
    assert np.isfinite(series.values).sum() * 2 >= len(month.values)
    assert next(f for f in found if f.code == "flatliner").repair is None
