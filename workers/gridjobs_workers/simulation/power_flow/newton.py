"""Newton's method in polar coordinates with step control."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array
from scipy.sparse.linalg import SuperLU, splu

from gridjobs_workers.grids.network import Complexes, Floats
from gridjobs_workers.simulation.power_flow.layout import Layout
from gridjobs_workers.simulation.power_flow.problem import OperatingPoint

LONGEST_ANGLE_STEP_RAD = 0.7
LONGEST_MAGNITUDE_STEP = 0.3  # of ln |V|
SMALLEST_STEP = 1 / 64


@dataclass(slots=True)
class State:
    """Unknowns of a power flow.

    Attributes:
        angle_rad: Voltage angles, shape (n_bus,).
        log_v: ln |V|, shape (n_bus,).
        reference_p_pu: Power of each reference, shape (n_reference,).
        held_q_pu: Reactive power of each held voltage, shape (n_held,).
    """

    angle_rad: Floats
    log_v: Floats
    reference_p_pu: Floats
    held_q_pu: Floats

    @property
    def v(self) -> Complexes:
        """Complex bus voltages [p.u.]."""
        return np.asarray(np.exp(self.log_v + 1j * self.angle_rad))

    def moved(self, step: Floats, length: float) -> "State":
        """The state after a share `length` of a Newton step."""
        n, n_reference = len(self.log_v), len(self.reference_p_pu)
        return State(
            self.angle_rad + length * step[0 : 2 * n : 2],
            self.log_v + length * step[1 : 2 * n : 2],
            self.reference_p_pu + length * step[2 * n : 2 * n + n_reference],
            self.held_q_pu + length * step[2 * n + n_reference :],
        )


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where Newton's method ended."""

    state: State
    converged: bool
    iterations: int
    mismatch: Complexes  # power missing at each bus [p.u.], shape (n_bus,)
    residual_pu: float


def state_at(layout: Layout, point: OperatingPoint, v: Complexes) -> State:
    """A state at the given voltages, references and held voltages on their targets and powers to match."""
    angle, log_v = np.angle(v), np.log(np.abs(v))
    angle[point.reference_bus] = point.reference_rad
    log_v[layout.held_bus] = np.log(layout.held_target_pu)
    state = State(angle, log_v, np.zeros(len(point.reference_bus)), np.zeros(len(layout.held_bus)))
    missing = mismatch(layout, residuals(layout, point, state)[0])
    state.reference_p_pu = layout.p_spread.T @ missing.real
    state.held_q_pu = layout.q_spread.T @ missing.imag
    return state


def solve(
    layout: Layout, point: OperatingPoint, start: State, tolerance_pu: float, max_iterations: int
) -> Attempt:
    """Iterate until no equation is off by more than the tolerance.

    Each step is shortened until the sum of squares falls (optimal multiplier after Iwamoto and Tamura, IEEE
    Trans. PAS-100 (1981), here by quadratic backtracking).
    """
    state = start
    residual, s, terms = residuals(layout, point, state)
    worst = _largest(residual)
    for iteration in range(max_iterations + 1):
        if worst < tolerance_pu:
            return Attempt(state, True, iteration, mismatch(layout, residual), worst)
        if iteration == max_iterations or not np.isfinite(worst):
            break
        try:
            step = -factorised(layout, point, state, s, terms).solve(residual)
        except RuntimeError:  # SuperLU: exactly singular
            break
        if not np.isfinite(step).all():
            break
        state, residual, s, terms = _advance(layout, point, state, step, residual)
        worst = _largest(residual)
    return Attempt(state, False, iteration, mismatch(layout, residual), worst)


def residuals(layout: Layout, point: OperatingPoint, state: State) -> tuple[Floats, Complexes, Complexes]:
    """What each equation lacks, shape (n_unknown,), the bus powers, and V_i conj(Y_ik V_k) by admittance."""
    v = state.v
    terms = v[layout.row] * np.conj(layout.y * v[layout.column])
    n = len(v)
    s = np.bincount(layout.row, terms.real, n) + 1j * np.bincount(layout.row, terms.imag, n)
    wanted = point.power(np.abs(v))
    residual = np.empty(layout.n_unknown)
    residual[layout.p_row] = s.real - wanted.real - layout.p_spread @ state.reference_p_pu
    residual[layout.q_row] = s.imag - wanted.imag - layout.q_spread @ state.held_q_pu
    residual[layout.angle_row] = state.angle_rad[point.reference_bus] - point.reference_rad
    residual[layout.held_row] = state.log_v[layout.held_bus] - np.log(layout.held_target_pu)
    return residual, s, terms


def factorised(
    layout: Layout, point: OperatingPoint, state: State, s: Complexes, terms: Complexes
) -> SuperLU:
    """The factorised Jacobian; raises RuntimeError where it is singular."""
    by_angle, by_log_v = -1j * terms, terms.copy()
    by_angle[layout.diagonal] += 1j * s
    by_log_v[layout.diagonal] += s - point.power_slope(np.exp(state.log_v))
    values = np.concatenate((by_angle.real, by_log_v.real, by_angle.imag, by_log_v.imag, layout.constant))
    size = layout.n_unknown
    jacobian = csc_array((values[layout.order], layout.indices, layout.indptr), shape=(size, size))
    return splu(jacobian, permc_spec="COLAMD", diag_pivot_thresh=0.01)


def mismatch(layout: Layout, residual: Floats) -> Complexes:
    """Power missing at each bus [p.u.], shape (n_bus,)."""
    return np.asarray(residual[layout.p_row] + 1j * residual[layout.q_row])


def _advance(
    layout: Layout, point: OperatingPoint, state: State, step: Floats, residual: Floats
) -> tuple[State, Floats, Complexes, Complexes]:
    n = len(state.log_v)
    before = float(residual @ residual)
    length = min(
        1.0,
        LONGEST_ANGLE_STEP_RAD / max(_largest(step[0 : 2 * n : 2]), 1e-300),
        LONGEST_MAGNITUDE_STEP / max(_largest(step[1 : 2 * n : 2]), 1e-300),
    )
    while True:
        there = state.moved(step, length)
        residual, s, terms = residuals(layout, point, there)
        after = float(residual @ residual)
        # NaN compares false and so shortens the step, as it should.
        if after <= (1 - 0.02 * length) * before or length <= SMALLEST_STEP:
            return there, residual, s, terms
        best = length**2 * before / (after - before + 2 * length * before) if np.isfinite(after) else 0.0
        length = min(max(best, 0.1 * length), 0.5 * length)


def _largest(values: Floats) -> float:
    return float(np.max(np.abs(values), initial=0.0))
