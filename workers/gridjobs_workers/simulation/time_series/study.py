"""A whole time series: chunk by chunk, on all cores, with running statistics."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from gridjobs_workers.grids.network import Network
from gridjobs_workers.simulation.limits import Limits
from gridjobs_workers.simulation.power_flow import OperatingPoint, PowerFlowOptions
from gridjobs_workers.simulation.time_series.blocks import Blocks, Solver
from gridjobs_workers.simulation.time_series.current_kernel import LANES
from gridjobs_workers.simulation.time_series.observe import Observer
from gridjobs_workers.simulation.time_series.results import Chunk, SeriesOptions, SeriesSummary
from gridjobs_workers.simulation.time_series.series import InjectionSeries
from gridjobs_workers.simulation.time_series.solvers import solver_for

CHUNK_BYTES = 2**20  # of voltages: a chunk that stays in the cache is twice as fast
LEAST_BLOCKS = 8  # what the statistics want at once where the cache is too small anyway


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
    observer = Observer(network, point, series, limits, options, solver.row_of)
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
