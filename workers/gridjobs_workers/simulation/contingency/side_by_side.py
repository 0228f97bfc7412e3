"""Outages solved CASES at a time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Complexes, Floats, Network
from gridjobs_workers.simulation.blocked_newton.controls import LOST
from gridjobs_workers.simulation.blocked_newton.lanes import (
    BALANCED,
    OFF,
    REFERENCE,
    BlockedNewton,
    Lanes,
)
from gridjobs_workers.simulation.contingency.outage import Outage
from gridjobs_workers.simulation.contingency.situation import Situation
from gridjobs_workers.simulation.power_flow import OperatingPoint, PowerFlow


class SideBySide:
    """Solves outages of one network in blocks; raises `NotApplicable` where that does not fit."""

    def __init__(
        self, network: Network, point: OperatingPoint, base: PowerFlow, tolerance_pu: float, q_limits: bool
    ) -> None:
        self.newton = BlockedNewton(network, point, tolerance_pu, q_limits, base.v)
        self.network, self.point = network, point
        pattern = self.newton.pattern
        f, t = network.from_bus, network.to_bus
        self.entries = np.stack([pattern.entry(a, b) for a, b in ((f, f), (f, t), (t, f), (t, t))])
        self.values = np.stack((network.y_ff, network.y_ft, network.y_tf, network.y_tt))
        self.state = base.control_state.astype(np.int8)
        controls = point.controls
        self.remote = np.flatnonzero(self.newton.controls.is_away)
        self.near_remote = np.union1d(controls.bus[self.remote], controls.regulated_bus[self.remote])

    def solve(
        self, outages: Sequence[Outage], situations: Sequence[Situation]
    ) -> tuple[Complexes, NDArray[np.bool_], int]:
        """Voltages (NaN at dark buses) of shape (n_bus, n_case), whether solved, iterations of the block."""
        lanes = self.newton.lanes()
        for k, (outage, situation) in enumerate(zip(outages, situations, strict=True)):
            self._apply(lanes, k, outage, situation)
        solution = self.newton.solve(lanes)
        rows, n = self.newton.pattern.row_of, len(outages)
        v, solved = solution.v[rows, :n], solution.converged[:n].copy()
        for k, situation in enumerate(situations):
            v[situation.dark, k] = np.nan
            solved[k] &= not self._parted(situation)
        return v, solved, solution.iterations

    def _parted(self, situation: Situation) -> bool:
        """Whether machines have lost the bus that they hold, or become references: such a case is solved alone."""
        if not self.remote.size:
            return False
        controls, island = self.point.controls, situation.island
        apart = island[controls.bus[self.remote]] != island[controls.regulated_bus[self.remote]]
        new = np.setdiff1d(situation.reference_bus, self.point.reference_bus)
        return bool(
            apart.any() or situation.dark[self.near_remote].any() or np.isin(new, self.near_remote).any()
        )

    def _apply(self, lanes: Lanes, k: int, outage: Outage, situation: Situation) -> None:
        row_of, point = self.newton.pattern.row_of, self.point
        np.subtract.at(lanes.y[:, k], self.entries[:, outage.branches], self.values[:, outage.branches])
        np.subtract.at(lanes.s_pu[:, k], row_of[outage.buses], outage.s_lost_pu)
        lanes.state[:, k] = self.state
        lanes.state[outage.controls, k] = LOST
        role = self.newton.role.copy()
        role[row_of[np.setdiff1d(point.reference_bus, situation.reference_bus)]] = BALANCED
        role[row_of[np.setdiff1d(situation.reference_bus, point.reference_bus)]] = REFERENCE
        role[row_of[situation.dark]] = OFF
        lanes.role[:, k] = role
        lanes.alpha[:, k] = self._shares(outage, situation)

    def _shares(self, outage: Outage, situation: Situation) -> Floats:
        """Participation in the reference's island without what is lost."""
        none, reference = np.zeros(self.newton.pattern.n_row), self.point.reference_bus[0]
        if not self.newton.alpha.any() or reference not in situation.reference_bus:
            return none
        participation = self.point.participation.copy()
        np.subtract.at(participation, outage.buses, outage.participation_lost)
        participation[situation.island != situation.island[reference]] = 0.0
        total = participation.sum()
        return np.asarray(self.newton.by_row(participation / total)) if total > 0 else none
