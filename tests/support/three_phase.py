"""Low-voltage feeders with single-phase loads and a known state, and meters on them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from gridjobs_workers.estimation.measurements import Kind, Side
from gridjobs_workers.estimation.three_phase.measurements import (
    V_AXIS,
    At,
    PhaseMeasurements,
    no_injection_at,
)
from gridjobs_workers.grids.sequence import PHASE_SHIFT_RAD, from_sequences, kron_reduced, with_neutral
from gridjobs_workers.grids.three_phase import Conductor, ThreePhaseNetwork, four_wire, series_two_port
from support.three_phase_dense import dense_model

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

BASE_MVA = 0.4
MV_KV, LV_KV = 20.0, 0.4
# 4-core cable 4 × 150 mm² Al with earth return [ohm/km]: R1 = 0.206, X1 = 0.08.
CABLE_OHM_PER_KM = (0.206 + 0.08j) * np.eye(4) + (0.049 + 0.64j)


@dataclass(frozen=True)
class Feeder:
    """A network, its true voltages and the power that enters at each phase against the neutral."""

    network: ThreePhaseNetwork
    v: Complexes  # (n_bus, 4), zero at absent conductors
    s: Complexes  # (n_bus, 3) on base_mva / 3
    reference_bus: int

    @property
    def junctions(self) -> NDArray[np.intp]:
        """Buses without equipment."""
        empty = (self.s == 0).all(axis=1)
        empty[self.reference_bus] = False
        return np.flatnonzero(empty)

    @property
    def with_neutral(self) -> NDArray[np.intp]:
        return np.flatnonzero(self.network.present[:, Conductor.N])

    def end_currents(self) -> Complexes:
        """(n_branch, 2, 4)"""
        n = self.network
        f, t = self.v[n.from_bus][:, :, None], self.v[n.to_bus][:, :, None]
        return np.stack((n.y_ff @ f + n.y_ft @ t, n.y_tf @ f + n.y_tt @ t), axis=1)[..., 0]

    def end_powers(self) -> Complexes:
        """Of the phases against the neutral, (n_branch, 2, 3)"""
        n = self.network
        u = self.v[:, :3] - self.v[:, 3:]
        return np.stack((u[n.from_bus], u[n.to_bus]), axis=1) * np.conj(self.end_currents()[..., :3])

    def injections(self) -> Complexes:
        current = (self.network.admittance() @ self.v.ravel()).reshape(-1, 4)
        return (self.v[:, :3] - self.v[:, 3:]) * np.conj(current[:, :3])


def lv_feeder(
    n_feeder: int, n_step: int, seed: int = 0, *, neutral: bool = False, length_km: float = 0.03
) -> Feeder:
    """A 20/0.4 kV Dyn5 transformer of 400 kVA with cables of `n_step` buses each.

    Three of four buses have a house on one phase or on all three (0.2 to 2.5 kW a phase); with `neutral` every LV bus
    has a neutral of its own, earthed by 2 ohm at the transformer and by 30 ohm at each feeder's end.
    """
    rng = np.random.default_rng(seed)
    n_bus = 2 + n_feeder * n_step
    z_base = LV_KV**2 / BASE_MVA
    ends = [(0, 1)]
    s = np.zeros((n_bus, 3), complex)
    lengths = []
    for k in range(n_feeder):
        for step in range(n_step):
            bus = 2 + k * n_step + step
            ends.append((1 if step == 0 else bus - 1, bus))
            lengths.append(length_km * rng.uniform(0.5, 1.5))
            if step % 4 == 1 and step < n_step - 1:
                continue
            phases = [rng.integers(3)] if rng.random() < 0.7 else [0, 1, 2]
            kw = rng.uniform(0.2, 2.5, len(phases)) * min(1.0, 400 / (n_feeder * n_step))
            s[bus, phases] = -kw * (1 + 1j * rng.uniform(0, 0.4, len(phases))) / (BASE_MVA * 1e3 / 3)
    z = CABLE_OHM_PER_KM * np.array(lengths)[:, None, None] / z_base
    own, across = series_two_port(z if neutral else kron_reduced(z))
    y_ff, y_ft, y_tf, y_tt = dyn_transformer(neutral=neutral)
    present = np.zeros((n_bus, 4), bool)
    present[:, :3] = True
    present[1:, 3] = neutral
    y_shunt = np.zeros((n_bus, 4, 4), complex)
    if neutral:
        y_shunt[1, 3, 3] = z_base / 2.0
        y_shunt[1 + n_step * np.arange(1, n_feeder + 1), 3, 3] = z_base / 30.0
    network = ThreePhaseNetwork(
        base_mva=BASE_MVA,
        base_kv=np.where(np.arange(n_bus) == 0, MV_KV, LV_KV),
        present=present,
        from_bus=np.array([f for f, _ in ends]),
        to_bus=np.array([t for _, t in ends]),
        y_ff=np.concatenate((y_ff, own)),
        y_ft=np.concatenate((y_ft, across)),
        y_tf=np.concatenate((y_tf, across)),
        y_tt=np.concatenate((y_tt, own)),
        y_shunt=y_shunt,
        shift_rad=np.where(np.arange(len(ends)) == 0, 5 * np.pi / 6, 0.0),
        bus_row=np.arange(n_bus),
        branch_row=np.arange(len(ends)),
    )
    return solved(network, s, 0)


def dyn_transformer(*, neutral: bool) -> tuple[Complexes, Complexes, Complexes, Complexes]:
    """Dyn5, 0.4 MVA on its own base: 4 % with R/X = 0.3, X0/X1 = 0.95."""
    z = 0.04 * (0.3 + 1j) / abs(0.3 + 1j)
    y, shift, none = np.array([1 / z]), np.exp(1j * 5 * np.pi / 6), np.zeros(1, complex)
    zero = np.array([1 / (z.real + 0.95j * z.imag)])
    y_ff = from_sequences(none, y, y)
    y_ft = from_sequences(none, -y * shift, -y / shift)
    y_tf = from_sequences(none, -y / shift, -y * shift)
    y_tt = from_sequences(zero, y, y)
    if not neutral:
        return four_wire(y_ff), four_wire(y_ft), four_wire(y_tf), four_wire(y_tt)
    return (
        four_wire(y_ff),
        _columns_to_neutral(y_ft),
        _columns_to_neutral(y_tf.swapaxes(1, 2)).swapaxes(1, 2),
        with_neutral(y_tt),
    )


def _columns_to_neutral(y: Complexes) -> Complexes:
    wide = four_wire(y)
    wide[:, :3, 3] = -y.sum(axis=2)
    return wide


def solved(
    network: ThreePhaseNetwork, s: Complexes, reference_bus: int, v_reference: Complexes | None = None
) -> Feeder:
    """Power flow by the implicit Z-bus method: the reference bus holds balanced voltages, loads keep their power.

    References:
        T.-H. Chen et al., "Distribution system power flow analysis: a rigid approach", IEEE Trans. Power
        Delivery 6(3), 1991.
    """
    node = network.node()
    y = network.admittance()[np.flatnonzero(network.present.ravel())][
        :, np.flatnonzero(network.present.ravel())
    ]
    held = node[reference_bus, :3]
    others = np.setdiff1d(np.arange(network.n_node), node[reference_bus])
    balanced = np.exp(1j * PHASE_SHIFT_RAD) if v_reference is None else v_reference
    shift = np.zeros(network.n_bus)
    for f, t, lag in zip(network.from_bus, network.to_bus, network.shift_rad, strict=True):
        shift[t] = shift[f] - lag  # from buses come first
    v = np.where(network.present, np.exp(1j * (shift[:, None] + np.append(PHASE_SHIFT_RAD, 0))), 0)
    v[:, 3] = 0
    v[reference_bus, :3] = balanced
    factor = splu(y[others][:, others].tocsc())
    for _ in range(200):
        u = v[:, :3] - v[:, 3:]
        phase_current = np.conj(np.divide(s, u, out=np.zeros_like(u), where=network.present[:, :3]))
        current = np.concatenate((phase_current, -phase_current.sum(axis=1, keepdims=True)), axis=1)
        current = current[network.present]
        new = factor.solve(current[others] - y[others][:, held] @ v[reference_bus, :3])
        flat = np.zeros(network.n_node, complex)
        flat[others], flat[held] = new, v[reference_bus, :3]
        before = v.copy()
        v = np.zeros_like(v)
        v[network.present] = flat
        if np.abs(v - before).max() < 1e-15:
            break
    return Feeder(network, v, s, reference_bus)


def meters(
    feeder: Feeder,
    rng: np.random.Generator,
    *,
    v_share: float = 0.2,
    flow_share: float = 0.1,
    sigma_p: float = 0.05,
) -> PhaseMeasurements:
    """Exact readings: voltages at the reference and at some buses, P and Q of all loads, flows at some branches."""
    n = feeder.network
    v_bus = np.union1d([0, 1], rng.choice(n.n_bus, max(1, int(v_share * n.n_bus)), replace=False))
    u = feeder.v[:, :3] - feeder.v[:, 3:]
    phase = np.arange(3)
    load_bus, load_phase = np.nonzero(feeder.s)
    idle_bus, idle_phase = np.nonzero((feeder.s == 0) & (feeder.s != 0).any(axis=1)[:, None])
    floor = 0.02 * np.abs(feeder.s[feeder.s != 0]).mean()
    parts = [
        PhaseMeasurements.of(
            Kind.V_MAG, np.repeat(v_bus, 3), np.tile(phase + At.AN, len(v_bus)), np.abs(u[v_bus]).ravel(), 0.005,
            zero_injection=np.concatenate((no_injection_at(feeder.junctions), 4 * idle_bus + idle_phase)),
            closed_neutral=feeder.with_neutral,
        )
    ]  # fmt: skip
    for kind, part in ((Kind.P_INJ, np.real), (Kind.Q_INJ, np.imag)):
        value = part(feeder.s[load_bus, load_phase])
        sigma = np.maximum(sigma_p * np.abs(value), floor)
        parts.append(PhaseMeasurements.of(kind, load_bus, load_phase + At.AN, value, sigma))
    branch = np.union1d([0], rng.choice(n.n_branch, int(flow_share * n.n_branch), replace=False))
    flow = feeder.end_powers()[branch, Side.TO]
    for kind, part in ((Kind.P_FLOW, np.real), (Kind.Q_FLOW, np.imag)):
        value = part(flow).ravel()
        sigma = np.maximum(0.02 * np.abs(value), floor)
        at = np.tile(phase + At.AN, len(branch))
        parts.append(PhaseMeasurements.of(kind, np.repeat(branch, 3), at, value, sigma, side=Side.TO))
    return PhaseMeasurements.join(parts)


def with_noise(exact: PhaseMeasurements, rng: np.random.Generator) -> PhaseMeasurements:
    """The same meters with errors as their sigmas say."""
    return replace(exact, value=exact.value + exact.sigma * rng.standard_normal(len(exact)))


def every_kind(feeder: Feeder, rng: np.random.Generator) -> PhaseMeasurements:
    """Exact readings of every kind at every conductor it can be measured at, beside `meters`."""
    n, of = feeder.network, PhaseMeasurements.of
    bus, branch = np.arange(2, n.n_bus), np.arange(1, n.n_branch)
    parts = [meters(feeder, rng)]
    of_voltage = (At.A, At.AB, At.BC, At.CA, At.ABC, At.ZERO, *([At.N] if n.present[2, Conductor.N] else []))
    of_current = (At.A, At.B, At.C, At.N, At.ABC, At.ZERO)
    parts += [of(Kind.V_MAG, rng.choice(bus, 3, replace=False), at, 0, 0.003) for at in of_voltage]
    parts += [
        of(Kind.I_MAG, rng.choice(branch, 3), at, 0, 0.002, side=rng.integers(0, 2, 3)) for at in of_current
    ]
    for at in (At.A, At.ABC):
        parts.append(of(Kind.I_AXIS, rng.choice(branch, 2), at, 0, 0.002, axis_rad=[0.3, 1.8]))
        parts.append(of(Kind.P_FLOW, rng.choice(branch, 2), at, 0, 0.002, side=rng.integers(0, 2, 2)))
        parts.append(of(Kind.Q_INJ, rng.choice(bus, 2), at, 0, 0.002))
    parts += [
        of(Kind.I_INJ_MAG, rng.choice(bus, 2), At.A, 0, 0.002),
        of(Kind.I_INJ_AXIS, rng.choice(bus, 2), At.B, 0, 0.002, axis_rad=2.0),
        of(V_AXIS, rng.choice(bus, 2), At.C, 0, 0.002, axis_rad=1.0),
        of(Kind.V_ANG, [0, 0, 0], [At.A, At.B, At.C], 0, 0.002),
        of(Kind.V_ANG, [4], At.BC, 0, 0.002),
    ]
    empty = PhaseMeasurements.join(parts)
    values, _ = dense_model(n, empty, feeder.v)
    return replace(empty, value=values)
