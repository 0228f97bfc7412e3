"""Grids with a known state, meters on them, and a dense estimator to compare with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.measurements import Kind, Measurements, Side
from gridjobs_workers.grids.network import Network
from gridjobs_workers.simulation.power_flow import (
    OperatingPoint,
    PowerFlowOptions,
    VoltageControls,
    solve_power_flow,
)
from support.cases import load_case
from support.networks import Line, network_of

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]


@dataclass(frozen=True)
class Grid:
    """A network and its true voltages."""

    network: Network
    v: Complexes
    reference_bus: int

    @property
    def s(self) -> Complexes:
        """Power injected at each bus."""
        return self.v * np.conj(self.network.admittance() @ self.v)

    @property
    def s_from(self) -> Complexes:
        n = self.network
        return self.v[n.from_bus] * np.conj(n.y_ff * self.v[n.from_bus] + n.y_ft * self.v[n.to_bus])

    @property
    def s_to(self) -> Complexes:
        n = self.network
        return self.v[n.to_bus] * np.conj(n.y_tf * self.v[n.from_bus] + n.y_tt * self.v[n.to_bus])

    @property
    def zero_injection(self) -> NDArray[np.intp]:
        zero = np.abs(self.s) < 1e-8
        zero[self.reference_bus] = False
        return np.flatnonzero(zero)


def ieee_grid(name: str) -> Grid:
    """A published case at its solved operating point."""
    case = load_case(name)
    flow = solve_power_flow(case.network, case.point, PowerFlowOptions(tolerance_pu=1e-12, q_limits=False))
    return Grid(case.network, flow.v, int(case.point.reference_bus[0]))


def radial_grid(n_feeder: int, n_step: int, seed: int = 0) -> Grid:
    """A substation bus with feeders of `n_step` buses each; every fourth bus is a junction without equipment.

    20 kV lines of 0.3 to 2 km, loads of 50 to 400 kVA on a base of 1 MVA, so impedances [p.u.] are Ω / 400.
    """
    rng = np.random.default_rng(seed)
    lines: list[Line] = []
    s = [0j]
    for _ in range(n_feeder):
        before = 0
        for step in range(n_step):
            bus = len(s)
            length_km = rng.uniform(0.3, 2.0)
            lines.append((before, bus, length_km * (0.21 + 0.12j) / 400))
            load = rng.uniform(0.05, 0.4)
            is_junction = step % 4 == 1 and step < n_step - 1
            s.append(0j if is_junction else -load * (1 + 1j * rng.uniform(0.1, 0.5)))
            before = bus
    network = network_of(len(s), lines)
    reference = np.array([0])
    point = OperatingPoint(
        np.array(s), reference, np.zeros(1), VoltageControls.local(reference, np.array([1.02]))
    )
    return Grid(network, solve_power_flow(network, point, PowerFlowOptions(tolerance_pu=1e-11)).v, 0)


def with_noise(exact: Measurements, rng: np.random.Generator) -> Measurements:
    """The same meters with errors as their sigmas say."""
    noisy = exact.value + exact.sigma * rng.standard_normal(len(exact))
    return Measurements(
        exact.kind,
        exact.element,
        exact.side,
        noisy,
        exact.sigma,
        exact.is_pseudo,
        exact.axis_rad,
        exact.zero_injection,
    )


def meters(
    grid: Grid,
    rng: np.random.Generator,
    *,
    v_share: float = 0.2,
    flow_share: float = 0.2,
    power_sigma: float = 0.05,
) -> Measurements:
    """Exact readings of |V| at some buses, P and Q of all injections and of some branches; zero injections
    exact."""
    n = grid.network
    floor = 0.002 * float(np.median(np.abs(grid.s[np.abs(grid.s) > 1e-8])))
    v_bus = np.unique(
        np.append(rng.choice(n.n_bus, max(1, int(v_share * n.n_bus)), replace=False), grid.reference_bus)
    )
    bus = np.setdiff1d(np.arange(n.n_bus), grid.zero_injection)
    branch = np.sort(rng.choice(n.n_branch, int(flow_share * n.n_branch), replace=False))
    side = rng.integers(0, 2, len(branch))
    flow = np.where(side == Side.FROM, grid.s_from[branch], grid.s_to[branch])

    def power(
        kind: Kind, element: NDArray[np.intp], s: Floats, share: float, at: NDArray[np.intp]
    ) -> Measurements:
        return Measurements.of(kind, element, s, np.maximum(share * np.abs(s), floor), side=at)

    nowhere = np.zeros(len(bus), np.intp)
    return Measurements.join(
        (
            Measurements.of(
                Kind.V_MAG, v_bus, np.abs(grid.v[v_bus]), 0.005, zero_injection=grid.zero_injection
            ),
            power(Kind.P_INJ, bus, grid.s[bus].real, power_sigma, nowhere),
            power(Kind.Q_INJ, bus, grid.s[bus].imag, power_sigma, nowhere),
            power(Kind.P_FLOW, branch, flow.real, 0.02, side),
            power(Kind.Q_FLOW, branch, flow.imag, 0.02, side),
        )
    )


@dataclass(frozen=True)
class Dense:
    """Result of `dense_estimate`."""

    v: Complexes
    objective: float
    gradient: Floats  # of the Lagrangian, scaled by the largest term
    residual_sigma: Floats
    state_covariance: Floats  # angles, then magnitudes


def dense_estimate(network: Network, m: Measurements, reference_bus: int | None, start: Complexes) -> Dense:
    """Minimise by the null-space method with dense matrices, from MATPOWER's derivative formulas.

    Knows V_MAG, V_ANG, P and Q of buses and branches, I_MAG and I_AXIS of branches, and zero injections.

    References:
        R. D. Zimmerman, "AC Power Flows, Generalized OPF Costs and their Derivatives using Complex Matrix
        Notation", MATPOWER Technical Note 2.
    """
    n = network.n_bus
    keep = np.array([k for k in range(2 * n) if k != reference_bus])
    v = start.copy()
    for _ in range(60):
        h, jacobian = _dense_model(network, m, v)
        c, c_jacobian = _dense_zeros(network, m, v)
        r = m.value - h
        r[m.kind == Kind.V_ANG] = np.angle(np.exp(1j * r[m.kind == Kind.V_ANG]))
        a, b = jacobian[:, keep] / m.sigma[:, None], r / m.sigma
        d = c_jacobian[:, keep]
        particular = -np.linalg.pinv(d) @ c if len(c) else np.zeros(len(keep))
        basis = _null_space(d) if len(c) else np.eye(len(keep))
        step = particular + basis @ np.linalg.lstsq(a @ basis, b - a @ particular, rcond=None)[0]
        full = np.zeros(2 * n)
        full[keep] = step
        v = (np.abs(v) + full[n:]) * np.exp(1j * (np.angle(v) + full[:n]))
        if np.abs(step).max() < 1e-13:
            break
    covariance = np.zeros((2 * n, 2 * n))
    covariance[np.ix_(keep, keep)] = basis @ np.linalg.inv((a @ basis).T @ (a @ basis)) @ basis.T
    estimate_variance = np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian)
    gradient = basis.T @ (a.T @ b)
    return Dense(
        v=v,
        objective=float(b @ b),
        gradient=gradient / max(1.0, np.abs(a.T).max() * np.abs(b).max()),
        residual_sigma=np.sqrt(np.maximum(m.sigma**2 - estimate_variance, 0)),
        state_covariance=covariance,
    )


def _null_space(matrix: Floats) -> Floats:
    _, values, right = np.linalg.svd(matrix)
    rank = int((values > 1e-10 * values[0]).sum())
    return right[rank:].T


def _power_derivatives(at: NDArray[np.intp], y: Complexes, v: Complexes) -> tuple[Complexes, Complexes]:
    """S = V[at] conj(Y V) and its derivatives by angles and magnitudes."""
    select = np.zeros((len(at), len(v)))
    select[np.arange(len(at)), at] = 1
    current = y @ v
    unit = v / np.abs(v)
    s = v[at] * np.conj(current)
    by_angle = 1j * (np.conj(current)[:, None] * select * v - v[at][:, None] * np.conj(y * v))
    by_magnitude = v[at][:, None] * np.conj(y * unit) + np.conj(current)[:, None] * select * unit
    return s, np.hstack((by_angle, by_magnitude))


def _branch_rows(
    network: Network, branch: NDArray[np.intp], side: NDArray[np.intp]
) -> tuple[NDArray[np.intp], Complexes]:
    y = np.zeros((len(branch), network.n_bus), complex)
    rows = np.arange(len(branch))
    f, t = network.from_bus[branch], network.to_bus[branch]
    np.add.at(y, (rows, f), np.where(side == 0, network.y_ff[branch], network.y_tf[branch]))
    np.add.at(y, (rows, t), np.where(side == 0, network.y_ft[branch], network.y_tt[branch]))
    return np.where(side == 0, f, t), y


def _dense_model(network: Network, m: Measurements, v: Complexes) -> tuple[Floats, Floats]:
    n = network.n_bus
    h, jacobian = np.zeros(len(m)), np.zeros((len(m), 2 * n))
    admittance = network.admittance().toarray()
    for kind in Kind:
        rows = np.flatnonzero(m.kind == kind)
        element = m.element[rows]
        if not len(rows):
            continue
        if kind in (Kind.V_MAG, Kind.V_ANG):
            h[rows] = np.abs(v[element]) if kind == Kind.V_MAG else np.angle(v[element])
            jacobian[rows, element + (n if kind == Kind.V_MAG else 0)] = 1
        elif kind in (Kind.P_INJ, Kind.Q_INJ, Kind.P_FLOW, Kind.Q_FLOW):
            if kind in (Kind.P_INJ, Kind.Q_INJ):
                s, d = _power_derivatives(element, admittance[element], v)
            else:
                s, d = _power_derivatives(*_branch_rows(network, element, m.side[rows]), v)
            active = kind in (Kind.P_INJ, Kind.P_FLOW)
            h[rows], jacobian[rows] = (s.real, d.real) if active else (s.imag, d.imag)
        else:
            _, y = _branch_rows(network, element, m.side[rows])
            current = y @ v
            d = np.hstack((1j * y * v, y * (v / np.abs(v))))
            axis = current / np.abs(current) if kind == Kind.I_MAG else np.exp(1j * m.axis_rad[rows])
            h[rows] = (np.conj(axis) * current).real
            jacobian[rows] = (np.conj(axis)[:, None] * d).real
    return h, jacobian


def _dense_zeros(network: Network, m: Measurements, v: Complexes) -> tuple[Floats, Floats]:
    zero = m.zero_injection
    s, d = _power_derivatives(zero, network.admittance().toarray()[zero], v)
    return np.concatenate((s.real, s.imag)), np.vstack((d.real, d.imag))
