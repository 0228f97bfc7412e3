"""Statistics and records of chunks as they pass by."""

import numpy as np

from gridjobs_workers.grids.network import Ints, Network
from gridjobs_workers.simulation.limits import Limits
from gridjobs_workers.simulation.power_flow import OperatingPoint
from gridjobs_workers.simulation.time_series.blocks import Blocks, Solver
from gridjobs_workers.simulation.time_series.results import Chunk, SeriesOptions, SeriesSummary
from gridjobs_workers.simulation.time_series.series import InjectionSeries
from gridjobs_workers.simulation.time_series.watch import Watch
from gridjobs_workers.simulation.time_series.watch_kernel import watch_branches, watch_nodes


class Observer:
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
