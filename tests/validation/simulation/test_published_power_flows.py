"""Published cases, each with the source of its numbers."""

import json
from typing import Any

import numpy as np
import pytest
from support.cases import load_case
from support.data import shared

from gridjobs_workers.simulation.power_flow import PowerFlowOptions, branch_flows, solve_power_flow

WITHOUT_LIMITS = PowerFlowOptions(q_limits=False)


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    values: dict[str, Any] = json.loads(shared("reference_values.json").read_text())
    return values


def losses_mw(flow: Any) -> float:
    flows = branch_flows(flow.network, flow.v)
    return float((flows.s_from + flows.s_to).sum().real * flow.network.base_mva)


def test_baran_and_wu_lose_202_677_kw_and_sag_to_0_91309_at_bus_18() -> None:
    # M. E. Baran, F. F. Wu, IEEE Trans. Power Delivery 4(2), 1989; figures as everywhere since.
    case = load_case("baran_wu_33")
    flow = solve_power_flow(case.network, case.point)
    assert 1000 * losses_mw(flow) == pytest.approx(202.677, abs=5e-4)
    assert np.abs(flow.v).min() == pytest.approx(0.91309, abs=5e-6)
    assert np.abs(flow.v).argmin() == 17


def test_ieee_14_is_as_in_the_common_data_format(published: dict[str, Any]) -> None:
    case = load_case("ieee_14")
    flow = solve_power_flow(case.network, case.point, WITHOUT_LIMITS)
    # Printed to three decimals and hundredths of a degree; bus 4 is off in print, as known.
    others = np.arange(14) != 3
    printed = {key: np.array(published["ieee14_published"][key])[others] for key in ("V", "theta")}
    np.testing.assert_allclose(np.abs(flow.v)[others], printed["V"], atol=6e-4)
    np.testing.assert_allclose(np.rad2deg(np.angle(flow.v))[others], printed["theta"], atol=0.011)
    assert abs(flow.v[3]) == pytest.approx(1.01767, abs=5e-6)
    assert losses_mw(flow) == pytest.approx(13.393, abs=5e-4)


@pytest.mark.parametrize(
    ("name", "key"), [("wscc_9", "pf_case9_pandapower_3_5_6"), ("ieee_118", "pf_case118_pandapower_3_5_6")]
)
def test_transmission_cases_agree_with_pandapower(name: str, key: str, published: dict[str, Any]) -> None:
    case = load_case(name)
    flow = solve_power_flow(case.network, case.point, WITHOUT_LIMITS)
    reference = published[key]
    # The 118-bus figures were made with T circuits, not π, for three charged branches: 2.5e-5 apart there.
    np.testing.assert_allclose(np.abs(flow.v), reference["V"], atol=3e-5)
    angle = np.rad2deg(np.angle(flow.v))
    at = case.point.reference_bus
    np.testing.assert_allclose(
        angle - angle[at], reference["theta"] - np.array(reference["theta"])[at], atol=2e-3
    )


@pytest.mark.parametrize(("name", "losses"), [("ieee_30", 17.557), ("ieee_39", 43.641)])
def test_losses_are_as_published(name: str, losses: float) -> None:
    # MATPOWER 7.1, runpf(case_ieee30), runpf(case39).
    case = load_case(name)
    assert losses_mw(solve_power_flow(case.network, case.point, WITHOUT_LIMITS)) == pytest.approx(
        losses, abs=5e-4
    )
