"""One call from measurements to a three-phase estimate that says how far to trust it."""

from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from gridjobs_workers.estimation.critical import find_critical
from gridjobs_workers.estimation.errors import NotConverged
from gridjobs_workers.estimation.options import OnUnobservable
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.estimation.three_phase.check import usable
from gridjobs_workers.estimation.three_phase.findings import Findings, find_bad_data, normalized_residuals
from gridjobs_workers.estimation.three_phase.held import held_widely
from gridjobs_workers.estimation.three_phase.measurements import PhaseMeasurements
from gridjobs_workers.estimation.three_phase.observability import Completion, complete
from gridjobs_workers.estimation.three_phase.options import PhaseOptions
from gridjobs_workers.estimation.three_phase.quantities import Gauge, PhaseQuantities
from gridjobs_workers.estimation.three_phase.solver import Solver
from gridjobs_workers.estimation.three_phase.start import Start, find_start
from gridjobs_workers.estimation.three_phase.structure import build_structure
from gridjobs_workers.estimation.three_phase.terms import Wiring
from gridjobs_workers.estimation.three_phase.unit_model import UnitModel
from gridjobs_workers.grids.network import Complexes, Floats, Ints
from gridjobs_workers.grids.three_phase import ThreePhaseNetwork

Bools = NDArray[np.bool_]


CONFIDENCE = 0.99  # of the χ² test


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """What the estimate says about each measurement, shape (n_measurement,) each.

    Attributes:
        residual_pu: Measured less estimated value; NaN where nothing was measured.
        normalized_residual: |residual| over its standard deviation; 0 where nothing checks the measurement.
        redundancy: Variance of the residual over σ², 0 (critical) to 1 (checked by many others).
        is_used: Whether it counted in the end.
        is_critical: Whether the network is not observable without it: no error of it can be noticed.
        critical_set: Number of the set in which an error is noticed but cannot be located, -1 for none.
    """

    residual_pu: Floats
    normalized_residual: Floats
    redundancy: Floats
    is_used: Bools
    is_critical: Bools
    critical_set: Ints


@dataclass(frozen=True, slots=True)
class PhaseEstimate:
    """A three-phase estimate.

    Attributes:
        quantities: Voltages, powers and currents of each phase.
        sigmas: Their standard deviations.
        measurements: What it says about the measurements given.
        bad_data: Gross errors.
        objective: J, the weighted sum of squared residuals.
        degrees_of_freedom: Measurements and exact zeros in excess of the unknowns.
        chi2_limit: What J exceeds with probability 1 − CONFIDENCE if all errors are as their sigmas say.
        iterations: Iterations made.
        start: Islands and their references.
        completion: What was assumed, restored or held.
        v: Voltage of each phase node [p.u.], in elimination order: the next snapshot's start.
    """

    quantities: PhaseQuantities
    sigmas: PhaseQuantities
    measurements: PhaseReport
    bad_data: Findings
    objective: float
    degrees_of_freedom: int
    chi2_limit: float
    iterations: int
    start: Start
    completion: Completion
    v: Complexes = field(repr=False)

    @property
    def passes_chi2(self) -> bool:
        """Whether J is as small as the sigmas promise."""
        return self.objective <= self.chi2_limit


class PhaseEstimator:
    """Estimates any number of snapshots of one network and one arrangement of meters. One thread at a time."""

    def __init__(
        self,
        network: ThreePhaseNetwork,
        measurements: PhaseMeasurements,
        options: PhaseOptions | None = None,
        structure: Structure | None = None,
    ) -> None:
        """Prepare.

        Raises:
            ConflictingMeasurements: A sigma that is not positive, a negative magnitude, or equipment measured to
                feed where none is taken to be.
            ValueError: A measurement of something that does not exist.
            IslandWithoutReference: An island has no voltage measurement; with REQUIRE.
            PhasesNotObservable: Some conductors follow from no measurement.
        """
        self.options = options or PhaseOptions()
        self.measurements = measurements
        self.given = usable(network, measurements)
        structure = structure or build_structure(network)
        self.wiring = Wiring(network, structure)
        self.start = find_start(
            network,
            structure,
            measurements.rows(self.given),
            self.options.reference_bus,
            self.options.reference_angle_rad,
            require_voltages=self.options.observability == OnUnobservable.REQUIRE,
        )
        self.model = UnitModel(network, self.wiring, self.start)
        self.gauge = Gauge(self.wiring, self.start)
        self._arrange(complete(self.model, measurements, self.given, self.options))

    def _arrange(self, completion: Completion) -> None:
        self.completion = completion
        candidates = self.options.candidates
        restored = [] if candidates is None else [candidates.rows(completion.restored)]
        parts = [completion.assumed, *restored, completion.held]
        self.added = PhaseMeasurements.join([part.without_zeros() for part in parts])
        every = PhaseMeasurements.join((self.measurements, self.added))
        self.solver = Solver(self.wiring, every, self.start)
        self.seen = self.model.seen(every)
        self._judged = np.empty(0, bool)

    def estimate(self, values: Floats | None = None, start: Complexes | None = None) -> PhaseEstimate:
        """Estimate one snapshot.

        Args:
            values: Measured values [p.u., rad], shape (n_measurement,); by default those given at the beginning.
            start: Where to start, e.g. the last estimate's `v`.

        Raises:
            NotConverged: The iteration did not settle.
        """
        values = self.measurements.value if values is None else values
        try:
            return self._estimate(values, start)
        except NotConverged:
            if not self.completion.is_minimal:
                raise
            # What little is held forces the rest to extremes: hold all that nobody measures.
            held = held_widely(self.model, self.measurements, self.given, self.completion.held)
            self._arrange(replace(self.completion, held=held, is_minimal=False))
            return self._estimate(values, start)

    def _estimate(self, values: Floats, start: Complexes | None) -> PhaseEstimate:
        every = np.concatenate((values, self.added.value))
        solver, options = self.solver, self.options
        solver.use(np.append(self.given & np.isfinite(values), np.ones(len(self.added), bool)))
        solution = solver.solve(
            every, start, tolerance=options.tolerance, max_iterations=options.max_iterations
        )
        solver.invert()
        findings, solution = find_bad_data(solver, every, solution, options)
        quantities, sigmas = self.gauge.measure(solver, solution.state)
        if len(self.completion.held):
            held = np.arange(len(every) - len(self.completion.held), len(every))
            self.gauge.blank_hidden(solver, held, self.completion.is_minimal, quantities, sigmas)
        freedom = int(solver.used.sum()) + 2 * len(solver.phases.zero_bus) - self.start.n_state
        return PhaseEstimate(
            quantities=quantities,
            sigmas=sigmas,
            measurements=self._report(values, solution.residuals),
            bad_data=findings,
            objective=solution.objective,
            degrees_of_freedom=freedom,
            chi2_limit=float(chdtri(freedom, 1 - CONFIDENCE)) if freedom > 0 else 0.0,
            iterations=solution.iterations,
            start=self.start,
            completion=self.completion,
            v=solution.state,
        )

    def _report(self, values: Floats, residuals: Floats) -> PhaseReport:
        n = len(values)
        used = self.solver.used
        if not np.array_equal(used, self._judged):
            self._criticality, self._judged = find_critical(cast("Any", self.seen), used), used.copy()
        told = np.isfinite(values) & np.isfinite(self.measurements.sigma)
        residual = np.where(told, residuals[:n], np.nan)
        redundancy = np.where(told, self.solver.redundancy()[:n], np.nan)
        return PhaseReport(
            residual_pu=residual,
            normalized_residual=normalized_residuals(self.solver, residuals)[:n],
            redundancy=redundancy,
            is_used=used[:n].copy(),
            is_critical=self._criticality.is_critical[:n],
            critical_set=self._criticality.critical_set[:n],
        )


def estimate(
    network: ThreePhaseNetwork, measurements: PhaseMeasurements, options: PhaseOptions | None = None
) -> PhaseEstimate:
    """Estimate the three-phase state of a network from one set of measurements."""
    return PhaseEstimator(network, measurements, options).estimate()
