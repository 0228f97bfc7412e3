"""One call from measurements to a three-phase estimate that says how far to trust it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from gridjobs_workers.estimation.errors import ConflictingMeasurements
from gridjobs_workers.estimation.estimate import CONFIDENCE, MeasurementReport
from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.estimation.three_phase.findings import Findings, find_bad_data, normalized_residuals
from gridjobs_workers.estimation.three_phase.measurements import MAGNITUDES, PhaseMeasurements
from gridjobs_workers.estimation.three_phase.observability import Completion, complete
from gridjobs_workers.estimation.three_phase.options import PhaseOptions
from gridjobs_workers.estimation.three_phase.quantities import Gauge, PhaseQuantities
from gridjobs_workers.estimation.three_phase.solver import Solver
from gridjobs_workers.estimation.three_phase.start import Start, find_start
from gridjobs_workers.estimation.three_phase.structure import build_structure
from gridjobs_workers.estimation.three_phase.terms import Wiring
from gridjobs_workers.estimation.three_phase.unit_model import UnitModel
from gridjobs_workers.grids.network import Complexes, Floats
from gridjobs_workers.grids.three_phase import ThreePhaseNetwork

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PhaseEstimate:
    """A three-phase estimate.

    Attributes:
        quantities: Voltages, powers and currents of each phase.
        sigmas: Their standard deviations.
        measurements: What it says about the measurements given, NaN residuals where one is not in use.
        used: Whether each measurement counted.
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
    measurements: MeasurementReport
    used: Bools
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
            ConflictingMeasurements: A sigma that is not positive, or a negative magnitude.
            IslandWithoutReference: An island has no voltage measurement.
            PhasesNotObservable: Some conductors follow from no measurement.
        """
        self.options = options or PhaseOptions()
        self.measurements = measurements
        self.given = usable(measurements)
        structure = structure or build_structure(network)
        self.wiring = Wiring(network, structure)
        self.start = find_start(
            network,
            structure,
            measurements.rows(self.given),
            self.options.reference_bus,
            self.options.reference_angle_rad,
        )
        self.model = UnitModel(network, self.wiring, self.start)
        self.completion = complete(self.model, measurements, self.given, self.options)
        restored = self.options.candidates.rows(self.completion.restored) if self.options.candidates else None
        added = [self.completion.assumed, *([restored] if restored else []), self.completion.held]
        self.added = PhaseMeasurements.join([part.without_zeros() for part in added])
        self.solver = Solver(self.wiring, PhaseMeasurements.join((measurements, self.added)), self.start)
        self.gauge = Gauge(self.wiring, self.start)

    def estimate(self, values: Floats | None = None, start: Complexes | None = None) -> PhaseEstimate:
        """Estimate one snapshot.

        Args:
            values: Measured values [p.u., rad], shape (n_measurement,); by default those given at the beginning.
            start: Where to start, e.g. the last estimate's `v`.

        Raises:
            NotConverged: The iteration did not settle.
        """
        values = self.measurements.value if values is None else values
        every = np.concatenate((values, self.added.value))
        solver, options = self.solver, self.options
        solver.use(np.append(self.given & np.isfinite(values), np.ones(len(self.added), bool)))
        solution = solver.solve(
            every, start, tolerance=options.tolerance, max_iterations=options.max_iterations
        )
        solver.invert()
        findings, solution = find_bad_data(solver, every, solution, options)
        quantities, sigmas = self.gauge.measure(solver, solution.state)
        if self.completion.hidden.shape[1]:
            self.gauge.blank_hidden(self.model, self.completion.hidden, quantities, sigmas)
        freedom = int(solver.used.sum()) + 2 * len(solver.phases.zero_bus) - self.start.n_state
        return PhaseEstimate(
            quantities=quantities,
            sigmas=sigmas,
            measurements=self._report(values, solution.residuals),
            used=solver.used[: len(values)].copy(),
            bad_data=findings,
            objective=solution.objective,
            degrees_of_freedom=freedom,
            chi2_limit=float(chdtri(freedom, 1 - CONFIDENCE)) if freedom > 0 else 0.0,
            iterations=solution.iterations,
            start=self.start,
            completion=self.completion,
            v=solution.state,
        )

    def _report(self, values: Floats, residuals: Floats) -> MeasurementReport:
        n = len(values)
        told = np.isfinite(values) & np.isfinite(self.measurements.sigma)
        residual = np.where(told, residuals[:n], np.nan)
        redundancy = np.where(told, self.solver.redundancy()[:n], np.nan)
        return MeasurementReport(
            residual_pu=residual,
            normalized_residual=normalized_residuals(self.solver, residuals)[:n],
            redundancy=redundancy,
        )


def estimate(
    network: ThreePhaseNetwork, measurements: PhaseMeasurements, options: PhaseOptions | None = None
) -> PhaseEstimate:
    """Estimate the three-phase state of a network from one set of measurements."""
    return PhaseEstimator(network, measurements, options).estimate()


def usable(m: PhaseMeasurements) -> Bools:
    """Whether each measurement says anything: a finite value and a finite sigma.

    Raises:
        ConflictingMeasurements: A sigma that is not positive, or a negative magnitude.
    """
    no_spread = np.flatnonzero(~(m.sigma > 0))
    if len(no_spread):
        raise ConflictingMeasurements("a sigma is not positive", no_spread)
    negative = np.flatnonzero(np.isin(m.kind, (Kind.V_MAG, *MAGNITUDES)) & (m.value < 0))
    if len(negative):
        raise ConflictingMeasurements("a magnitude is negative", negative)
    return np.isfinite(m.value) & np.isfinite(m.sigma)
