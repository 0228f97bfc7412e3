"""SimBench and IEEE grids with meters, as one bus-branch model for every engine."""

import logging
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks
import simbench
from scipy.sparse import csr_array

from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


@dataclass(frozen=True)
class Metered:
    """One grid, its true voltages and a seeded set of readings; buses and branches in pandapower's order."""

    name: str
    net: Any
    network: Network
    v: Complexes
    reference: int
    readings: Measurements

    @cached_property
    def s(self) -> Complexes:
        """Power injected at each bus [p.u.]."""
        return self.v * np.conj(self.network.admittance() @ self.v)

    @cached_property
    def s_from(self) -> Complexes:
        n = self.network
        return self.v[n.from_bus] * np.conj(n.y_ff * self.v[n.from_bus] + n.y_ft * self.v[n.to_bus])


def load(name: str) -> Metered:
    """A SimBench grid by its code or a case of pandapower's by its name, at its operating point.

    |V| is read at 20 % of the buses (σ 0.5 %), P and Q of every injection (5 %) and of 20 % of the branches
    (2 %); all other buses inject nothing.
    """
    net = simbench.get_simbench_net(name) if name[0].isdigit() else getattr(pandapower.networks, name)()
    init = "dc" if len(net.bus) > 500 else "auto"
    pp.runpp(
        net,
        tolerance_mva=1e-8,
        max_iteration=50,
        init=init,
        calculate_voltage_angles=True,
        trafo_model="pi",
        numba=True,
    )
    inside = net._ppc["internal"]
    network = _network(inside)
    reference = int(np.asarray(inside["ref"])[0])
    v = np.asarray(inside["V"]).ravel()
    v = v * np.exp(-1j * np.angle(v[reference]))
    bare = Metered(name, net, network, v, reference, Measurements.of([], [], [], []))
    return Metered(name, net, network, v, reference, _read(bare))


def _network(inside: dict[str, Any]) -> Network:
    branch, bus = inside["branch"], inside["bus"].real
    f, t = branch[:, 0].real.astype(np.intp), branch[:, 1].real.astype(np.intp)
    every = np.arange(len(f))
    from_rows, to_rows, y = (csr_array(inside[name]) for name in ("Yf", "Yt", "Ybus"))
    y_ff, y_ft = np.asarray(from_rows[every, f]).ravel(), np.asarray(from_rows[every, t]).ravel()
    y_tf, y_tt = np.asarray(to_rows[every, f]).ravel(), np.asarray(to_rows[every, t]).ravel()
    shunt = y.diagonal().copy()
    np.subtract.at(shunt, f, y_ff)
    np.subtract.at(shunt, t, y_tt)
    shunt[np.abs(shunt) < 1e-9] = 0
    shift = np.deg2rad(branch[:, 9].real)
    return Network(
        base_mva=float(inside["baseMVA"]),
        base_kv=bus[:, 9].copy(),
        from_bus=f,
        to_bus=t,
        y_ff=y_ff,
        y_ft=y_ft,
        y_tf=y_tf,
        y_tt=y_tt,
        y_shunt=shunt,
        shift_rad=shift,
        bus_row=np.arange(len(bus)),
        branch_row=every,
    )


def _read(grid: Metered) -> Measurements:
    rng = np.random.default_rng(0)
    n_bus, n_branch = grid.network.n_bus, grid.network.n_branch
    v_bus = np.unique(np.append(rng.choice(n_bus, max(1, n_bus // 5), replace=False), grid.reference))
    silent = np.abs(grid.s) < 1e-8
    silent[grid.reference] = False
    bus = np.flatnonzero(~silent)
    branch = np.sort(rng.choice(n_branch, max(1, n_branch // 5), replace=False))
    floor = max(1e-5, 0.002 * float(np.median(np.abs(grid.s[bus]))))

    def power(kind: Kind, element: Ints, s: Floats, share: float) -> Measurements:
        sigma = np.maximum(share * np.abs(s), floor)
        return Measurements.of(kind, element, s + sigma * rng.standard_normal(len(s)), sigma)

    v_noisy = np.abs(grid.v[v_bus]) + 0.005 * rng.standard_normal(len(v_bus))
    return Measurements.join(
        (
            Measurements.of(Kind.V_MAG, v_bus, v_noisy, 0.005, zero_injection=np.flatnonzero(silent)),
            power(Kind.P_INJ, bus, grid.s[bus].real, 0.05),
            power(Kind.Q_INJ, bus, grid.s[bus].imag, 0.05),
            power(Kind.P_FLOW, branch, grid.s_from[branch].real, 0.02),
            power(Kind.Q_FLOW, branch, grid.s_from[branch].imag, 0.02),
        )
    )


def snapshots(grid: Metered, n_snapshot: int) -> Floats:
    """More readings of the same state by the same meters, shape (n_snapshot, n_measurement)."""
    rng = np.random.default_rng(1)
    m = grid.readings
    exact = np.empty(len(m))
    for kind, value in (
        (Kind.V_MAG, np.abs(grid.v)),
        (Kind.P_INJ, grid.s.real),
        (Kind.Q_INJ, grid.s.imag),
        (Kind.P_FLOW, grid.s_from.real),
        (Kind.Q_FLOW, grid.s_from.imag),
    ):
        rows = m.kind == kind
        exact[rows] = value[m.element[rows]]
    return exact + m.sigma * rng.standard_normal((n_snapshot, len(m)))
