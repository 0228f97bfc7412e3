"""A dense three-phase estimator in rectangular coordinates, written from the definitions, to compare with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.three_phase.measurements import V_AXIS, At, PhaseMeasurements
from gridjobs_workers.grids.three_phase import ThreePhaseNetwork

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

TURN = np.exp(2j * np.pi / 3)


@dataclass(frozen=True)
class DensePhases:
    v: Complexes  # (n_bus, 4)
    objective: float
    gradient: float  # largest part of the gradient along the constraints, relative to its terms
    covariance: Floats  # of the real, then the imaginary parts of all 4 n_bus voltages
    residual_sigma: Floats
    network: ThreePhaseNetwork

    def sigma_of(self, kind: int, element: int, at: int, side: int = 0) -> float:
        """Standard deviation of an estimated quantity."""
        one = PhaseMeasurements.of(kind, [element], at, 0.0, 1.0, side=side)
        _, jacobian = dense_model(self.network, one, self.v)
        return float(np.sqrt(jacobian[0] @ self.covariance @ jacobian[0]))


def conductor_rows(network: ThreePhaseNetwork, kind: int, element: int, side: int) -> Complexes:
    """Voltages or currents of the four conductors by all voltages, (4, 4 n_bus)."""
    n = network.n_bus
    if kind in (Kind.V_MAG, Kind.V_ANG, V_AXIS):
        return np.eye(4 * n, dtype=complex)[4 * element : 4 * element + 4]
    if kind in (Kind.P_FLOW, Kind.Q_FLOW, Kind.I_MAG, Kind.I_AXIS):
        f, t = network.from_bus[element], network.to_bus[element]
        rows = np.zeros((4, 4 * n), complex)
        rows[:, 4 * f : 4 * f + 4] += (network.y_ff if side == 0 else network.y_tf)[element]
        rows[:, 4 * t : 4 * t + 4] += (network.y_ft if side == 0 else network.y_tt)[element]
        return rows
    return network.admittance().toarray()[4 * element : 4 * element + 4]


def phasor_row(network: ThreePhaseNetwork, kind: int, element: int, at: int, side: int) -> Complexes:
    c = conductor_rows(network, kind, element, side)
    voltage = kind in (Kind.V_MAG, Kind.V_ANG, V_AXIS)
    match At(at):
        case At.A | At.B | At.C:
            return c[at]
        case At.N:
            bus = element
            if kind in (Kind.I_MAG, Kind.I_AXIS):
                bus = network.to_bus[element] if side else network.from_bus[element]
            return c[3] if voltage or network.present[bus, 3] else -(c[0] + c[1] + c[2])
        case At.AB:
            return (c[0] - c[1]) / np.sqrt(3)
        case At.BC:
            return (c[1] - c[2]) / np.sqrt(3)
        case At.CA:
            return (c[2] - c[0]) / np.sqrt(3)
        case At.AN | At.BN | At.CN:
            return c[at - At.AN] - c[3] if voltage else c[at - At.AN]
        case At.ABC:
            return (c[0] + TURN * c[1] + TURN**2 * c[2]) / 3
        case At.ZERO:
            return (c[0] + c[1] + c[2]) / 3


def dense_model(network: ThreePhaseNetwork, m: PhaseMeasurements, v: Complexes) -> tuple[Floats, Floats]:
    """Values and derivatives by the real, then the imaginary parts, (n, 8 n_bus)."""
    flat = v.ravel()
    h, jacobian = np.zeros(len(m)), np.zeros((len(m), 2 * len(flat)))

    def derivative(by_v: Complexes, by_conjugate: Complexes) -> Complexes:
        return np.concatenate((by_v + by_conjugate, 1j * (by_v - by_conjugate)))

    for i in range(len(m)):
        kind, element, at, side = int(m.kind[i]), int(m.element[i]), int(m.at[i]), int(m.side[i])
        if kind in (Kind.P_INJ, Kind.Q_INJ, Kind.P_FLOW, Kind.Q_FLOW):
            bus = element
            if kind in (Kind.P_FLOW, Kind.Q_FLOW):
                bus = network.to_bus[element] if side else network.from_bus[element]
            currents = conductor_rows(network, kind, element, side)
            phases = range(3) if at == At.ABC else [at % 7]
            s, d = 0j, np.zeros(2 * len(flat), complex)
            for p in phases:
                u = np.zeros(len(flat), complex)
                u[4 * bus + p] = 1
                if at >= At.AN:
                    u[4 * bus + 3] = -1
                voltage, current = u @ flat, currents[p] @ flat
                s += voltage * np.conj(current) / len(phases)
                d += derivative(u * np.conj(current), voltage * np.conj(currents[p])) / len(phases)
            active = kind in (Kind.P_INJ, Kind.P_FLOW)
            h[i], jacobian[i] = (s.real, d.real) if active else (s.imag, d.imag)
            continue
        row = phasor_row(network, kind, element, at, side)
        w = row @ flat
        d = derivative(row, np.zeros_like(row))
        if kind == Kind.V_ANG:
            h[i], jacobian[i] = np.angle(w), (d / w).imag
            continue
        axis = np.exp(1j * m.axis_rad[i]) if kind in (Kind.I_AXIS, Kind.I_INJ_AXIS, V_AXIS) else w / abs(w)
        h[i], jacobian[i] = (np.conj(axis) * w).real, (np.conj(axis) * d).real
    return h, jacobian


def dense_constraints(
    network: ThreePhaseNetwork, m: PhaseMeasurements, pinned: tuple[int, float] | None
) -> Floats:
    """Rows that are zero for the real, then the imaginary parts."""
    n = 4 * network.n_bus
    present = network.present.ravel()
    y = network.admittance().toarray()
    rows = [y[code] for code in m.zero_injection if present[code]]
    zero_neutral = {code // 4 for code in m.zero_injection if code % 4 == 3}
    rows += [
        y[4 * bus : 4 * bus + 4].sum(axis=0)
        for bus in m.closed_neutral
        if present[4 * bus + 3] and bus not in zero_neutral
    ]
    rows += [np.eye(n)[code] for code in np.flatnonzero(~present)]
    real = [np.concatenate((row.real, -row.imag)) for row in rows] + [
        np.concatenate((row.imag, row.real)) for row in rows
    ]
    if pinned is not None:
        code, angle = pinned
        one = np.zeros(2 * n)
        one[code], one[n + code] = -np.sin(angle), np.cos(angle)
        real.append(one)
    return np.array(real).reshape(-1, 2 * n)


def dense_estimate(
    network: ThreePhaseNetwork, m: PhaseMeasurements, pinned: tuple[int, float] | None, start: Complexes
) -> DensePhases:
    """Gauss-Newton in the null space of the constraints, which are linear in rectangular coordinates."""
    c = dense_constraints(network, m, pinned)
    _, values, right = np.linalg.svd(c)
    basis = right[int((values > 1e-10 * values[0]).sum()) :].T
    n = 4 * network.n_bus
    x = np.concatenate((start.ravel().real, start.ravel().imag))
    x = basis @ (basis.T @ x)
    for _ in range(100):
        h, jacobian = dense_model(network, m, (x[:n] + 1j * x[n:]).reshape(-1, 4))
        r = m.value - h
        r[m.kind == Kind.V_ANG] = np.angle(np.exp(1j * r[m.kind == Kind.V_ANG]))
        a, b = jacobian @ basis / m.sigma[:, None], r / m.sigma
        step = np.linalg.lstsq(a, b, rcond=None)[0]
        x = x + basis @ step
        if np.abs(step).max() < 1e-14:
            break
    covariance = basis @ np.linalg.inv(a.T @ a) @ basis.T
    variance = np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian)
    return DensePhases(
        v=(x[:n] + 1j * x[n:]).reshape(-1, 4),
        objective=float(b @ b),
        gradient=float(np.abs(a.T @ b).max() / (np.abs(a.T) @ np.abs(b)).max()),
        covariance=covariance,
        residual_sigma=np.sqrt(np.maximum(m.sigma**2 - variance, 0)),
        network=network,
    )
