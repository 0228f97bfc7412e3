"""Voltage controls of cases side by side: who holds, who stands at a limit, who shares."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Floats, Ints
from gridjobs_workers.simulation.blocked_newton.pattern import Pattern
from gridjobs_workers.simulation.power_flow import OperatingPoint

States = NDArray[np.int8]

HOLDS, AT_MAX, AT_MIN, LOST = 0, 1, -1, 2
MOST_RELEASES = 2
Q_SLACK_PU = 1e-7
V_SLACK_PU = 1e-6


@dataclass(frozen=True, slots=True)
class Ties:
    """What ties voltages held from afar to buses, as the kernel takes it; see `newton_kernel.newton`."""

    pointers: Ints
    columns: Ints
    members: Ints
    is_held: NDArray[np.bool_]


class Controls:
    """The controls of an operating point, in groups by regulated bus.

    A group whose machines all stand at the regulated bus is an equation of that bus. Any other is a voltage held
    from afar, with a row of its own.
    """

    def __init__(self, point: OperatingPoint) -> None:
        self.controls = point.controls
        bus, regulated = self.controls.bus, self.controls.regulated_bus
        self.regulated, first, self.group = np.unique(regulated, return_index=True, return_inverse=True)
        self.target_pu: Floats = self.controls.target_pu[first]
        away = np.zeros(len(self.regulated), dtype=np.bool_)
        away[self.group[bus != regulated]] = True
        self.from_afar = np.flatnonzero(away)  # groups with a row of their own
        self.is_away: NDArray[np.bool_] = away[self.group]  # controls in such a group
        self.bus_held_elsewhere: Ints = bus[self.is_away]
        # A reference feeds whatever its island lacks, reactive power included.
        self.limited = ~np.isin(bus, point.reference_bus)

    def buses_from_afar(self) -> list[Ints]:
        """For each voltage held from afar the regulated bus and those of its machines."""
        return [
            np.unique(np.append(self.controls.bus[self.group == g], self.regulated[g]))
            for g in self.from_afar
        ]

    def place(self, pattern: Pattern) -> None:
        """Take the rows of a pattern made with `buses_from_afar`."""
        self.row = pattern.row_of[self.controls.bus]
        self.regulated_row = pattern.row_of[self.regulated]
        self.held_row = np.full(len(self.regulated), -1)
        self.held_row[self.from_afar] = pattern.held_row
        self.per_v2 = np.ones(pattern.n_row)
        at = np.where(self.held_row >= 0, self.held_row, self.regulated_row)
        self.per_v2[at] = self.target_pu**-2.0
        self.ties = self._ties(pattern)

    def _ties(self, pattern: Pattern) -> Ties:
        away = np.flatnonzero(self.is_away)
        rows = np.concatenate((pattern.held_row, self.row[away]))
        columns = np.concatenate((self.regulated_row[self.from_afar], self.held_row[self.group[away]]))
        members = np.concatenate((np.full(len(self.from_afar), -1), away))
        order = np.argsort(rows, kind="stable")
        is_held = np.zeros(pattern.n_row, dtype=np.bool_)
        is_held[pattern.held_row] = True
        counts = np.bincount(rows, minlength=pattern.n_row)
        pointers = np.concatenate(([0], np.cumsum(counts))).astype(np.intp)
        return Ties(pointers, columns[order], members[order], is_held)

    def hold(self, state: States, off: NDArray[np.bool_], p_on: Floats, q_on: Floats) -> None:
        """Switch the equations of held voltages: off a bus's reactive balance, on or off those from afar."""
        held = np.zeros((len(self.regulated), state.shape[1]), dtype=np.bool_)
        np.logical_or.at(held, self.group, state == HOLDS)
        near = self.held_row < 0
        rows = self.regulated_row[near]
        q_on[rows] = np.where(held[near], 0.0, q_on[rows])
        away = self.held_row[~near]
        p_on[away] = held[~near] & ~off[self.regulated_row[~near]]
        q_on[away] = 0.0

    def shares(self, state: States) -> Floats:
        """Part of each control that holds in its group's reactive power, shape (n_control, n_case)."""
        weight = self.controls.share[:, None] * (state == HOLDS)
        total = np.zeros((len(self.regulated), state.shape[1]))
        np.add.at(total, self.group, weight)
        return np.asarray(weight / np.where(total > 0, total, 1.0)[self.group])

    def fixed_q(self, state: States, pattern: Pattern) -> Floats:
        """Reactive power of controls at a limit, by row, shape (n_row, n_case)."""
        at_max, at_min = state == AT_MAX, state == AT_MIN
        q = np.where(
            at_max, self.controls.q_max_pu[:, None], np.where(at_min, self.controls.q_min_pu[:, None], 0.0)
        )
        by_row = np.zeros((pattern.n_row, state.shape[1]))
        np.add.at(by_row, self.row, q)
        return by_row

    def q(self, state: States, missing: Floats, shared: Floats) -> Floats:
        """Reactive power of the controls that hold, shape (n_control, n_case).

        Args:
            state: Their states.
            missing: Reactive power that buses feed beyond what is fixed, shape (n_row, n_case).
            shared: Reactive power of voltages held from afar, in their rows.
        """
        away = self.is_away[:, None]
        whole = np.where(away, shared[np.maximum(self.held_row[self.group], 0)], missing[self.row])
        return np.asarray(self.shares(state) * whole)

    def settle(
        self, state: States, releases: States, q: Floats, v_pu: Floats, converged: NDArray[np.bool_]
    ) -> bool:
        """Fix what exceeds its limits, release what need not stand there; True where nothing moved."""
        controls = self.controls
        holds = converged & self.limited[:, None] & (state == HOLDS)
        high = holds & (q > controls.q_max_pu[:, None] + Q_SLACK_PU)
        low = holds & (q < controls.q_min_pu[:, None] - Q_SLACK_PU)
        state[high], state[low] = AT_MAX, AT_MIN
        excess = v_pu[self.regulated_row] - self.target_pu[:, None]
        free = (np.abs(state) == 1) & (state * excess[self.group] > V_SLACK_PU)
        free &= converged & ~(high | low) & (releases < MOST_RELEASES)
        state[free] = HOLDS
        releases[free] += 1
        return not (high.any() or low.any() or free.any())
