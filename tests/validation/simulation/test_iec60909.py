"""The test network of IEC TR 60909-4 against its figures, as pandapower's test of the same network cites them."""

import json
from typing import Any

import numpy as np
import pytest
from support.data import shared
from support.iec60909_4 import iec_60909_4

from gridjobs_workers.simulation.short_circuit import ShortCircuitOptions, run_short_circuit

BUSES = np.arange(10)  # 1 to 8 and the two generators' terminals


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    values: dict[str, Any] = json.loads(shared("reference_values.json").read_text())["iec60909_4"]
    return values


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (ShortCircuitOptions(), "ikss_3ph_max_kA"),
        (ShortCircuitOptions(case="min"), "ikss_3ph_min_kA"),
        (ShortCircuitOptions(fault="two_phase"), "ikss_2ph_max_kA"),
    ],
)
def test_initial_currents_are_as_published(
    options: ShortCircuitOptions, key: str, published: dict[str, Any]
) -> None:
    result = run_short_circuit(iec_60909_4(), BUSES, options)
    np.testing.assert_allclose(result.ik_ka, published[key], atol=1e-4, rtol=0)


def test_peak_currents_by_equivalent_frequency_are_as_published(published: dict[str, Any]) -> None:
    result = run_short_circuit(iec_60909_4(), BUSES[:8], ShortCircuitOptions(kappa_method="C"))
    np.testing.assert_allclose(result.ip_ka, published["ip_kappaC_kA"], atol=1e-4, rtol=0)


def test_currents_to_earth_are_as_published() -> None:
    # I''k1 and ip as cited in pandapower's test_iec60909_4.py (which skips them); earthed at T1, T3 and T4.
    result = run_short_circuit(iec_60909_4(), BUSES[:5], ShortCircuitOptions(fault="phase_to_ground"))
    np.testing.assert_allclose(result.ik_ka, [24.6526, 15.9722, 10.4106, 9.0498, 17.0452], atol=1e-4, rtol=0)
    np.testing.assert_allclose(result.ip_ka, [60.9982, 40.5086, 24.2424, 20.5464, 42.8337], atol=1e-4, rtol=0)


def test_the_earthing_resistor_of_t6_limits_the_current_at_10_kv() -> None:
    # 1.1 * 10 kV / √3 / 100 ohm = 63.5 A, and nothing through the isolated tertiary of T4.
    result = run_short_circuit(iec_60909_4(), np.array([5, 7]), ShortCircuitOptions(fault="phase_to_ground"))
    np.testing.assert_allclose(result.ik_ka, [0.0635, 0.0], atol=1e-4)


def test_breaking_currents_after_a_tenth_of_a_second_are_as_cited() -> None:
    # `ib` in pandapower's test_iec60909_4.py, listed there beside the peaks.
    expected = [40.645, 31.570, 19.388, 16.017, 32.795, 34.028, 23.212, 13.578, 42.3867, 68.4172]
    result = run_short_circuit(iec_60909_4(), BUSES, ShortCircuitOptions(minimum_delay_s=0.1))
    np.testing.assert_allclose(result.ib_ka, expected, atol=4e-3, rtol=0)


def test_without_motors_the_currents_are_less() -> None:
    # The same source; the motors' share is the difference to the table above.
    expected = [40.6347, 31.6635, 19.6231, 16.1956, 32.9971, 34.3559, 22.2762, 13.5726]
    result = run_short_circuit(iec_60909_4(motors=False), BUSES[:8], ShortCircuitOptions())
    np.testing.assert_allclose(result.ik_ka, expected, atol=1e-4, rtol=0)
