"""The three-phase AC power flow by Newton's method on currents."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csc_array, csr_array
from scipy.sparse.linalg import splu

from gridjobs_workers.grids.network import Complexes, Floats, Ints
from gridjobs_workers.grids.sequence import SEQUENCES
from gridjobs_workers.grids.three_phase import ThreePhaseNetwork
from gridjobs_workers.simulation.power_flow import Diagnosis, NotConverged
from gridjobs_workers.simulation.power_flow.islands import islands, require_sources
from gridjobs_workers.simulation.three_phase.problem import ThreePhaseFlow, ThreePhasePoint
from gridjobs_workers.simulation.three_phase.start import balanced_starts

PHASES, N_CONDUCTOR, NEUTRAL = 3, 4, 3
TO_POSITIVE = SEQUENCES[:, 1].conj() / 3
SMALLEST_STEP = 1 / 64

Cells = tuple[Ints, Ints, Floats]  # rows, columns, values


@dataclass(frozen=True, slots=True)
class System:
    """Constants of one power flow; conductor c of bus b stands at 4 b + c, earth at the end.

    Attributes:
        y: Admittance matrix of all conductors [p.u.].
        free: Conductors with an unknown voltage.
        plus: Conductor at which each load's current enters.
        minus: Conductor at which it leaves; the last index for earth.
        s: Power of each load [p.u.], shape (n_load,).
        of_machine: Machine that each load's reactive power belongs to, -1 for none.
        machine_bus: Bus of each machine.
        target: Magnitude each machine holds.
    """

    y: csr_array
    free: Ints
    plus: Ints
    minus: Ints
    s: Complexes
    of_machine: Ints
    machine_bus: Ints
    target: Floats


def solve_three_phase(
    network: ThreePhaseNetwork,
    point: ThreePhasePoint,
    *,
    tolerance_pu: float = 1e-9,
    max_iterations: int = 40,
) -> ThreePhaseFlow:
    """Find the conductor voltages at which every conductor is in balance.

    Newton's method on the current balance in rectangular coordinates, from the balanced solution and from no load.

    Raises:
        NoSource: An island has no reference.
        NotConverged: No start led to a solution.

    References:
        P. A. N. Garcia et al., "Three-Phase Power Flow Calculations Using the Current Injection Method", IEEE
        Trans. Power Systems 15(2), 2000.
    """
    require_sources(islands(network.positive_sequence()), point.reference_bus)
    system = _system(network, point)
    attempt = None
    for start in balanced_starts(network, point):
        attempt = _iterate(system, start, len(point.machine_bus), tolerance_pu, max_iterations)
        v, q, worst, iterations = attempt
        if worst < tolerance_pu:
            return ThreePhaseFlow(v[:-1].reshape(-1, N_CONDUCTOR), q, iterations, worst)
    assert attempt is not None
    raise NotConverged(_diagnosis(system, *attempt[:2]))


def _system(network: ThreePhaseNetwork, point: ThreePhasePoint) -> System:
    present = network.present.copy()
    present[point.reference_bus] = False
    n, earth = network.n_bus, N_CONDUCTOR * network.n_bus
    neutral = np.where(present[:, NEUTRAL], N_CONDUCTOR * np.arange(n) + NEUTRAL, earth)
    machine_of = np.full(n, -1)
    machine_of[point.machine_bus] = np.arange(len(point.machine_bus))
    bus, phase = np.nonzero((point.star_pu != 0) | (machine_of >= 0)[:, None])
    plus, minus, s = [N_CONDUCTOR * bus + phase], [neutral[bus]], [point.star_pu[bus, phase]]
    of_machine = [machine_of[bus]]
    if point.delta_pu.size:
        bus, pair = np.nonzero(point.delta_pu)
        plus.append(N_CONDUCTOR * bus + pair)
        minus.append(N_CONDUCTOR * bus + (pair + 1) % PHASES)
        s.append(point.delta_pu[bus, pair])
        of_machine.append(np.full(len(bus), -1))
    return System(
        y=network.admittance(),
        free=np.flatnonzero(present.ravel()),
        plus=np.concatenate(plus),
        minus=np.concatenate(minus),
        s=np.concatenate(s),
        of_machine=np.concatenate(of_machine),
        machine_bus=point.machine_bus,
        target=point.machine_target_pu,
    )


def _iterate(
    system: System, v: Complexes, n_machine: int, tolerance_pu: float, max_iterations: int
) -> tuple[Complexes, Floats, float, int]:
    """Newton's method with halved steps; voltages carry earth at the end."""
    q, iteration = np.zeros(n_machine), 0
    residual = _residual(system, v, q)
    while iteration < max_iterations:
        worst = float(np.max(np.abs(residual), initial=0.0))
        if worst < tolerance_pu or not np.isfinite(worst):
            break
        try:
            step = -splu(_jacobian(system, v, q), permc_spec="COLAMD").solve(residual)
        except RuntimeError:  # SuperLU: exactly singular
            break
        length = 1.0
        while True:
            there, q_there = _moved(system, v, q, length * step)
            after = _residual(system, there, q_there)
            if after @ after <= (1 - 0.02 * length) * (residual @ residual) or length <= SMALLEST_STEP:
                break
            length /= 2
        v, q, residual, iteration = there, q_there, after, iteration + 1
    return v, q, float(np.max(np.abs(residual), initial=0.0)), iteration


def _load_currents(system: System, v: Complexes, q: Floats) -> tuple[Complexes, Complexes, Complexes]:
    """Currents of the loads into `plus`, their powers, and the voltages across them."""
    across = v[system.plus] - v[system.minus]
    s = system.s.copy()
    own = system.of_machine >= 0
    s[own] += 1j * q[system.of_machine[own]]
    return np.conj(s / across), s, across


def _residual(system: System, v: Complexes, q: Floats) -> Floats:
    """Current missing at each free conductor, real and imaginary part, and |V1|² - target²."""
    missing = np.append(np.asarray(system.y @ v[:-1]), 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        current = _load_currents(system, v, q)[0]
    np.subtract.at(missing, system.plus, current)
    np.add.at(missing, system.minus, current)
    free = missing[system.free]
    return np.concatenate((free.real, free.imag, np.abs(_positive(system, v)) ** 2 - system.target**2))


def _positive(system: System, v: Complexes) -> Complexes:
    phases = N_CONDUCTOR * system.machine_bus[:, None] + np.arange(PHASES)
    return np.asarray(v[phases] @ TO_POSITIVE)


def _jacobian(system: System, v: Complexes, q: Floats) -> csc_array:
    """Derivative of the residual by the free voltages' parts and the machines' reactive powers."""
    n, n_machine = len(system.free), len(system.target)
    position = np.full(len(v), -1)
    position[system.free] = np.arange(n)
    y = system.y[system.free][:, system.free].tocoo()
    cells = [
        (y.row, y.col, y.data.real),
        (y.row, y.col + n, -y.data.imag),
        (y.row + n, y.col, y.data.imag),
        (y.row + n, y.col + n, y.data.real),
        *_load_cells(system, v, q, position, n),
        *_machine_cells(system, v, position, n),
    ]
    rows, columns, values = (np.concatenate(parts) for parts in zip(*cells, strict=True))
    size = 2 * n + n_machine
    return coo_array((values, (rows, columns)), shape=(size, size)).tocsc()


def _load_cells(system: System, v: Complexes, q: Floats, position: Ints, n: int) -> Iterator[Cells]:
    """Slopes of the loads' currents by the voltages at both ends, and by their machine's reactive power.

    d conj(s / u) = -conj(s / u²) conj(du) is a block [[a, b], [b, -a]] for du = dx + j dy.
    """
    _, s, across = _load_currents(system, v, q)
    slope, by_q = np.conj(s / across**2), -np.conj(1j / across)
    for end, sign_end in ((position[system.plus], 1.0), (position[system.minus], -1.0)):
        for at, sign_at in ((position[system.plus], 1.0), (position[system.minus], -1.0)):
            keep = (end >= 0) & (at >= 0)
            row, column, value = end[keep], at[keep], sign_end * sign_at * slope[keep]
            yield row, column, value.real
            yield row, column + n, value.imag
            yield row + n, column, value.imag
            yield row + n, column + n, -value.real
        keep = (system.of_machine >= 0) & (end >= 0)
        row, column, value = end[keep], 2 * n + system.of_machine[keep], sign_end * by_q[keep]
        yield row, column, value.real
        yield row + n, column, value.imag


def _machine_cells(system: System, v: Complexes, position: Ints, n: int) -> Iterator[Cells]:
    """Derivative of |V1|² of each machine."""
    phases = N_CONDUCTOR * system.machine_bus[:, None] + np.arange(PHASES)
    by = (2 * np.conj(_positive(system, v))[:, None] * TO_POSITIVE).ravel()
    row, at = np.repeat(2 * n + np.arange(len(system.machine_bus)), PHASES), position[phases].ravel()
    yield row, at, by.real
    yield row, at + n, -by.imag


def _moved(system: System, v: Complexes, q: Floats, step: Floats) -> tuple[Complexes, Floats]:
    n, there = len(system.free), v.copy()
    there[system.free] += step[:n] + 1j * step[n : 2 * n]
    return there, q + step[2 * n :]


def _diagnosis(system: System, v: Complexes, q: Floats) -> Diagnosis:
    """Buses with the largest missing currents."""
    residual = _residual(system, v, q)
    n = len(system.free)
    missing = np.zeros(len(v) - 1)
    missing[system.free] = np.nan_to_num(np.hypot(residual[:n], residual[n : 2 * n]), nan=np.inf)
    by_bus = missing.reshape(-1, N_CONDUCTOR).max(axis=1)
    worst = np.argsort(-by_bus)[:10]
    reason = (
        f"no solution from any start, {by_bus[worst[0]]:.3g} p.u. of current are missing at the worst bus"
    )
    return Diagnosis(worst, by_bus[worst], -1, np.nan, np.nan, reason)
