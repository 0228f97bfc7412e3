"""Real grids against the solution that their own SV profile holds."""

import numpy as np
import pytest
from support.data import shared

from gridjobs_workers.grids.build import import_grid
from gridjobs_workers.grids.model import GridModel
from gridjobs_workers.grids.network import Network
from gridjobs_workers.grids.reduce import to_network
from gridjobs_workers.simulation.grid.operating_point import injection_powers, operating_point
from gridjobs_workers.simulation.power_flow import PowerFlow, PowerFlowOptions, solve_power_flow

MICRO = ("entsoe_2.4.15", "MicroGrid", "BaseCase")
BOUNDARY = (*MICRO, "CGMES_v2.4.15_MicroGridTestConfiguration_BD_v2")
GRIDS = {
    "CIGRE MV, NEPLAN": [("cigre_mv_pyvolt", "CIGRE-MV-NoTap")],
    "CIGRE MV, PowerFactory": [("cigre_mv_pyvolt", "CIGRE-MV-NoTap-WithBreaker")],
    "CIGRE MV, cimpy": [("cimpy_samples", "CIGRE_MV")],
    "MicroGrid BE": [(*MICRO, "CGMES_v2.4.15_MicroGridTestConfiguration_BC_BE_v2"), BOUNDARY],
    "MicroGrid assembled": [(*MICRO, "CGMES_v2.4.15_MicroGridTestConfiguration_BC_Assembled_v2"), BOUNDARY],
}
SMALL_GRID = [("entsoe_2.4.15", "SmallGrid", "BusBranch")]


def load(folders: list[tuple[str, ...]]) -> tuple[GridModel, Network]:
    paths = [path for folder in folders for path in sorted(shared("cgmes", *folder).rglob("*.xml"))]
    model = import_grid((path.name, path.read_bytes()) for path in paths)
    return model, to_network(model)


def solution(model: GridModel, network: Network) -> np.ndarray:
    v = model.buses.sv_kv * np.exp(1j * np.deg2rad(model.buses.sv_deg))
    return np.asarray(v[network.bus_row] / network.base_kv)


def solve(model: GridModel, network: Network) -> PowerFlow:
    # The assembled MicroGrid's solution has NL-G2 and NL-G3 draw 27 Mvar each, below their own minQ of 0.
    return solve_power_flow(
        network, operating_point(model, network, values="sv").point, PowerFlowOptions(q_limits=False)
    )


@pytest.mark.parametrize("name", list(GRIDS))
def test_the_power_flow_is_the_solution_of_the_file(name: str) -> None:
    model, network = load(GRIDS[name])
    expected, flow = solution(model, network), solve(model, network)
    there = np.abs(expected) > 0
    np.testing.assert_allclose(np.abs(flow.v)[there], np.abs(expected)[there], atol=1e-4, rtol=0)
    np.testing.assert_allclose(np.rad2deg(np.angle(flow.v[there] / expected[there])), 0, atol=0.01)


def test_small_grid_is_as_near_to_its_solution_as_the_solution_is_to_a_balance() -> None:
    # Its SV voltages leave 0.171 Mvar at Fieldale and 0.144 Mvar at EastLima1, where nothing is connected: rounded
    # to what moves |V| by 1.5e-4 there. Other programs find the same.
    model, network = load(SMALL_GRID)
    expected, flow = solution(model, network), solve(model, network)
    np.testing.assert_allclose(np.abs(flow.v), np.abs(expected), atol=1.5e-4, rtol=0)
    np.testing.assert_allclose(np.rad2deg(np.angle(flow.v / expected)), 0, atol=0.01)
    of_the_file = expected * np.conj(network.admittance() @ expected) * network.base_mva
    lima = np.flatnonzero(model.buses.name[network.bus_row] == "EastLima1")[0]
    assert not (model.injections.bus == network.bus_row[lima]).any()
    assert abs(of_the_file[lima]) > 0.1


def test_equipment_powers_balance_at_every_bus() -> None:
    model, network = load(GRIDS["MicroGrid assembled"])
    grid = operating_point(model, network, values="sv")
    flow = solve_power_flow(network, grid.point, PowerFlowOptions(q_limits=False))
    powers = injection_powers(model, network, grid, flow)
    total = np.zeros(network.n_bus, dtype=complex)
    on = model.injections.in_service & (grid.bus_of[model.injections.bus] >= 0)
    np.subtract.at(total, grid.bus_of[model.injections.bus[on]], powers[on])
    np.testing.assert_allclose(total, flow.s_bus * network.base_mva, atol=1e-6)
