"""Exact measurements of power-grid-model's asymmetric power flows give its states back."""

import numpy as np
import pytest
from numpy.typing import NDArray
from support.pgm_phases import BASE_VA, DELTA, WYE_N, ZIGZAG_N, Data, lv_grid, network_of, power_flow

from gridjobs_workers.estimation.measurements import Kind, Side
from gridjobs_workers.estimation.three_phase.estimate import estimate
from gridjobs_workers.estimation.three_phase.measurements import PhaseMeasurements
from gridjobs_workers.estimation.three_phase.options import PhaseOptions
from gridjobs_workers.grids.three_phase import ThreePhaseNetwork

GROUPS = {
    "Dyn5": ((DELTA, WYE_N), 5),
    "Dyn11": ((DELTA, WYE_N), 11),
    "Yzn5": ((0, ZIGZAG_N), 5),
    "YNyn6": ((1, 1), 6),
}


def with_earth(v: NDArray[np.complex128]) -> NDArray[np.complex128]:
    return np.concatenate((v, np.zeros((len(v), 1))), axis=1)


def readings(data: Data, network: ThreePhaseNetwork, v: NDArray[np.complex128]) -> PhaseMeasurements:
    """P and Q of every load, all voltages of a third of the buses, angles of the first and flows at the transformer."""
    loads = np.zeros((network.n_bus, 3), complex)
    for load in data["asym_load"]:
        s = np.array(load["p_specified"]) + 1j * np.array(load["q_specified"])
        loads[load["node"]] = -s / (BASE_VA / 3)
    bus, phase = np.nonzero(loads)
    metered = np.repeat(np.arange(0, network.n_bus, 3), 3)
    at = np.tile([0, 1, 2], len(metered) // 3)
    empty = (loads == 0) & (np.arange(network.n_bus) > 0)[:, None]
    zero = 4 * np.nonzero(empty)[0] + np.nonzero(empty)[1]
    current = network.y_tf[0] @ with_earth(v)[0] + network.y_tt[0] @ with_earth(v)[1]
    flow = v[1] * np.conj(current[:3])
    return PhaseMeasurements.join(
        [
            PhaseMeasurements.of(Kind.V_MAG, metered, at, np.abs(v[metered, at]), 0.002, zero_injection=zero),
            PhaseMeasurements.of(Kind.V_ANG, [0, 0, 0], [0, 1, 2], np.angle(v[0]), 0.001),
            PhaseMeasurements.of(Kind.P_INJ, bus, phase, loads[bus, phase].real, 1e-5),
            PhaseMeasurements.of(Kind.Q_INJ, bus, phase, loads[bus, phase].imag, 1e-5),
            PhaseMeasurements.of(Kind.P_FLOW, [0] * 3, [0, 1, 2], flow.real, 1e-4, side=Side.TO),
        ]
    )


@pytest.mark.parametrize("group", GROUPS)
def test_exact_measurements_give_the_power_flow_back(group: str) -> None:
    windings, clock = GROUPS[group]
    data = lv_grid(4, 10, seed=3, windings=windings, clock=clock)
    v = power_flow(data)
    network, _ = network_of(data)
    found = estimate(network, readings(data, network, v), PhaseOptions(tolerance=1e-11))

    np.testing.assert_allclose(found.quantities.phasors()[:, :3], v, atol=1e-8)
    assert found.objective < 1e-6


def test_a_thousand_buses_converge_at_once() -> None:
    # power-grid-model: iterative-linear diverges at this size; Newton-Raphson fails or works by what is measured.
    data = lv_grid(20, 50, seed=1)
    v = power_flow(data)
    network, _ = network_of(data)
    found = estimate(network, readings(data, network, v))

    np.testing.assert_allclose(found.quantities.phasors()[:, :3], v, atol=1e-8)
    assert found.iterations <= 6
