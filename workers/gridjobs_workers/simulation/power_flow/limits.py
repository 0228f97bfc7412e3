"""Reactive limits: who still holds a voltage, and who stands at a limit."""

from dataclasses import replace

import numpy as np

from gridjobs_workers.grids.network import Floats, Ints
from gridjobs_workers.simulation.power_flow.problem import OperatingPoint

MOST_RELEASES = 2
Q_SLACK_PU = 1e-7
V_SLACK_PU = 1e-6


class ReactiveLimits:
    """State of the voltage controls over the rounds of one power flow."""

    def __init__(self, point: OperatingPoint, enforced: bool) -> None:
        controls = point.controls
        self.point = point
        self.state: Ints = np.zeros(len(controls.bus), dtype=np.intp)
        # A reference feeds whatever its island lacks, reactive power included.
        self.limited = enforced & ~np.isin(controls.bus, point.reference_bus)
        self.releases: Ints = np.zeros(len(controls.bus), dtype=np.intp)

    @property
    def active(self) -> Ints:
        """Controls that hold their voltage."""
        return np.flatnonzero(self.state == 0)

    @property
    def fixed_q_pu(self) -> Floats:
        """Reactive power of the controls at a limit, 0 of the others, shape (n_control,)."""
        controls = self.point.controls
        q = np.where(self.state > 0, controls.q_max_pu, controls.q_min_pu)
        return np.where(self.state == 0, 0.0, q)

    def operating_point(self) -> OperatingPoint:
        """The operating point with the controls at limits turned into fixed injections."""
        s = self.point.s_pu.copy()
        np.add.at(s, self.point.controls.bus, 1j * self.fixed_q_pu)
        return replace(self.point, s_pu=s)

    def settle(self, control_q_pu: Floats, magnitude_pu: Floats) -> bool:
        """Fix what exceeds its limits, else release what need not stand there; True where nothing moved."""
        return not (self._fix(control_q_pu) or self._release(magnitude_pu))

    def _fix(self, q: Floats) -> bool:
        controls, holds = self.point.controls, self.limited & (self.state == 0)
        above, below = (
            holds & (q > controls.q_max_pu + Q_SLACK_PU),
            holds & (q < controls.q_min_pu - Q_SLACK_PU),
        )
        self.state[above], self.state[below] = 1, -1
        return bool(above.any() or below.any())

    def _release(self, magnitude_pu: Floats) -> bool:
        """At q_max with more voltage than asked for, or at q_min with less: the limit no longer binds."""
        excess = magnitude_pu[self.point.controls.regulated_bus] - self.point.controls.target_pu
        free = (self.state != 0) & (self.state * excess > V_SLACK_PU) & (self.releases < MOST_RELEASES)
        self.state[free] = 0
        self.releases[free] += 1
        return bool(free.any())
