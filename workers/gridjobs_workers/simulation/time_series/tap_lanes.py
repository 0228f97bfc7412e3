"""Tap changers that hold voltages, for steps side by side."""

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Complexes, Floats, Network
from gridjobs_workers.simulation.blocked_newton.lanes import BlockedNewton, Lanes, NotApplicable, Solved
from gridjobs_workers.simulation.blocked_newton.newton_kernel import CASES
from gridjobs_workers.simulation.power_flow import OperatingPoint
from gridjobs_workers.simulation.power_flow.taps import CLOSE_PU, LONGEST_MOVE_PU, MOST_REVERSALS, tap_effect

MOST_ROUNDS = 30


class TapLanes:
    """Moves tap changers between solutions until they rest; every step begins at the positions of the grid."""

    def __init__(self, newton: BlockedNewton, point: OperatingPoint, v: Complexes, discrete: bool) -> None:
        """Find the effect of every tap changer at the voltages v; raises `NotApplicable`."""
        taps, network, pattern = point.taps, newton.network, newton.pattern
        if len(np.unique(taps.branch)) != len(taps.branch):
            raise NotApplicable("two tap changers on one branch")
        self.newton, self.taps, self.discrete = newton, taps, discrete
        f, t = network.from_bus[taps.branch], network.to_bus[taps.branch]
        self.entries = [pattern.entry(a, b) for a, b in ((f, f), (f, t), (t, f), (t, t))]
        self.values = _two_ports(network, point)
        self.regulated = pattern.row_of[taps.regulated_bus]
        same = taps.regulated_bus[:, None] == taps.regulated_bus[None, :]
        # Tap changers of one bus move together; what others do to it is left to the next round.
        self.effect: Floats = (tap_effect(network, point, v) * same).sum(axis=1)

    def solve(self, lanes: Lanes) -> tuple[Solved, Floats]:
        """Solution with tap changers at rest, and their positions, shape (n_tap, CASES)."""
        taps = self.taps
        position = np.repeat(taps.position[:, None], CASES, axis=1)
        reversals, last = np.zeros(position.shape, dtype=np.intp), np.zeros(position.shape)
        base_y = lanes.y.copy()
        solution = self.newton.solve(lanes)
        for _ in range(MOST_ROUNDS):
            error = np.abs(solution.v[self.regulated]) - taps.target_pu[:, None]
            move = self._moves(error, position, solution.converged & (reversals < MOST_REVERSALS))
            if not move.any():
                break
            reversals += move * last < 0
            last = np.where(move != 0, move, last)
            position += move
            lanes.y = self._admittances(base_y, position)
            lanes.v = np.where(solution.converged, solution.v, lanes.v)
            solution = self.newton.solve(lanes)
        return solution, position

    def _moves(self, error: Floats, position: Floats, may: NDArray[np.bool_]) -> Floats:
        """Positions to move each tap changer in each step, within its limits."""
        taps = self.taps
        band = taps.deadband_pu[:, None] / 2 if self.discrete else 0.0
        per_step = (self.effect * taps.step)[:, None]
        wants = may & (np.abs(error) > np.maximum(band, CLOSE_PU)) & (per_step != 0)
        steps = -error / np.where(per_step == 0, 1.0, per_step)
        longest = LONGEST_MOVE_PU / np.abs(taps.step)[:, None]
        steps = np.clip(np.where(wants, steps, 0.0), -longest, longest)
        if self.discrete:
            steps = np.round(steps)  # nothing where half a step would lead farther away
        moved = np.clip(position + steps, taps.low[:, None], taps.high[:, None]) - position
        return np.where(np.abs(moved * taps.step[:, None]) < 1e-9, 0.0, moved)

    def _admittances(self, base_y: Complexes, position: Floats) -> Complexes:
        """Admittances of every step with its positions, shape (n_entry, CASES)."""
        taps, y = self.taps, base_y.copy()
        m = (1.0 + (position - taps.neutral[:, None]) * taps.step[:, None]) / taps.ratio(taps.position)[
            :, None
        ]
        one, at_from = np.ones_like(m), taps.at_from[:, None]
        m_from, m_to = np.where(at_from, m, one), np.where(at_from, one, m)
        for entry, value, ratio in zip(
            self.entries, self.values, (m_from**2, m_from * m_to, m_from * m_to, m_to**2), strict=True
        ):
            np.add.at(y, entry, value[:, None] * (1 / ratio - 1))
        return y


def _two_ports(network: Network, point: OperatingPoint) -> tuple[Complexes, Complexes, Complexes, Complexes]:
    k = point.taps.branch
    return network.y_ff[k], network.y_ft[k], network.y_tf[k], network.y_tt[k]
