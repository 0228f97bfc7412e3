"""Short circuits of an imported grid: CIGRE MV behind a 5 GVA feeder."""

import numpy as np
import pytest
from support.data import shared

from gridjobs_workers.grids.build import import_grid
from gridjobs_workers.grids.model import GridModel, InjectionKind
from gridjobs_workers.grids.network import Network
from gridjobs_workers.grids.reduce import to_network
from gridjobs_workers.simulation.grid.short_circuit_grid import short_circuit_grid
from gridjobs_workers.simulation.short_circuit import MissingData, ShortCircuitOptions, run_short_circuit

IK_KA = 5000 / (np.sqrt(3) * 110)


def load() -> tuple[GridModel, Network, dict[str, dict[str, float]]]:
    paths = sorted(shared("cgmes", "cigre_mv_pyvolt", "CIGRE-MV-NoTap").glob("*.xml"))
    model = import_grid((path.name, path.read_bytes()) for path in paths)
    (feeder,) = np.flatnonzero(model.injections.kind == InjectionKind.EXTERNAL)
    given = {"maxInitialSymShCCurrent": 1e3 * IK_KA, "maxR1ToX1Ratio": 0.1, "maxX0ToX1Ratio": 1.0}
    return model, to_network(model), {str(model.injections.mrid[feeder]): given}


def named(model: GridModel, network: Network, name: str) -> np.ndarray:
    return np.flatnonzero(model.buses.name[network.bus_row] == name)


def test_behind_the_25_mva_transformer_the_current_is_as_by_hand() -> None:
    model, network, attributes = load()
    grid = short_circuit_grid(model, network, attributes)
    result = run_short_circuit(grid, named(model, network, "N1"), ShortCircuitOptions())
    # CIGRE MV: 25 MVA, 110/20 kV, 0.484 + j58.078 ohm at 110 kV; K_T with x_T = 0.12.
    x_t = 58.077983 * 25 / 110**2
    k_t = 0.95 * 1.1 / (1 + 0.6 * x_t)
    x_q = 1.1 * 110 / (np.sqrt(3) * IK_KA) / np.sqrt(1.01)
    z = (0.1 * x_q + 1j * x_q + k_t * (0.484 + 58.077983j)) * (20 / 110) ** 2
    assert result.ik_ka[0] == pytest.approx(1.1 * 20 / np.sqrt(3) / abs(z), rel=1e-5)


def test_currents_fall_along_the_feeder() -> None:
    model, network, attributes = load()
    grid = short_circuit_grid(model, network, attributes)
    buses = np.concatenate([named(model, network, name) for name in ("N1", "N2", "N3", "N4", "N5")])
    for fault in ("three_phase", "two_phase"):
        assert (np.diff(run_short_circuit(grid, buses, ShortCircuitOptions(fault=fault)).ik_ka) < 0).all()


def test_without_the_feeders_current_the_calculation_asks_for_it() -> None:
    model, network, _ = load()
    with pytest.raises(MissingData) as error:
        short_circuit_grid(model, network, {})
    assert error.value.quantity == "maxInitialSymShCCurrent"
