"""Tap changers that hold voltages."""

from dataclasses import replace

import numpy as np
import pytest
from support.networks import network_of

from gridjobs_workers.grids.network import Network
from gridjobs_workers.simulation.power_flow import (
    OperatingPoint,
    PowerFlowOptions,
    TapChangers,
    VoltageControls,
    solve_power_flow,
)
from gridjobs_workers.simulation.power_flow.taps import with_ratios

# Two transformers in parallel from 0 to 1, then a line to the load at 2.
NETWORK = network_of(3, [(0, 1, 0.01 + 0.1j), (0, 1, 0.01 + 0.1j), (1, 2, 0.02 + 0.02j)])


def taps(n: int, deadband_pu: float, target_pu: float = 1.0, low: float = -9, high: float = 9) -> TapChangers:
    return TapChangers(
        branch=np.arange(n),
        at_from=np.full(n, True),
        position=np.zeros(n),
        neutral=np.zeros(n),
        low=np.full(n, low),
        high=np.full(n, high),
        step=np.full(n, 0.0125),
        regulated_bus=np.full(n, 1),
        target_pu=np.full(n, target_pu),
        deadband_pu=np.full(n, deadband_pu),
    )


def loaded(tap_changers: TapChangers) -> OperatingPoint:
    at_0 = VoltageControls.local(np.array([0]), np.ones(1))
    return OperatingPoint(np.array([0, 0, -0.6 - 0.3j]), np.array([0]), np.zeros(1), at_0, taps=tap_changers)


def test_discrete_taps_end_within_their_band_on_whole_positions() -> None:
    flow = solve_power_flow(NETWORK, loaded(taps(2, 0.02)), PowerFlowOptions(taps="discrete"))
    assert abs(abs(flow.v[1]) - 1.0) <= 0.01
    np.testing.assert_array_equal(flow.tap_position, np.round(flow.tap_position))
    assert flow.tap_position[0] == flow.tap_position[1] < 0


def test_the_solution_is_that_of_the_moved_network() -> None:
    flow = solve_power_flow(NETWORK, loaded(taps(2, 0.02)), PowerFlowOptions(taps="discrete"))
    moved = with_ratios(NETWORK, taps(2, 0.02), flow.tap_position)
    again = solve_power_flow(moved, replace(loaded(taps(2, 0.02)), taps=TapChangers()))
    np.testing.assert_allclose(again.v, flow.v, atol=1e-8)


def test_continuous_taps_meet_their_target() -> None:
    flow = solve_power_flow(NETWORK, loaded(taps(2, 0.02, 1.013)), PowerFlowOptions(taps="continuous"))
    assert abs(flow.v[1]) == pytest.approx(1.013, abs=2e-6)


def test_a_tap_changer_stops_at_its_last_position() -> None:
    flow = solve_power_flow(NETWORK, loaded(taps(2, 0.01, 1.2, low=-3)), PowerFlowOptions(taps="discrete"))
    assert flow.tap_position.tolist() == [-3, -3]


def test_a_band_narrower_than_a_step_ends_at_the_nearest_position() -> None:
    flow = solve_power_flow(NETWORK, loaded(taps(1, 0.0001)), PowerFlowOptions(taps="discrete"))
    at = flow.tap_position[0]
    errors = [abs(abs(voltage_at(NETWORK, position)) - 1.0) for position in (at - 1, at, at + 1)]
    assert np.argmin(errors) == 1


def voltage_at(network: Network, position: float) -> complex:
    moved = with_ratios(network, taps(1, 0.0), np.array([position]))
    return complex(solve_power_flow(moved, replace(loaded(taps(1, 0.0)), taps=TapChangers())).v[1])


def test_fixed_taps_stay() -> None:
    flow = solve_power_flow(NETWORK, loaded(taps(2, 0.02)))
    assert flow.tap_position.tolist() == [0, 0]
