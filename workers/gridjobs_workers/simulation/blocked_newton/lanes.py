"""Cases of one network side by side, and their solution."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.blocked_newton.newton_kernel import CASES, newton
from gridjobs_workers.simulation.blocked_newton.pattern import Pattern, pattern_of
from gridjobs_workers.simulation.power_flow import OperatingPoint

MAX_ITERATIONS = 20
MOST_ROUNDS = 8
Q_SLACK_PU = 1e-7
V_SLACK_PU = 1e-6
MOST_RELEASES = 2

# What a bus does in a case.
LOAD, HOLDS_V, REFERENCE, OFF, AT_MAX, AT_MIN = range(6)


class NotApplicable(Exception):
    """Cases side by side do not fit this operating point; one power flow after the other does."""


@dataclass(slots=True)
class Lanes:
    """Up to CASES cases, rows in the pattern's order.

    Attributes:
        y: Admittances, shape (n_entry, CASES).
        s_pu: Power that does not depend on voltage, shape (n_row, CASES).
        kind: What each bus does, shape (n_row, CASES).
        q_min: Least reactive generation of the bus's voltage controls, shape (n_row, CASES).
        q_max: Most of it.
        alpha: Share of each bus in what the reference would feed, shape (n_row, CASES).
        reference: Row of the reference that `alpha` relieves, shape (CASES,).
        v: Start voltages, later the solution, shape (n_row, CASES).
    """

    y: Complexes
    s_pu: Complexes
    kind: NDArray[np.int8]
    q_min: Floats
    q_max: Floats
    alpha: Floats
    reference: Ints
    v: Complexes


@dataclass(frozen=True, slots=True)
class Solved:
    """Solution of the lanes.

    Attributes:
        v: Voltages [p.u.], shape (n_row, CASES).
        s_pu: Power into the network, shape (n_row, CASES).
        kind: What each bus ended up doing, shape (n_row, CASES).
        mismatch_pu: Largest mismatch, NaN where diverged, shape (CASES,).
        converged: Shape (CASES,).
        iterations: Newton steps of the block.
    """

    v: Complexes
    s_pu: Complexes
    kind: NDArray[np.int8]
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
        self.pattern: Pattern = pattern_of(network)
        rows, n = self.pattern.row_of, network.n_bus
        self.y = network.admittance().data[self.pattern.y_source]
        if point.s_impedance_pu.size:
            self.y[self.pattern.y_diagonal] -= np.conj(point.s_impedance_pu[self.pattern.order])
        controls = point.controls
        self.target_pu, self.q_min, self.q_max = np.ones(n), np.zeros(n), np.zeros(n)
        self.target_pu[rows[controls.bus[::-1]]] = controls.target_pu[::-1]
        np.add.at(self.q_min, rows[controls.bus], controls.q_min_pu)
        np.add.at(self.q_max, rows[controls.bus], controls.q_max_pu)
        self.kind = np.full(n, LOAD, dtype=np.int8)
        self.kind[rows[controls.bus]] = HOLDS_V
        self.kind[rows[point.reference_bus]] = REFERENCE
        self.s_current = (
            point.s_current_pu[self.pattern.order] if point.s_current_pu.size else np.zeros(n, dtype=complex)
        )
        self.alpha = np.zeros(n)
        if point.participation.size and len(point.reference_bus) == 1 and point.participation.sum() > 0:
            self.alpha[:] = point.participation[self.pattern.order] / point.participation.sum()
        self.start = np.ones(n, dtype=complex) if start is None else start[self.pattern.order]

    def lanes(self) -> Lanes:
        """CASES copies of the base case."""

        def copies(values: NDArray) -> NDArray:  # type: ignore[type-arg]
            return np.repeat(values[:, None], CASES, axis=1)

        reference = np.full(CASES, self.pattern.row_of[self.point.reference_bus[0]])
        s = self.point.s_pu[self.pattern.order]
        return Lanes(
            copies(self.y),
            copies(s),
            copies(self.kind),
            copies(self.q_min),
            copies(self.q_max),
            copies(self.alpha),
            reference,
            copies(self.start),
        )

    def solve(self, lanes: Lanes) -> Solved:
        """Solve all cases, with reactive limits in rounds."""
        kind, s_fixed = lanes.kind.copy(), lanes.s_pu
        releases = np.zeros(kind.shape, dtype=np.int8)
        v_re, v_im = lanes.v.real.copy(), lanes.v.imag.copy()
        iterations = 0
        for _ in range(MOST_ROUNDS):
            at_limit = np.where(kind == AT_MAX, lanes.q_max, np.where(kind == AT_MIN, lanes.q_min, 0.0))
            s_re, s_im, worst, used = self._newton(lanes, kind, s_fixed + 1j * at_limit, v_re, v_im)
            iterations += used
            converged = worst < self.tolerance_pu
            if not self.q_limits:
                break
            q = s_im - s_fixed.imag
            if not self._settle(lanes, kind, q, np.hypot(v_re, v_im), converged, releases):
                break
        v = v_re + 1j * v_im
        return Solved(v, s_re + 1j * s_im, kind, worst, converged, iterations)

    def _newton(
        self, lanes: Lanes, kind: NDArray[np.int8], s: Complexes, v_re: Floats, v_im: Floats
    ) -> tuple[Floats, Floats, Floats, int]:
        n, pattern = len(kind), self.pattern
        s_re, s_im = np.empty((n, CASES)), np.empty((n, CASES))
        worst, surplus = np.empty(CASES), np.empty(CASES)
        on = (kind != REFERENCE) & (kind != OFF)
        loads = (kind == LOAD) | (kind == AT_MAX) | (kind == AT_MIN)
        per_v2 = np.where(kind == OFF, 1.0 / (v_re**2 + v_im**2), 1.0 / self.target_pu[:, None] ** 2)
        iterations = newton(
            *(pattern.y_pointers, pattern.y_columns),
            *(pattern.lower_pointers, pattern.lower_columns, pattern.upper_pointers, pattern.upper_columns),
            *(lanes.y.real.copy(), lanes.y.imag.copy(), s.real.copy(), s.imag.copy()),
            *(self.s_current.real.copy(), self.s_current.imag.copy()),
            *(on.astype(np.float64), loads.astype(np.float64), per_v2, lanes.alpha, lanes.reference),
            *(v_re, v_im, s_re, s_im),
            *(
                np.empty((n, 4, CASES)),
                np.empty((len(pattern.upper_columns), 4, CASES)),
                np.empty((n, 4, CASES)),
            ),
            *(np.empty((n, 2, CASES)), self.tolerance_pu, MAX_ITERATIONS, worst, surplus),
        )
        return s_re, s_im, worst, iterations

    def _settle(
        self,
        lanes: Lanes,
        kind: NDArray[np.int8],
        q: Floats,
        v_pu: Floats,
        converged: NDArray[np.bool_],
        releases: NDArray[np.int8],
    ) -> bool:
        """Move buses onto or off their reactive limits; True where any moved."""
        holds = converged & (kind == HOLDS_V)
        high, low = holds & (q > lanes.q_max + Q_SLACK_PU), holds & (q < lanes.q_min - Q_SLACK_PU)
        kind[high], kind[low] = AT_MAX, AT_MIN
        excess = v_pu - self.target_pu[:, None]
        free = ((kind == AT_MAX) & (excess > V_SLACK_PU)) | ((kind == AT_MIN) & (excess < -V_SLACK_PU))
        free &= converged & ~(high | low) & (releases < MOST_RELEASES)
        kind[free] = HOLDS_V
        releases[free] += 1
        return bool(high.any() or low.any() or free.any())


def unsuited(point: OperatingPoint) -> str:
    """Why cases cannot be solved side by side, "" where they can."""
    if not np.array_equal(point.controls.bus, point.controls.regulated_bus):
        return "machines hold the voltage of another bus"
    if np.any(point.participation) and len(point.reference_bus) > 1:
        return "several references beside distributed slack"
    return ""
