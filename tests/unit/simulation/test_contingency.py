"""Outages against power flows of the grid that they leave."""

from dataclasses import replace

import numpy as np
import pytest
from support.cases import Case, load_case
from support.networks import network_of

from gridjobs_workers.simulation.contingency import (
    CaseResult,
    ContingencyOptions,
    Outage,
    ranked,
    run_contingencies,
)
from gridjobs_workers.simulation.limits import Limits, no_limits
from gridjobs_workers.simulation.power_flow import (
    NotConverged,
    OperatingPoint,
    PowerFlow,
    VoltageControls,
    branch_flows,
    solve_power_flow,
)


def branch(number: int) -> Outage:
    return Outage(branches=np.array([number]))


def run(
    case: Case, outages: list[Outage], limits: Limits | None = None, threads: int = 2
) -> tuple[list[CaseResult], list]:
    base = solve_power_flow(case.network, case.point)
    voltages: list = []
    results = run_contingencies(
        case.network,
        case.point,
        base,
        outages,
        limits or no_limits(case.network),
        ContingencyOptions(threads=threads),
        lambda _result, v: voltages.append(v),
    )
    return results, voltages


def without_branch(case: Case, number: int) -> Case:
    keep = np.delete(np.arange(case.network.n_branch), number)
    names = ("from_bus", "to_bus", "y_ff", "y_ft", "y_tf", "y_tt", "shift_rad", "branch_row")
    return Case(replace(case.network, **{n: getattr(case.network, n)[keep] for n in names}), case.point)


def test_every_branch_outage_of_ieee_118_is_the_power_flow_without_it() -> None:
    case = load_case("ieee_118")
    results, voltages = run(case, [branch(b) for b in range(case.network.n_branch)])
    checked = 0
    for result, v in zip(results, voltages, strict=True):
        if result.n_islands > 1 or result.dark_buses.size or not result.solved or result.outage % 7:
            continue
        flow = solve_without(case, result.outage)
        np.testing.assert_allclose(
            v, flow.v, atol=2e-5
        )  # limits within 1e-6 of binding may end on either side
        checked += 1
    assert checked > 20


def solve_without(case: Case, number: int) -> PowerFlow:
    rest = without_branch(case, number)
    return solve_power_flow(rest.network, rest.point)


def test_a_bridge_leaves_dark_buses_and_lost_load() -> None:
    case = load_case("baran_wu_33")
    results, voltages = run(
        case, [branch(21)]
    )  # feeder of buses 22 to 24, 90 + 420 + 420 kW on a 10 MVA base
    (result,) = results
    assert result.solved
    assert result.dark_buses.tolist() == [22, 23, 24]
    assert result.lost_load_pu == pytest.approx(0.093)
    assert np.isnan(voltages[0][22:25]).all()
    assert np.isfinite(np.delete(voltages[0], [22, 23, 24])).all()
    assert result.v_min_bus == 17


def test_the_loss_of_the_only_infeed_is_named() -> None:
    case = load_case("baran_wu_33")
    (result,), _ = run(case, [Outage(controls=np.array([0]))])
    assert not result.solved
    assert result.reason == "no_source"
    assert result.lost_load_pu == pytest.approx(0.3715)


def test_an_island_with_a_machine_goes_on_by_itself() -> None:
    # 0 (reference) - 1 - 2 (machine): without 0-1 the machine at 2 feeds bus 1 alone.
    network = network_of(3, [(0, 1, 0.01 + 0.05j), (1, 2, 0.01 + 0.05j)])
    controls = VoltageControls.local(np.array([0, 2]), np.array([1.0, 1.02]))
    case = Case(
        network, OperatingPoint(np.array([0, -0.4 - 0.1j, 0.2]), np.array([0]), np.zeros(1), controls)
    )
    (result,), (v,) = run(case, [branch(0)])
    assert result.n_islands == 2
    assert result.dark_buses.size == 0
    assert abs(v[2]) == pytest.approx(1.02, abs=1e-9)
    assert (v[2] * np.conj((v[2] - v[1]) / (0.01 + 0.05j))).real == pytest.approx(0.4, abs=0.01)


def test_the_loss_of_a_machine_takes_its_power_and_its_voltage() -> None:
    case = load_case("ieee_14")
    lost = Outage(controls=np.array([1]), buses=np.array([1]), s_lost_pu=np.array([0.4 + 0j]))
    _, (v,) = run(case, [lost])
    s = case.point.s_pu.copy()
    s[1] -= 0.4
    rest = case.point.controls
    keep = np.array([0, 2, 3, 4])
    controls = VoltageControls.local(
        rest.bus[keep], rest.target_pu[keep], rest.q_min_pu[keep], rest.q_max_pu[keep]
    )
    flow = solve_power_flow(case.network, replace(case.point, s_pu=s, controls=controls))
    np.testing.assert_allclose(v, flow.v, atol=1e-7)


def test_a_collapse_is_explained_with_the_loading_that_would_still_do() -> None:
    # Two parallel lines of x = 0.2 carry 3 p.u.; one alone ends at V²/2x = 2.5 p.u.
    network = network_of(2, [(0, 1, 0.2j), (0, 1, 0.2j)])
    case = Case(
        network,
        OperatingPoint(
            np.array([0, -3.0 + 0j]),
            np.array([0]),
            np.zeros(1),
            VoltageControls.local(np.array([0]), np.ones(1)),
        ),
    )
    (result,), (v,) = run(case, [branch(0)])
    assert v is None
    assert result.reason == "voltage_collapse"
    assert "83 %" in result.explanation
    assert result.severity == np.inf


def test_violations_and_ranks_follow_the_limits() -> None:
    case = load_case("ieee_14")
    base = solve_power_flow(case.network, case.point)
    flows = branch_flows(case.network, base.v)
    limit = 1.3 * np.abs(flows.i_from) + 0.05
    limits = Limits(np.full(14, 0.94), np.full(14, 1.1), limit, np.full(20, np.inf))
    results, voltages = run(case, [branch(b) for b in range(20)], limits)
    for result, v in zip(results, voltages, strict=True):
        if v is None:
            continue
        loading = np.abs(branch_flows(case.network, v).i_from) / limit
        loading[result.outage] = 0
        loading = np.nan_to_num(loading)
        over = {v.item for v in result.violations if v.kind == "overload"}
        assert over == set(np.flatnonzero(loading > 1))
        assert result.loading_max == pytest.approx(loading.max(), rel=1e-6)
    order = [result.severity for result in ranked(results)]
    assert order == sorted(order, reverse=True)
    assert order[0] > 0


def test_threads_change_nothing() -> None:
    case = load_case("ieee_30")
    outages = [branch(b) for b in range(41)]
    one, v_one = run(case, outages, threads=1)
    two, v_two = run(case, outages, threads=2)
    assert [r.severity for r in one] == [r.severity for r in two]
    for a, b in zip(v_one, v_two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_machine_that_loses_its_remote_bus_holds_its_own() -> None:
    network = network_of(4, [(0, 1, 0.05j), (1, 2, 0.05j), (0, 2, 0.08j), (2, 3, 0.02j)])
    inf = np.full(2, np.inf)
    controls = VoltageControls(
        np.array([0, 3]), np.array([0, 2]), np.array([1.0, 1.01]), -inf, inf, np.ones(2)
    )
    case = Case(
        network, OperatingPoint(np.array([0, -0.5 - 0.2j, -0.5, 0.3]), np.array([0]), np.zeros(1), controls)
    )
    results, voltages = run(case, [branch(0), branch(3)])
    assert abs(voltages[0][2]) == pytest.approx(1.01, abs=1e-7)
    # Bus 3 alone cannot hold bus 2 any more; it holds its own and goes on as an island.
    assert results[1].n_islands == 2
    assert abs(voltages[1][3]) == pytest.approx(1.01, abs=1e-7)


def test_two_lines_at_once_are_an_outage_like_any_other() -> None:
    case = load_case("ieee_30")
    (result,), (v,) = run(case, [Outage(branches=np.array([2, 7]))])
    reference = without_branch(without_branch(case, 7), 2)
    try:
        flow = solve_power_flow(reference.network, reference.point)
    except NotConverged:
        assert not result.solved
    else:
        np.testing.assert_allclose(v, flow.v, atol=1e-6)


def test_outages_with_voltages_held_from_afar_are_power_flows_too() -> None:
    case = load_case("ieee_118")
    controls = case.point.controls
    # The machines at 9 and 25 hold the high-voltage sides of their transformers, 8 and 24 (0 to 117).
    regulated = controls.bus.copy()
    regulated[controls.bus == 9], regulated[controls.bus == 25] = 8, 24
    point = replace(case.point, controls=replace(controls, regulated_bus=regulated))
    remote = Case(case.network, point)
    results, voltages = run(remote, [branch(b) for b in range(0, 186, 5)])
    checked = 0
    for result, v in zip(results, voltages, strict=True):
        if result.n_islands == 1 and not result.dark_buses.size and result.solved:
            np.testing.assert_allclose(v, solve_without(remote, 5 * result.outage).v, atol=2e-5)
            checked += 1
    assert checked > 25
