"""Real grids: exact readings of a solved power flow give it back, readings of the file's solution give that back."""

from functools import cache

import numpy as np
import pytest
from support.data import shared
from support.estimation import Grid, meters, with_noise

from gridjobs_workers.estimation.estimate import Estimator, estimate
from gridjobs_workers.estimation.islands import find_islands
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.options import BadData, Options
from gridjobs_workers.grids.build import import_grid
from gridjobs_workers.grids.model import GridModel
from gridjobs_workers.grids.network import Network
from gridjobs_workers.grids.reduce import to_network
from gridjobs_workers.grids.state import sv_voltage
from gridjobs_workers.simulation.grid.operating_point import operating_point
from gridjobs_workers.simulation.power_flow import PowerFlowOptions, solve_power_flow

MICRO = ("entsoe_2.4.15", "MicroGrid", "BaseCase")
BOUNDARY = (*MICRO, "CGMES_v2.4.15_MicroGridTestConfiguration_BD_v2")
GRIDS = {
    "CIGRE MV, NEPLAN": [("cigre_mv_pyvolt", "CIGRE-MV-NoTap")],
    "CIGRE MV, PowerFactory": [("cigre_mv_pyvolt", "CIGRE-MV-NoTap-WithBreaker")],
    "CIGRE MV, cimpy": [("cimpy_samples", "CIGRE_MV")],
    "MicroGrid BE": [(*MICRO, "CGMES_v2.4.15_MicroGridTestConfiguration_BC_BE_v2"), BOUNDARY],
    "MicroGrid assembled": [(*MICRO, "CGMES_v2.4.15_MicroGridTestConfiguration_BC_Assembled_v2"), BOUNDARY],
    "SmallGrid": [("entsoe_2.4.15", "SmallGrid", "BusBranch")],
}


@cache
def load(name: str) -> tuple[GridModel, Network]:
    paths = [path for folder in GRIDS[name] for path in sorted(shared("cgmes", *folder).rglob("*.xml"))]
    model = import_grid((path.name, path.read_bytes()) for path in paths)
    return model, to_network(model)


@cache
def solved(name: str) -> Grid:
    model, network = load(name)
    point = operating_point(model, network, values="sv").point
    flow = solve_power_flow(network, point, PowerFlowOptions(q_limits=False, tolerance_pu=1e-11))
    return Grid(network, flow.v, int(point.reference_bus[0]))


def reference(grid: Grid) -> Options:
    bus = np.array([grid.reference_bus])
    return Options(reference_bus=bus, reference_angle_rad=np.angle(grid.v[bus]), tolerance=1e-11)


@pytest.mark.parametrize("name", GRIDS)
def test_exact_readings_of_a_power_flow_give_it_back(name: str) -> None:
    grid = solved(name)
    result = estimate(grid.network, meters(grid, np.random.default_rng(0)), reference(grid))
    v = result.quantities.vm_pu * np.exp(1j * result.quantities.angle_rad)
    np.testing.assert_allclose(v, grid.v, atol=1e-8)
    assert len(result.bad_data.rejected) == 0


@pytest.mark.parametrize("name", GRIDS)
def test_readings_of_the_solution_in_the_file_give_it_back(name: str) -> None:
    model, network = load(name)
    v = sv_voltage(model, network)
    file = Grid(network, v, solved(name).reference_bus)
    known = np.isfinite(v) & (np.abs(v) > 0.1)
    # Voltages and flows as the file has them, balances of empty buses as they should be: what they leave is the
    # mismatch of the file.
    mismatch = np.abs(solved(name).v - v)[known].max()
    silent = solved(name).zero_injection
    branch = np.flatnonzero(known[network.from_bus] & known[network.to_bus])
    bus = np.flatnonzero(known)
    readings = Measurements.join(
        (
            Measurements.of(Kind.V_MAG, bus[::3], np.abs(v[bus[::3]]), 0.002, zero_injection=silent),
            Measurements.of(Kind.P_FLOW, branch, file.s_from[branch].real, 0.01),
            Measurements.of(Kind.Q_FLOW, branch, file.s_from[branch].imag, 0.01),
        )
    )
    options = Options(
        reference_bus=np.array([file.reference_bus]),
        reference_angle_rad=np.angle(v[[file.reference_bus]]),
        bad_data=BadData.OFF,
    )
    result = estimate(network, readings, options)
    found = result.quantities.vm_pu * np.exp(1j * result.quantities.angle_rad)
    assert np.abs(found - v)[known].max() <= max(2 * mismatch, 1e-6)


@pytest.mark.parametrize("name", ["CIGRE MV, NEPLAN", "MicroGrid assembled", "SmallGrid"])
def test_intervals_cover_the_truth_as_they_promise(name: str) -> None:
    grid = solved(name)
    rng = np.random.default_rng(0)
    exact = meters(grid, rng)
    estimator = Estimator(grid.network, exact, Options(**_options(grid), bad_data=BadData.OFF))
    inside, total = 0, 0
    for _ in range(200):
        found = estimator.estimate(with_noise(exact, rng).value).quantities
        for value, sigma, truth in (
            (found.vm_pu, found.vm_sigma_pu, np.abs(grid.v)),
            (found.branch_p_pu[:, 0], found.branch_p_sigma_pu[:, 0], grid.s_from.real),
            (found.branch_q_pu[:, 0], found.branch_q_sigma_pu[:, 0], grid.s_from.imag),
        ):
            inside += int((np.abs(value - truth) <= 1.96 * sigma + 1e-9).sum())
            total += len(value)
    assert 0.93 <= inside / total <= 0.97


def _options(grid: Grid) -> dict[str, np.ndarray]:
    bus = np.array([grid.reference_bus])
    return {"reference_bus": bus, "reference_angle_rad": np.angle(grid.v[bus])}


def test_every_island_of_the_file_gets_a_reference() -> None:
    grid = solved("MicroGrid assembled")
    exact = meters(grid, np.random.default_rng(0))
    islands = find_islands(grid.network, exact, np.empty(0, np.intp), np.empty(0))
    assert islands.has_voltage.all()
    assert len(islands.reference_bus) == islands.island.max() + 1
