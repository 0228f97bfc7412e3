"""Cases of one network side by side, and their solution."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.blocked_newton.controls import HOLDS, Controls
from gridjobs_workers.simulation.blocked_newton.newton_kernel import CASES, newton
from gridjobs_workers.simulation.blocked_newton.pattern import Pattern, pattern_of
from gridjobs_workers.simulation.power_flow import OperatingPoint

MAX_ITERATIONS = 20
MOST_ROUNDS = 8

# What a bus is in a case: balanced, a reference of angle and magnitude, of the angle only, or without voltage.
BALANCED, REFERENCE, ANGLE, OFF = range(4)


class NotApplicable(Exception):
    """Cases side by side do not fit this operating point; one power flow after the other does."""


@dataclass(slots=True)
class Lanes:
    """Up to CASES cases; rows in the pattern's order.

    Attributes:
        y: Admittances, shape (n_entry, CASES).
        s_pu: Power that does not depend on voltage, shape (n_row, CASES).
        role: What each bus is, shape (n_row, CASES).
        state: State of each voltage control (`controls.HOLDS` ...), shape (n_control, CASES).
        alpha: Share of each bus in what the reference would feed, shape (n_row, CASES).
        reference: Row of the reference that `alpha` relieves, shape (CASES,).
        v: Start voltages, shape (n_row, CASES); references keep theirs.
    """

    y: Complexes
    s_pu: Complexes
    role: NDArray[np.int8]
    state: NDArray[np.int8]
    alpha: Floats
    reference: Ints
    v: Complexes


@dataclass(frozen=True, slots=True)
class Solved:
    """Solution of the lanes.

    Attributes:
        v: Voltages [p.u.], shape (n_row, CASES).
        s_pu: Power into the network, shape (n_row, CASES).
        state: State that each voltage control ended in, shape (n_control, CASES).
        mismatch_pu: Largest mismatch, NaN where diverged, shape (CASES,).
        converged: Shape (CASES,).
        iterations: Newton steps of the block.
    """

    v: Complexes
    s_pu: Complexes
    state: NDArray[np.int8]
    mismatch_pu: Floats
    converged: NDArray[np.bool_]
    iterations: int


class BlockedNewton:
    """Newton's method for many cases of one network and operating point."""

    def __init__(
        self,
        network: Network,
        point: OperatingPoint,
        tolerance_pu: float = 1e-8,
        q_limits: bool = True,
        start: Complexes | None = None,
    ) -> None:
        """Find the pattern; raises `NotApplicable`."""
        if reason := unsuited(point):
            raise NotApplicable(reason)
        self.network, self.point, self.q_limits, self.tolerance_pu = network, point, q_limits, tolerance_pu
        self.controls = Controls(point)
        self.pattern: Pattern = pattern_of(network, self.controls.buses_from_afar())
        self.controls.place(self.pattern)
        entries = network.admittance()
        y = entries.data.copy()
        if point.s_impedance_pu.size:
            bus = np.repeat(np.arange(network.n_bus), np.diff(entries.indptr))
            y[bus == entries.indices] -= np.conj(point.s_impedance_pu)
        self.y = y[self.pattern.y_source]
        self.s_current = self.by_row(point.s_current_pu) if point.s_current_pu.size else self.by_row(0j)
        self.alpha = self.by_row(0.0)
        if point.participation.size and len(point.reference_bus) == 1 and point.participation.sum() > 0:
            self.alpha = self.by_row(point.participation / point.participation.sum())
        self.role = np.full(self.pattern.n_row, BALANCED, dtype=np.int8)
        from_afar = np.isin(point.reference_bus, self.controls.bus_held_elsewhere)
        self.role[self.pattern.row_of[point.reference_bus]] = np.where(from_afar, ANGLE, REFERENCE)
        self.start = self.by_row(1 + 0j if start is None else start, fill=1.0)
        self.start[self.pattern.row_of[point.reference_bus[~from_afar]]] = self._reference_v(~from_afar)

    def by_row(self, values: NDArray | complex, fill: float = 0.0) -> NDArray:  # type: ignore[type-arg]
        """Values of buses in the order of rows; `fill` for voltages held from afar."""
        values = np.asarray(values)
        rows = np.full(self.pattern.n_row, fill, dtype=values.dtype)
        rows[self.pattern.row_of] = values
        return rows

    def lanes(self) -> Lanes:
        """CASES copies of the base case."""

        def copies(values: NDArray) -> NDArray:  # type: ignore[type-arg]
            return np.repeat(values[:, None], CASES, axis=1)

        reference = np.full(CASES, self.pattern.row_of[self.point.reference_bus[0]])
        return Lanes(
            y=copies(self.y),
            s_pu=copies(self.by_row(self.point.s_pu)),
            role=copies(self.role),
            state=np.full((len(self.point.controls.bus), CASES), HOLDS, dtype=np.int8),
            alpha=copies(self.alpha),
            reference=reference,
            v=copies(self.start),
        )

    def solve(self, lanes: Lanes) -> Solved:
        """Solve all cases, with reactive limits in rounds."""
        state, releases = lanes.state.copy(), np.zeros(lanes.state.shape, dtype=np.int8)
        v_re, v_im = lanes.v.real.copy(), lanes.v.imag.copy()
        shared = np.zeros(v_re.shape)
        iterations = 0
        for _ in range(MOST_ROUNDS):
            s = lanes.s_pu + 1j * self.controls.fixed_q(state, self.pattern)
            s_re, s_im, worst, used = self._newton(lanes, state, s, v_re, v_im, shared)
            iterations += used
            converged = worst < self.tolerance_pu
            if not self.q_limits:
                break
            q = self.controls.q(state, s_im - s.imag, shared)
            if self.controls.settle(state, releases, q, np.hypot(v_re, v_im), converged):
                break
        return Solved(v_re + 1j * v_im, s_re + 1j * s_im, state, worst, converged, iterations)

    def _newton(
        self, lanes: Lanes, state: NDArray[np.int8], s: Complexes, v_re: Floats, v_im: Floats, shared: Floats
    ) -> tuple[Floats, Floats, Floats, int]:
        n, pattern, ties = self.pattern.n_row, self.pattern, self.controls.ties
        s_re, s_im = np.empty((n, CASES)), np.empty((n, CASES))
        worst, surplus = np.empty(CASES), np.empty(CASES)
        p_on = (lanes.role == BALANCED).astype(np.float64)
        q_on = ((lanes.role == BALANCED) | (lanes.role == ANGLE)).astype(np.float64)
        self.controls.hold(state, lanes.role == OFF, p_on, q_on)
        # Rows without voltage and references keep the magnitude that they have.
        per_v2 = np.where(lanes.role == BALANCED, self.controls.per_v2[:, None], 1.0 / (v_re**2 + v_im**2))
        iterations = newton(
            *(pattern.y_pointers, pattern.y_columns),
            *(pattern.lower_pointers, pattern.lower_columns, pattern.upper_pointers, pattern.upper_columns),
            *(ties.pointers, ties.columns, ties.members, ties.is_held),
            *(lanes.y.real.copy(), lanes.y.imag.copy(), s.real.copy(), s.imag.copy()),
            *(self.s_current.real.copy(), self.s_current.imag.copy()),
            *(p_on, q_on, per_v2, self.controls.shares(state), shared, lanes.alpha, lanes.reference),
            *(
                v_re,
                v_im,
                s_re,
                s_im,
                np.empty((n, 4, CASES)),
                np.empty((len(pattern.upper_columns), 4, CASES)),
            ),
            *(
                np.empty((n, 4, CASES)),
                np.empty((n, 2, CASES)),
                self.tolerance_pu,
                MAX_ITERATIONS,
                worst,
                surplus,
            ),
        )
        return s_re, s_im, worst, iterations

    def _reference_v(self, which: NDArray[np.bool_]) -> Complexes:
        """Voltages of references that hold their own magnitude, shape (n,)."""
        controls, buses = self.point.controls, self.point.reference_bus[which]
        first = [np.flatnonzero(controls.regulated_bus == bus)[0] for bus in buses]
        target = controls.target_pu[np.array(first, dtype=np.intp)]
        return np.asarray(target * np.exp(1j * self.point.reference_rad[which]))


def unsuited(point: OperatingPoint) -> str:
    """Why cases cannot be solved side by side, "" where they can."""
    if np.any(point.participation) and len(point.reference_bus) > 1:
        return "several references beside distributed slack"
    return ""
