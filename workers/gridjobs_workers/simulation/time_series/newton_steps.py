"""Time steps by Newton's method: many at once, or one after the other where that does not fit."""

from contextlib import suppress
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
from gridjobs_workers.simulation.time_series.tap_lanes import TapLanes

MOST_RETRIES = 200


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
        moves = options.taps != "fixed" and len(point.taps.branch) > 0
        self.taps = TapLanes(self.newton, point, start, options.taps == "discrete") if moves else None
        self.series, self.alone, self.retries = series, OneByOne(network, point, series, options, reason), 0
        self.row_of, self.n_row, self.reason = np.arange(network.n_bus), network.n_bus, reason

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
        self._retry(x, n_steps, v, solved)
        return Blocks(start, n_steps, v.real.copy(), v.imag.copy(), solved, self.row_of, iterations)

    def _retry(self, x: Floats, n_steps: int, v: Complexes, solved: NDArray[np.bool_]) -> None:
        """Try unsolved steps with the whole power flow, which has more starts; only so many, for they take long."""
        for step in np.flatnonzero(~solved.ravel()[:n_steps]):
            if self.retries >= MOST_RETRIES:
                return
            self.retries += 1
            block, lane = divmod(int(step), LANES)
            with suppress(PowerFlowError):
                v[block, :, lane] = self.alone.flow(x[block, :, lane], None).v
                solved[block, lane] = True

    def side_by_side(self, x: Floats) -> tuple[Complexes, NDArray[np.bool_], int]:
        """Voltages, whether solved, and iterations of CASES steps; x of shape (n_profile, CASES)."""
        lanes = self.newton.lanes()
        rows, series = self.newton.pattern.row_of, self.series
        lanes.s_pu[rows] = series.fixed_pu[:, None] + series.p_weight @ x + 1j * (series.q_weight @ x)
        solution = self.taps.solve(lanes)[0] if self.taps else self.newton.solve(lanes)
        return solution.v[rows], solution.converged, solution.iterations


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
                flow = self.flow(x[block, :, lane], last)
            except PowerFlowError:
                continue
            v[block, :, lane], solved[block, lane] = flow.v, True
            last, iterations = flow.v, iterations + flow.iterations
        return Blocks(start, n_steps, v.real.copy(), v.imag.copy(), solved, self.row_of, iterations)

    def flow(self, x: Floats, v_start: Complexes | None) -> PowerFlow:
        """The power flow of one step; raises `PowerFlowError`."""
        s = self.series.fixed_pu + self.series.p_weight @ x + 1j * (self.series.q_weight @ x)
        options = replace(self.options, v_start=v_start, start="auto", diagnose=False)
        return solve_power_flow(self.network, replace(self.point, s_pu=s), options)
