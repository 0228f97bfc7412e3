"""The file's own solution and set-points, as a network's voltages and injections in per unit."""

from typing import Final, Literal

import numpy as np
from scipy.sparse.linalg import spsolve

from gridjobs_workers.grids.arrays import Rows, complexes, polar
from gridjobs_workers.grids.model import GridModel, InjectionKind, Injections
from gridjobs_workers.grids.network import Complexes, Floats, Network

Source = Literal["ssh", "sv"]
SETPOINTS: Final = "ssh"


def sv_voltage(model: GridModel, network: Network) -> Complexes:
    """Complex bus voltages of the file's solution [p.u.], NaN where it has none, shape (n_bus,).

    Star points, which no file solves, follow from their windings.
    """
    buses, row = model.buses, network.bus_row
    voltage = polar(buses.sv_kv[row] / network.base_kv, buses.sv_deg[row])
    star = np.flatnonzero(buses.is_star[row])
    if len(star):
        voltage[star] = _star_voltages(network, voltage, star)
    return voltage


def _star_voltages(network: Network, voltage: Complexes, star: Rows) -> Complexes:
    """Voltages at which no current leaves the star points; star points meet only windings, not each other."""
    y = network.admittance()
    others = np.setdiff1d(np.arange(network.n_bus), star)
    known = np.where(np.isnan(voltage[others]), 0, voltage[others])
    inner = y[star][:, star].tocsc()
    solved = np.atleast_1d(spsolve(inner, -(y[star][:, others] @ known)))
    touched = abs(y[star][:, others]) @ np.isnan(voltage[others]).astype(np.float64)
    return np.where(touched > 0, complex(np.nan, np.nan), solved)


def injections_pu(model: GridModel, network: Network, source: Source = SETPOINTS) -> Complexes:
    """Complex power that equipment feeds into each bus, generation less load [p.u.], shape (n_bus,).

    Args:
        model: The grid.
        network: Its network.
        source: "ssh" takes set-points, "sv" the solution; where one says nothing the other is taken, and 0 where
            neither does. Bus injections of the solution count only there.
    """
    p_mw, q_mvar = injected_mva(model.injections, source)
    number = np.full(len(model.buses.energised), -1, dtype=np.intp)
    number[network.bus_row] = np.arange(network.n_bus)
    live = model.injections.in_service & (number[model.injections.bus] >= 0)
    total = np.zeros(network.n_bus, dtype=np.complex128)
    np.add.at(total, number[model.injections.bus[live]], complexes(p_mw, q_mvar)[live])
    return total / network.base_mva


def injected_mva(injections: Injections, source: Source = SETPOINTS) -> tuple[Floats, Floats]:
    """Active and reactive power that each injection feeds in [MW, Mvar], shape (n_injection,) each."""
    first, second = (injections.p_mw, injections.q_mvar), (injections.sv_p_mw, injections.sv_q_mvar)
    if source != SETPOINTS:
        first, second = second, first
    p_mw, q_mvar = (-np.nan_to_num(np.where(np.isnan(a), b, a)) for a, b in zip(first, second, strict=True))
    belongs = (injections.kind != InjectionKind.SV_INJECTION) | (source != SETPOINTS)
    return np.where(belongs, p_mw, 0.0), np.where(belongs, q_mvar, 0.0)
