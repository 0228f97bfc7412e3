"""Time steps by Newton's method: many at once, or one after the other where machines hold remote voltages."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Complexes, Floats, Network
from gridjobs_workers.simulation.blocked_newton.lanes import BlockedNewton
from gridjobs_workers.simulation.blocked_newton.newton_kernel import CASES
from gridjobs_workers.simulation.power_flow import (
    OperatingPoint,
    PowerFlow,
    PowerFlowError,
    PowerFlowOptions,
    solve_power_flow,
)
from gridjobs_workers.simulation.time_series.blocks import Blocks
from gridjobs_workers.simulation.time_series.current_kernel import LANES
from gridjobs_workers.simulation.time_series.series import InjectionSeries


class NewtonSteps:
    """Blocks of steps side by side; raises `blocked_newton.lanes.NotApplicable` where that does not fit."""

    method = "newton"

    def __init__(
        self,
        network: Network,
        point: OperatingPoint,
        series: InjectionSeries,
        options: PowerFlowOptions,
        start: Complexes,
        reason: str,
    ) -> None:
        self.newton = BlockedNewton(network, point, options.tolerance_pu, options.q_limits, start)
        order = self.newton.pattern.order
        self.fixed_pu = series.fixed_pu[order]
        self.p_weight, self.q_weight = series.p_weight[order], series.q_weight[order]
        self.row_of, self.n_row, self.reason = self.newton.pattern.row_of, network.n_bus, reason

    def solve(self, x: Floats, start: int, n_steps: int) -> Blocks:
        """Solve the steps of profiles x, shape (n_block, n_profile, LANES)."""
        v = np.empty((len(x), self.n_row, LANES), dtype=np.complex128)
        solved = np.empty((len(x), LANES), dtype=np.bool_)
        iterations = 0
        for block in range(len(x)):
            for first in range(0, LANES, CASES):
                some = slice(first, first + CASES)
                v[block, :, some], solved[block, some], used = self.side_by_side(x[block, :, some])
                iterations += used
        return Blocks(start, n_steps, v.real.copy(), v.imag.copy(), solved, self.row_of, iterations)

    def side_by_side(self, x: Floats) -> tuple[Complexes, NDArray[np.bool_], int]:
        """Voltages, whether solved, and iterations of CASES steps; x of shape (n_profile, CASES)."""
        lanes = self.newton.lanes()
        lanes.s_pu = self.fixed_pu[:, None] + self.p_weight @ x + 1j * (self.q_weight @ x)
        solution = self.newton.solve(lanes)
        return solution.v, solution.converged, solution.iterations


class OneByOne:
    """Step after step, each with the whole power flow and from the voltages of the step before."""

    method = "newton"

    def __init__(
        self,
        network: Network,
        point: OperatingPoint,
        series: InjectionSeries,
        options: PowerFlowOptions,
        reason: str,
    ) -> None:
        self.network, self.point, self.series, self.options, self.reason = (
            network,
            point,
            series,
            options,
            reason,
        )
        self.row_of, self.n_row = np.arange(network.n_bus), network.n_bus

    def solve(self, x: Floats, start: int, n_steps: int) -> Blocks:
        """Solve the steps of profiles x, shape (n_block, n_profile, LANES)."""
        v = np.full((len(x), self.n_row, LANES), np.nan + 0j)
        solved = np.zeros((len(x), LANES), dtype=np.bool_)
        last, iterations = self.options.v_start, 0
        for step in range(n_steps):
            block, lane = divmod(step, LANES)
            try:
                flow = self._flow(x[block, :, lane], last)
            except PowerFlowError:
                continue
            v[block, :, lane], solved[block, lane] = flow.v, True
            last, iterations = flow.v, iterations + flow.iterations
        return Blocks(start, n_steps, v.real.copy(), v.imag.copy(), solved, self.row_of, iterations)

    def _flow(self, x: Floats, v_start: Complexes | None) -> PowerFlow:
        s = self.series.fixed_pu + self.series.p_weight @ x + 1j * (self.series.q_weight @ x)
        options = replace(self.options, v_start=v_start, start="auto", diagnose=False)
        return solve_power_flow(self.network, replace(self.point, s_pu=s), options)
