"""A whole time series: chunk by chunk, on all cores, with running statistics."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.limits import Limits
from gridjobs_workers.simulation.power_flow import OperatingPoint, PowerFlowOptions
from gridjobs_workers.simulation.time_series.blocks import Blocks, Solver
from gridjobs_workers.simulation.time_series.current_kernel import LANES
from gridjobs_workers.simulation.time_series.series import InjectionSeries
from gridjobs_workers.simulation.time_series.solvers import solver_for
from gridjobs_workers.simulation.time_series.watch import Statistics, Watch
from gridjobs_workers.simulation.time_series.watch_kernel import watch_branches, watch_nodes

CHUNK_BYTES = 2**20  # of voltages: a chunk that stays in the cache is twice as fast
LEAST_BLOCKS = 8  # what the statistics want at once where the cache is too small anyway
PERCENTILES = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)

Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SeriesOptions:
    """How to run a series.

    Attributes:
        tolerance_pu: Largest error of a voltage, of a power with Newton's method [p.u.].
        q_limits: Respect the reactive limits of voltage controls.
        taps: What tap changers do at each step, see `PowerFlowOptions`.
        threads: Threads that solve.
        record_v: Pass |V| of every bus on with each chunk.
        record_loading: Pass the loading of every branch on with each chunk.
        record_angle: Pass voltage angles on with each chunk (slower).
        percentiles: Levels [%].
    """

    tolerance_pu: float = 1e-8
    q_limits: bool = True
    taps: Literal["fixed", "discrete", "continuous"] = "fixed"
    threads: int = 1
    record_v: bool = False
    record_loading: bool = False
    record_angle: bool = False
    percentiles: tuple[float, ...] = PERCENTILES


@dataclass(frozen=True, slots=True)
class Chunk:
    """Results of consecutive steps; NaN where a step is unsolved.

    Attributes:
        start: First step.
        stop: Step after the last one.
        v_pu: |V|, shape (n_bus, stop - start), or (0, 0) where not recorded.
        angle_rad: Angles, likewise.
        loading: Loading of branches as a share of the limit, in p.u. current where a branch has none,
            shape (n_branch, stop - start), or (0, 0).
    """

    start: int
    stop: int
    v_pu: Singles
    angle_rad: Singles
    loading: Singles


@dataclass(frozen=True, slots=True)
class SeriesSummary:
    """What a whole series comes to.

    Attributes:
        v_pu: Statistics of |V| of the buses.
        loading: Statistics of the branches' loading.
        reference_s_pu: Power fed by each reference [p.u.], shape (n_reference, n_step).
        losses_pu: Active losses of all branches [p.u.], shape (n_step,).
        branch_losses_pu: Active losses of each branch summed over the solved steps [p.u.], shape (n_branch,).
        step_v_min_pu: Least |V| of each step, shape (n_step,).
        step_v_max_pu: Greatest |V| of each step.
        step_loading: Greatest loading of each step among branches.
        unsolved: Steps without a solution, shape (n_unsolved,).
        iterations: Iterations per block of LANES steps, mean.
        method: "iterative_current" or "newton".
        reason: Why the iterative-current method did not fit, "" where it did.
    """

    v_pu: Statistics
    loading: Statistics
    reference_s_pu: Complexes
    losses_pu: Floats
    branch_losses_pu: Floats
    step_v_min_pu: Floats
    step_v_max_pu: Floats
    step_loading: Floats
    unsolved: Ints
    iterations: float
    method: str
    reason: str


def run_series(
    network: Network,
    point: OperatingPoint,
    series: InjectionSeries,
    limits: Limits,
    options: SeriesOptions,
    on_chunk: Callable[[Chunk], None] = lambda _: None,
) -> SeriesSummary:
    """Solve every step, watch voltages and loadings, and hand results on chunk by chunk, in order.

    Memory is bounded by the chunks in flight and some 200 MB of histograms, not by the number of steps; an
    exception in `on_chunk` ends the run (that is how a job is cancelled).

    Raises:
        InvalidProfiles: A profile holds something that is not a number.
        PowerFlowError: The grid itself cannot be solved.
    """
    flow = PowerFlowOptions(options.tolerance_pu, q_limits=options.q_limits, taps=options.taps)
    solver = solver_for(network, point, series, flow)
    observer = _Observer(network, point, series, limits, options, solver.row_of)
    for blocks in _in_order(solver, series, options.threads):
        on_chunk(observer.see(blocks))
    return observer.summary(solver)


def _in_order(solver: Solver, series: InjectionSeries, threads: int) -> Iterator[Blocks]:
    """Chunks in order, with at most one more than `threads` of them in flight."""
    per_step = 16 * len(solver.row_of) + 8 * series.p_weight.shape[1]
    n_block = max(LEAST_BLOCKS, min(128, CHUNK_BYTES // (per_step * LANES)))
    starts = range(0, series.n_steps, n_block * LANES)
    with ThreadPoolExecutor(threads, thread_name_prefix="series") as pool:
        ahead: deque[Future[Blocks]] = deque()
        try:
            for start in starts:
                x = series.blocks(start, min(start + n_block * LANES, series.n_steps))
                ahead.append(
                    pool.submit(solver.solve, x, start, min(n_block * LANES, series.n_steps - start))
                )
                if len(ahead) > threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


class _Observer:
    """Sees every chunk once, in order."""

    def __init__(
        self,
        network: Network,
        point: OperatingPoint,
        series: InjectionSeries,
        limits: Limits,
        options: SeriesOptions,
        row_of: Ints,
    ) -> None:
        n = series.n_steps
        self.bus_of = np.argsort(row_of)
        self.from_row, self.to_row = row_of[network.from_bus], row_of[network.to_bus]
        self.branch_order = np.argsort(self.from_row)
        self.network, self.point, self.series = network, point, series
        self.options = options
        self.v = Watch(network.n_bus, origin=0.6, span=0.8)
        self.loading = Watch(network.n_branch, origin=0.0, span=1.0)
        self.v_min_pu, self.v_max_pu = (
            np.array(v, dtype=np.float64) for v in (limits.v_min_pu, limits.v_max_pu)
        )
        limit = np.stack((limits.i_from_pu, limits.i_to_pu))
        # A branch without any limit shows its current; a limit at one end only is that end's.
        limit[:, np.isinf(limit).all(axis=0)] = 1.0
        self.per_limit = 1.0 / limit
        self.most_loading = np.where(np.isinf([limits.i_from_pu, limits.i_to_pu]).all(axis=0), np.inf, 1.0)
        y = np.stack((network.y_ff, network.y_ft, network.y_tf, network.y_tt))
        self.y_re, self.y_im = np.ascontiguousarray(y.real), np.ascontiguousarray(y.imag)
        y_rows = network.admittance()[point.reference_bus]
        self.near = np.unique(y_rows.indices).astype(np.intp)
        self.reference_y = y_rows[:, self.near]
        self.reference_s = np.empty((len(point.reference_bus), n), dtype=np.complex128)
        self.step_v = np.stack((np.full(n, np.inf), np.full(n, -np.inf)))
        self.step_loading = np.stack((np.full(n, np.inf), np.full(n, -np.inf)))
        self.solved = np.zeros(n, dtype=np.bool_)
        self.iterations = self.n_block = 0
        self.losses, self.branch_losses = np.empty(n), np.zeros(network.n_branch)

    def see(self, blocks: Blocks) -> Chunk:
        """Update the statistics; returns what is to be recorded."""
        start, n, options = blocks.start, blocks.n_steps, self.options
        whole = bool(blocks.solved.all()) and n == blocks.solved.size
        blocks.blank_unsolved()
        self.iterations, self.n_block = self.iterations + blocks.iterations, self.n_block + len(blocks.solved)
        span = slice(start, start + n)
        self.solved[span] = blocks.solved.ravel()[:n]
        v_pu = np.empty((self.network.n_bus, n) if options.record_v else (0, 0), dtype=np.float32)
        loading = np.empty((self.network.n_branch, n) if options.record_loading else (0, 0), dtype=np.float32)
        losses = np.zeros(blocks.solved.size)
        self.v.n_event = watch_nodes(
            blocks.v_re,
            blocks.v_im,
            self.bus_of,
            start,
            n,
            whole,
            self.v_min_pu,
            self.v_max_pu,
            *self.v.state,
            *self.step_v[:, span],
            v_pu,
        )
        self.loading.n_event = watch_branches(
            blocks.v_re,
            blocks.v_im,
            self.branch_order,
            self.from_row,
            self.to_row,
            self.y_re,
            self.y_im,
            self.per_limit,
            start,
            n,
            whole,
            self.most_loading,
            *self.loading.state,
            *self.step_loading[:, span],
            losses,
            self.branch_losses,
            loading,
        )
        self.losses[span] = losses[:n]
        self._feed(blocks, span)
        angle = np.angle(blocks.voltages()) if options.record_angle else np.empty((0, 0))
        return Chunk(start, start + n, v_pu, angle.astype(np.float32), loading)

    def _feed(self, blocks: Blocks, span: slice) -> None:
        """Power of the references."""
        v = blocks.voltages(self.near)
        at = np.searchsorted(self.near, self.point.reference_bus)
        self.reference_s[:, span] = v[at] * np.conj(np.asarray(self.reference_y @ v))

    def summary(self, solver: Solver) -> SeriesSummary:
        """Everything seen."""
        n, levels = self.series.n_steps, np.array(self.options.percentiles)
        return SeriesSummary(
            v_pu=self.v.summary(n, levels),
            loading=self.loading.summary(n, levels),
            reference_s_pu=self.reference_s,
            losses_pu=self.losses,
            branch_losses_pu=self.branch_losses,
            step_v_min_pu=np.where(self.solved, self.step_v[0], np.nan),
            step_v_max_pu=np.where(self.solved, self.step_v[1], np.nan),
            step_loading=np.where(self.solved, self.step_loading[1], np.nan),
            unsolved=np.flatnonzero(~self.solved),
            iterations=self.iterations / max(self.n_block, 1),
            method=solver.method,
            reason=solver.reason,
        )
