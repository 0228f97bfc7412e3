"""The way to solve the steps of a series."""

from collections.abc import Callable
from dataclasses import replace
from threading import Lock

import numpy as np

from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.blocked_newton.lanes import NotApplicable as NotSideBySide
from gridjobs_workers.simulation.blocked_newton.newton_kernel import CASES
from gridjobs_workers.simulation.power_flow import (
    OperatingPoint,
    PowerFlowError,
    PowerFlowOptions,
    TapChangers,
    solve_power_flow,
)
from gridjobs_workers.simulation.power_flow.check import check
from gridjobs_workers.simulation.power_flow.islands import islands, require_sources
from gridjobs_workers.simulation.power_flow.start import flat_start
from gridjobs_workers.simulation.time_series.blocks import Blocks, Solver
from gridjobs_workers.simulation.time_series.errors import NotApplicable
from gridjobs_workers.simulation.time_series.iterative_current import IterativeCurrent
from gridjobs_workers.simulation.time_series.newton_steps import NewtonSteps, OneByOne
from gridjobs_workers.simulation.time_series.series import InjectionSeries


def solver_for(
    network: Network, point: OperatingPoint, series: InjectionSeries, options: PowerFlowOptions
) -> Solver:
    """The iterative-current method where it fits, else Newton's.

    Raises:
        NoSource: An island has no reference.
        InvalidInput: Numbers that mean nothing.
    """
    if options.taps == "fixed":
        point = replace(point, taps=TapChangers())
    check(network, replace(point, s_pu=series.fixed_pu), options)
    require_sources(islands(network), point.reference_bus)
    try:
        current = IterativeCurrent(network, point, series, options.tolerance_pu)
    except NotApplicable as error:
        return _newton(network, point, series, options, str(error))
    return Repairing(current, lambda: _newton(network, point, series, options, ""))


class Repairing:
    """The iterative-current method, with Newton's for the steps that it does not solve."""

    def __init__(self, current: IterativeCurrent, newton: Callable[[], Solver]) -> None:
        self.current, self.make_newton, self.lock = current, newton, Lock()
        self.made: Solver | None = None
        self.method, self.reason, self.row_of = current.method, current.reason, current.row_of

    def solve(self, x: Floats, start: int, n_steps: int) -> Blocks:
        """Solve the steps of profiles x, shape (n_block, n_profile, LANES)."""
        blocks = self.current.solve(x, start, n_steps)
        failed = np.argwhere(~blocks.solved)
        for some in (failed[first : first + CASES] for first in range(0, len(failed), CASES)):
            self._repair(blocks, x, some[:, 0], some[:, 1])
        return blocks

    @property
    def newton(self) -> Solver:
        """Made when first needed."""
        with self.lock:
            self.made = self.made or self.make_newton()
            return self.made

    def _repair(self, blocks: Blocks, x: Floats, block: Ints, lane: Ints) -> None:
        """Solve up to CASES steps anew."""
        again = np.repeat(x[block[:1], :, lane[:1]], blocks.solved.shape[1], axis=0).T[None]
        again[0, :, : len(block)] = x[block, :, lane].T
        retried = self.newton.solve(again, 0, len(block))
        rows = np.empty_like(blocks.row_of)
        rows[blocks.row_of] = retried.row_of  # rows of the one layout in the other
        for k in np.flatnonzero(retried.solved[0, : len(block)]):
            blocks.v_re[block[k], :, lane[k]] = retried.v_re[0, rows, k]
            blocks.v_im[block[k], :, lane[k]] = retried.v_im[0, rows, k]
            blocks.solved[block[k], lane[k]] = True


def _newton(
    network: Network, point: OperatingPoint, series: InjectionSeries, options: PowerFlowOptions, reason: str
) -> Solver:
    start = _start(network, point, series, options)
    try:
        return NewtonSteps(network, point, series, options, start, reason)
    except NotSideBySide as error:
        reason = f"{reason}; {error}"
    return OneByOne(network, point, series, replace(options, v_start=start), reason)


def _start(
    network: Network, point: OperatingPoint, series: InjectionSeries, options: PowerFlowOptions
) -> Complexes:
    """Voltages of the first step, or the flat start where it has no solution."""
    try:
        first = replace(point, s_pu=series.power(0, 1)[:, 0], taps=TapChangers())
        return solve_power_flow(network, first, replace(options, diagnose=False)).v
    except PowerFlowError:
        return flat_start(network, point)
