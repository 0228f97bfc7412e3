"""Power flows small enough to check by hand or by balance."""

from dataclasses import replace

import numpy as np
import pytest
from support.cases import load_case
from support.networks import network_of

from gridjobs_workers.simulation.power_flow import (
    InvalidInput,
    NoSource,
    NotConverged,
    OperatingPoint,
    PowerFlowOptions,
    VoltageControls,
    branch_flows,
    solve_power_flow,
)

AT_0 = np.array([0])
TWO_BUSES = network_of(2, [(0, 1, 0.1j)])
CHAIN = network_of(4, [(0, 1, 0.01 + 0.02j), (1, 2, 0.01 + 0.02j), (2, 3, 0.01 + 0.02j)])


def fed_at_0(s_pu: list[complex], **more: object) -> OperatingPoint:
    controls = VoltageControls.local(AT_0, np.ones(1))
    return replace(OperatingPoint(np.array(s_pu, dtype=complex), AT_0, np.zeros(1), controls), **more)


def test_two_buses_are_as_by_hand() -> None:
    # P = V sin(δ) / x and 0 = V² - V cos(δ): V = cos δ, P x = sin δ cos δ = sin(2δ) / 2.
    flow = solve_power_flow(TWO_BUSES, fed_at_0([0, -2.0]))
    delta = 0.5 * np.arcsin(2 * 0.2)
    np.testing.assert_allclose(flow.v[1], np.cos(delta) * np.exp(-1j * delta), rtol=1e-9)
    np.testing.assert_allclose(flow.reference_p_pu, [2.0], rtol=1e-9)


def test_every_start_leads_to_the_same_voltages() -> None:
    case = load_case("ieee_118")
    flat, dc = (
        solve_power_flow(case.network, case.point, PowerFlowOptions(start=s, q_limits=False))
        for s in ("flat", "dc")
    )
    given = solve_power_flow(
        case.network, case.point, PowerFlowOptions(start="given", v_start=flat.v, q_limits=False)
    )
    np.testing.assert_allclose(dc.v, flat.v, atol=1e-9)
    np.testing.assert_allclose(given.v, flat.v, atol=1e-9)
    assert given.iterations <= 1


def test_islands_are_solved_side_by_side() -> None:
    two = network_of(4, [(0, 1, 0.1j), (2, 3, 0.1j)])
    controls = VoltageControls.local(np.array([0, 3]), np.array([1.0, 1.0]))
    point = OperatingPoint(
        np.array([0, -2.0, -2.0, 0], dtype=complex), np.array([0, 3]), np.array([0.0, 0.5]), controls
    )
    flow = solve_power_flow(two, point)
    np.testing.assert_allclose(flow.v[2], flow.v[1] * np.exp(0.5j), rtol=1e-9)


def test_an_island_without_a_reference_is_named() -> None:
    two = network_of(5, [(0, 1, 0.1j), (2, 3, 0.1j)])
    with pytest.raises(NoSource) as error:
        solve_power_flow(two, fed_at_0([0, -0.1, 0, -0.1, 0]))
    assert [buses.tolist() for buses in error.value.islands] == [[2, 3], [4]]


def test_beyond_the_nose_the_diagnosis_finds_the_loading_limit() -> None:
    # Unity power factor over x = 0.1: P_max = V² / 2x = 5 p.u.
    with pytest.raises(NotConverged) as error:
        solve_power_flow(TWO_BUSES, fed_at_0([0, -8.0]))
    diagnosis = error.value.diagnosis
    assert diagnosis.solvable_share == pytest.approx(5 / 8, abs=0.005)
    assert diagnosis.weakest_bus == 1
    # At the nose V = 1 / sqrt(2).
    assert diagnosis.weakest_v_pu == pytest.approx(2**-0.5, abs=0.06)
    assert "voltage collapse" in diagnosis.reason


def test_just_before_the_nose_there_is_a_solution() -> None:
    flow = solve_power_flow(TWO_BUSES, fed_at_0([0, -4.999]))
    assert abs(flow.v[1]) == pytest.approx(2**-0.5, abs=0.02)


def test_participants_share_what_the_reference_would_feed() -> None:
    alone = solve_power_flow(CHAIN, fed_at_0([0, -1.0, 0, -1.0]))
    shared = solve_power_flow(CHAIN, fed_at_0([0, -1.0, 0, -1.0], participation=np.array([3.0, 0, 1.0, 0])))
    np.testing.assert_allclose(shared.s_bus.real[2] * 3, shared.s_bus.real[0], rtol=1e-9)
    assert shared.reference_p_pu[0] == pytest.approx(2.0 + losses(shared), rel=1e-9)
    assert shared.reference_p_pu[0] < alone.reference_p_pu[0]


def losses(flow: object) -> float:
    flows = branch_flows(flow.network, flow.v)  # type: ignore[attr-defined]
    return float((flows.s_from + flows.s_to).sum().real)


def test_a_machine_holds_its_bus_until_its_limit() -> None:
    control = VoltageControls.local(
        np.array([0, 3]), np.ones(2), np.array([-np.inf, -0.5]), np.array([np.inf, 0.5])
    )
    loose = solve_power_flow(CHAIN, fed_at_0([0, 0, -0.2 - 0.2j, 0], controls=control))
    assert abs(loose.v[3]) == pytest.approx(1.0, abs=1e-9)
    assert loose.control_state.tolist() == [0, 0]

    tight = solve_power_flow(CHAIN, fed_at_0([0, -1.0 - 1.0j, -2.0 - 2.0j, 0], controls=control))
    assert tight.control_state.tolist() == [0, 1]
    assert tight.s_bus[3].imag == pytest.approx(0.5, abs=1e-9)
    assert abs(tight.v[3]) < 1.0


def test_a_limit_is_left_when_it_no_longer_binds() -> None:
    # The second machine's lift lets the first come off its limit again.
    n = network_of(4, [(0, 1, 0.05j), (1, 2, 0.05j), (2, 3, 0.05j)])
    control = VoltageControls.local(
        np.array([0, 1, 3]), np.array([1.0, 0.99, 1.04]), np.array([-9, -9, -9.0]), np.array([9, 0.02, 9.0])
    )
    flow = solve_power_flow(n, fed_at_0([0, 0, -0.6j, 0], controls=control))
    q = flow.control_q_pu
    assert (q <= control.q_max_pu + 1e-6).all()
    at_max = flow.control_state == 1
    held = np.abs(flow.v)[control.bus]
    assert (held[at_max] <= control.target_pu[at_max] + 1e-6).all()
    np.testing.assert_allclose(
        held[flow.control_state == 0], control.target_pu[flow.control_state == 0], rtol=1e-9
    )


def test_two_machines_hold_a_remote_bus_and_share_reactive_power() -> None:
    buses, remote, inf = np.array([0, 2, 3]), np.array([0, 1, 1]), np.full(3, np.inf)
    control = VoltageControls(
        buses, remote, np.array([1.0, 0.995, 0.995]), -inf, inf, np.array([1.0, 2.0, 1.0])
    )
    flow = solve_power_flow(CHAIN, fed_at_0([0, -0.5 - 0.5j, 0, 0], controls=control))
    assert abs(flow.v[1]) == pytest.approx(0.995, abs=1e-9)
    assert flow.control_q_pu[1] == pytest.approx(2 * flow.control_q_pu[2], rel=1e-9)
    np.testing.assert_allclose(flow.s_bus.imag[[2, 3]], flow.control_q_pu[1:], atol=1e-9)


def test_voltage_dependent_loads_draw_what_their_law_says() -> None:
    point = fed_at_0(
        [0, -0.5, 0, 0],
        s_current_pu=np.array([0, 0, -0.8 - 0.4j, 0]),
        s_impedance_pu=np.array([0, 0, 0, -1.0 - 0.5j]),
    )
    flow = solve_power_flow(CHAIN, point)
    u = np.abs(flow.v)
    np.testing.assert_allclose(
        flow.s_bus[1:], [-0.5, (-0.8 - 0.4j) * u[2], (-1.0 - 0.5j) * u[3] ** 2], atol=1e-9
    )


def test_two_references_in_one_island_keep_their_angles() -> None:
    controls = VoltageControls.local(np.array([0, 3]), np.array([1.0, 1.0]))
    point = OperatingPoint(
        np.array([0, -0.5, -0.5, 0], dtype=complex), np.array([0, 3]), np.zeros(2), controls
    )
    flow = solve_power_flow(CHAIN, point)
    np.testing.assert_allclose(flow.v[[0, 3]], [1.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(flow.reference_p_pu, flow.s_bus.real[[0, 3]], atol=1e-9)


@pytest.mark.parametrize(
    ("point", "field"),
    [
        (fed_at_0([0, np.nan]), "s_pu"),
        (fed_at_0([0, 0, 0]), "s_pu"),
        (fed_at_0([0, 0], controls=VoltageControls.local(np.array([0, 7]), np.ones(2))), "controls.bus"),
        (fed_at_0([0, 0], controls=VoltageControls.local(AT_0, np.array([np.nan]))), "controls.target_pu"),
        (fed_at_0([0, 0], controls=VoltageControls()), "reference_bus"),
    ],
)
def test_numbers_that_mean_nothing_are_named(point: OperatingPoint, field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        solve_power_flow(TWO_BUSES, point)
    assert error.value.field == field
