"""Outages solved CASES at a time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.blocked_newton.lanes import (
    AT_MAX,
    AT_MIN,
    LOAD,
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
        rows = pattern.row_of[point.controls.bus]
        self.kind = self.newton.kind.copy()
        self.kind[rows[base.control_state > 0]], self.kind[rows[base.control_state < 0]] = AT_MAX, AT_MIN
        self.kind[pattern.row_of[point.reference_bus]] = REFERENCE

    def solve(
        self, outages: Sequence[Outage], situations: Sequence[Situation]
    ) -> tuple[Complexes, NDArray[np.bool_], int]:
        """Voltages (NaN at dark buses) of shape (n_bus, n_case), whether solved, iterations of the block."""
        lanes = self.newton.lanes()
        for k, (outage, situation) in enumerate(zip(outages, situations, strict=True)):
            self._apply(lanes, k, outage, situation)
        solution = self.newton.solve(lanes)
        rows, n = self.newton.pattern.row_of, len(outages)
        v = solution.v[rows, :n]
        for k, situation in enumerate(situations):
            v[situation.dark, k] = np.nan
        return v, solution.converged[:n], solution.iterations

    def _apply(self, lanes: Lanes, k: int, outage: Outage, situation: Situation) -> None:
        row_of = self.newton.pattern.row_of
        np.subtract.at(lanes.y[:, k], self.entries[:, outage.branches], self.values[:, outage.branches])
        np.subtract.at(lanes.s_pu[:, k], row_of[outage.buses], outage.s_lost_pu)
        kind = self.kind.copy()
        controls, left = self.point.controls, situation.controls
        kind[row_of[np.setdiff1d(controls.bus[outage.controls], controls.bus[left])]] = LOAD
        kind[row_of[situation.reference_bus]] = REFERENCE
        kind[row_of[situation.dark]] = OFF
        if outage.controls.size:
            for limit, values in ((lanes.q_min, controls.q_min_pu), (lanes.q_max, controls.q_max_pu)):
                limit[:, k] = 0.0
                np.add.at(limit[:, k], row_of[controls.bus[left]], values[left])
        lanes.kind[:, k] = kind
        lanes.alpha[:, k] = self._shares(outage, situation)

    def _shares(self, outage: Outage, situation: Situation) -> Floats:
        """Participation in the reference's island without what is lost."""
        if not self.newton.alpha.any() or self.point.reference_bus[0] not in situation.reference_bus:
            return np.zeros(self.network.n_bus)
        participation = self.point.participation.copy()
        np.subtract.at(participation, outage.buses, outage.participation_lost)
        participation[situation.island != situation.island[self.point.reference_bus[0]]] = 0.0
        total = participation.sum()
        order: Ints = self.newton.pattern.order
        return participation[order] / total if total > 0 else np.zeros(self.network.n_bus)
