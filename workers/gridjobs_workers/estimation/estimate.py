"""One call from measurements to an estimate that says how far to trust it."""

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from gridjobs_workers.estimation.bad_data import Identified, identify, normalized, threshold
from gridjobs_workers.estimation.check import check
from gridjobs_workers.estimation.critical import Criticality, find_critical, locatable_sigma, noticed_sigma
from gridjobs_workers.estimation.measurements import Measurements
from gridjobs_workers.estimation.options import BadData, Options
from gridjobs_workers.estimation.prepare import prepare
from gridjobs_workers.estimation.quantities import Gauge, Quantities
from gridjobs_workers.estimation.report import BadDataReport, Estimate, MeasurementReport, Status
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.estimation.suspicion import suspect_topology
from gridjobs_workers.estimation.wls import Solution, Solver, State
from gridjobs_workers.grids.network import Floats, Ints, Network

Bools = NDArray[np.bool_]

__all__ = ["Estimate", "Estimator", "estimate"]


def estimate(network: Network, measurements: Measurements, options: Options | None = None) -> Estimate:
    """Estimate the state of a network from one set of measurements.

    Raises:
        ConflictingMeasurements: Measurements contradict exact zeros.
        IslandWithoutReference: An island has no voltage measurement.
        NotObservable: Some buses follow from no measurement.
        NotConverged: No method found the optimum.
        ValueError: The measurements are not fit for the network.
    """
    return Estimator(network, measurements, options).estimate()


class Estimator:
    """Estimates any number of snapshots of one network and one arrangement of meters. One thread at a time.

    Building one checks observability and finds critical measurements; raises what `estimate` raises.

    Attributes:
        limit: Normalized residual from which on a measurement is suspect.
    """

    def __init__(
        self,
        network: Network,
        measurements: Measurements,
        options: Options | None = None,
        structure: Structure | None = None,
    ) -> None:
        self.options = options or Options()
        self.network = network
        check(network, measurements)
        self.prepared = prepare(network, measurements, self.options, structure)
        part = self.prepared.part
        self.solver = Solver(part.network, self.prepared.structure, part.measurements, self.prepared.islands)
        self._gauge = Gauge(part.network, self.prepared.structure)
        self._n_given = len(measurements)
        added = self.options.candidates
        self._measurements = measurements
        if added is not None and len(self.prepared.restored_by):
            self._measurements = Measurements.join((measurements, added.rows(self.prepared.restored_by)))
        chosen = self.options.suspect_from
        self.limit = threshold(len(part.row), self.options.false_alarm) if chosen is None else chosen
        self._is_whole = len(part.row) == len(self._measurements)
        self._criticality = find_critical(self.prepared.unit_model, self.solver.used)

    def estimate(self, values: Floats | None = None, start: State | None = None) -> Estimate:
        """Estimate one snapshot.

        Args:
            values: Values of the measurements given [p.u., rad], shape (n_given,); by default the first ones.
            start: Where to start, e.g. the last snapshot's `state`.

        Raises:
            NotConverged: No method found the optimum.
        """
        solver, options = self.solver, self.options
        values = self.prepared.part.measurements.value if values is None else self.part_values(values)
        solver.use(np.ones(len(values), bool))
        begin = None if start is None else self._inside(start)
        solution = solver.solve(
            values, begin, tolerance=options.tolerance, max_iterations=options.max_iterations
        )
        solver.invert()
        found = self._identify(values, solution)
        return self._report(found)

    def locatable_sigma(self, beside: Ints | None = None) -> Floats:
        """Size of an error [σ] that would be rejected with a probability of 99.9 %, shape (n_measurement,).

        At the last estimate; one linear solve a measurement. inf for critical measurements and sets.

        Args:
            beside: Measurements that are wrong as well, and so of no help; theirs is inf.
        """
        row = self.prepared.part.row
        found = np.full(len(self._measurements), np.inf)
        self.solver.use(~np.isin(row, np.empty(0, np.intp) if beside is None else beside))
        self.solver.factorise()
        self.solver.invert()
        found[row] = locatable_sigma(self.solver, self.limit, self.options.clear_odds)
        return found

    @property
    def is_critical(self) -> Bools:
        """Whether a measurement of the part that is estimated is critical while all are in use."""
        return self._criticality.is_critical

    def part_values(self, values: Floats) -> Floats:
        """Values of the measurements given, as those of the part that is estimated; shape (..., n)."""
        n_more = len(self._measurements) - self._n_given
        added = np.broadcast_to(self._measurements.value[self._n_given :], (*values.shape[:-1], n_more))
        chosen: Floats = np.concatenate((values, added), axis=-1)[..., self.prepared.part.row]
        return chosen

    def _inside(self, state: State) -> State:
        """A state of the whole network cut to the part that is estimated."""
        bus = self.prepared.part.bus
        if len(bus) == self.network.n_bus:
            return state
        return State(state.angle_rad[bus], state.vm_pu[bus])

    def _identify(self, values: Floats, solution: Solution) -> Identified:
        solver, options = self.solver, self.options
        nowhere = np.empty(0, np.intp)
        nothing = Identified(nowhere, nowhere, [], solution, False)
        if options.bad_data is not BadData.REJECT:
            return nothing
        largest = normalized(solution.residuals / solver.sigma, solver.redundancy()).max(initial=0.0)
        multipliers = np.abs(solution.multipliers * solver.multiplier_scale()).max(initial=0.0)
        if max(largest, multipliers) < self.limit:
            return nothing
        return identify(
            solver,
            values,
            solution,
            limit=self.limit,
            most=options.max_rejected,
            odds=options.clear_odds,
            tolerance=options.tolerance,
        )

    def _report(self, found: Identified) -> Estimate:
        solver, solution, part = self.solver, found.solution, self.prepared.part
        report = self._measurement_report(solution, found.rejected)
        n_zero = len(part.measurements.zero_injection)
        freedom = int(solver.used.sum()) + 2 * n_zero - len(found.released) - solver.islands.n_state
        return Estimate(
            quantities=self._whole(self._gauge.measure(solver, solution.state)),
            measurements=report,
            bad_data=self._bad_data_report(found, report),
            objective=solution.objective,
            degrees_of_freedom=freedom,
            chi2_limit=float(chdtri(freedom, 1 - self.options.confidence)) if freedom > 0 else 0.0,
            iterations=solution.iterations,
            step=solution.step,
            islands=solver.islands,
            bus=part.bus,
            observability=self.prepared.observability,
            restored_by=self.prepared.restored_by,
        )

    def _measurement_report(self, solution: Solution, rejected: Ints) -> MeasurementReport:
        solver = self.solver
        criticality = self._criticality_without(rejected)
        redundancy = np.where(criticality.is_critical, 0.0, solver.redundancy())
        scaled = solution.residuals / solver.sigma
        # Of a rejected measurement, estimated without it, 1 + Var(h)/σ² is the variance: 1 / redundancy.
        variance = np.where(solver.used, redundancy, 1.0 / np.maximum(redundancy, 1e-12))
        status = np.where(solver.used, Status.USED, Status.REJECTED)
        return MeasurementReport(
            measurements=self._measurements,
            status=self._spread_integers(status, Status.UNUSED),
            residual_pu=self._spread(solution.residuals),
            normalized_residual=self._spread(normalized(scaled, variance)),
            redundancy=self._spread(redundancy),
            noticed_sigma=self._spread(noticed_sigma(redundancy, self.limit)),
            is_critical=self._spread_integers(criticality.is_critical, 0).astype(bool),
            critical_set=self._spread_integers(criticality.critical_set, -1),
        )

    def _spread(self, values: Floats) -> Floats:
        """Values of the part's measurements among all, NaN elsewhere."""
        if self._is_whole:
            return values
        everywhere = np.full(len(self._measurements), np.nan)
        everywhere[self.prepared.part.row] = values
        return everywhere

    def _spread_integers(self, values: Ints | Bools, elsewhere: int) -> Ints:
        if self._is_whole:
            return values.astype(np.intp)
        everywhere = np.full(len(self._measurements), elsewhere, np.intp)
        everywhere[self.prepared.part.row] = values
        return everywhere

    def _criticality_without(self, rejected: Ints) -> Criticality:
        if not len(rejected):
            return self._criticality
        return find_critical(self.prepared.unit_model, self.solver.used)

    def _bad_data_report(self, found: Identified, report: MeasurementReport) -> BadDataReport:
        part, solver = self.prepared.part, self.solver
        in_doubt = np.concatenate([found.rejected, *found.unlocated]) if found.unlocated else found.rejected
        branches = suspect_topology(part.network, part.measurements, np.unique(in_doubt))
        zeros = np.abs(found.solution.multipliers * solver.multiplier_scale()).reshape(-1, 2)
        is_odd = zeros.max(axis=1, initial=0.0) > self.limit
        is_odd[found.released // 2] = True
        is_suspect = (report.status == Status.USED) & (report.normalized_residual > self.limit)
        return BadDataReport(
            limit=self.limit,
            rejected=part.row[found.rejected],
            unlocated=[part.row[group] for group in found.unlocated],
            released_zero_injections=part.bus[np.unique(solver.layout.zero_bus[found.released // 2])],
            suspects=np.flatnonzero(is_suspect),
            is_exhausted=found.is_exhausted,
            suspect_branches=part.branch[branches],
            suspect_zero_injections=part.bus[solver.layout.zero_bus[is_odd]],
        )

    def _whole(self, quantities: Quantities) -> Quantities:
        """Quantities of a part spread over the whole network."""
        part = self.prepared.part
        if len(part.bus) == self.network.n_bus and len(part.branch) == self.network.n_branch:
            return quantities
        spread = {}
        for entry in fields(Quantities):
            values = getattr(quantities, entry.name)
            at_bus = values.ndim == 1
            shape = (self.network.n_bus,) if at_bus else (self.network.n_branch, 2)
            everywhere = np.full(shape, np.nan)
            everywhere[part.bus if at_bus else part.branch] = values
            spread[entry.name] = everywhere
        return Quantities(**spread)
