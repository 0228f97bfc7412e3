"""One call from measurements to an estimate that says how far to trust it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from gridjobs_workers.estimation.islands import Islands, find_islands
from gridjobs_workers.estimation.measurements import Measurements
from gridjobs_workers.estimation.options import Options
from gridjobs_workers.estimation.quantities import Gauge, Quantities
from gridjobs_workers.estimation.structure import Structure, build_structure
from gridjobs_workers.estimation.wls import Solver, State
from gridjobs_workers.grids.network import Floats, Network

Bools = NDArray[np.bool_]

CONFIDENCE = 0.99  # of the χ² test


@dataclass(frozen=True, slots=True)
class MeasurementReport:
    """What the estimate says about each measurement, shape (n_measurement,) each.

    Attributes:
        residual_pu: Measured less estimated value.
        normalized_residual: |residual| over its standard deviation; 0 for a critical measurement, whose
            residual is zero whatever its error.
        redundancy: Variance of the residual over σ², 0 (critical) to 1 (checked by many others).
    """

    residual_pu: Floats
    normalized_residual: Floats
    redundancy: Floats


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate.

    Attributes:
        quantities: Voltages, powers and currents with their sigmas.
        measurements: What it says about the measurements.
        objective: J, the weighted sum of squared residuals.
        degrees_of_freedom: Measurements and exact zeros in excess of the unknowns.
        chi2_limit: What J exceeds with probability 1 − CONFIDENCE if all errors are as their sigmas say.
        iterations: Iterations made.
        islands: Islands and their references.
    """

    quantities: Quantities
    measurements: MeasurementReport
    objective: float
    degrees_of_freedom: int
    chi2_limit: float
    iterations: int
    islands: Islands

    @property
    def passes_chi2(self) -> bool:
        """Whether J is as small as the sigmas promise."""
        return self.objective <= self.chi2_limit


class Estimator:
    """Estimates any number of snapshots of one network and one arrangement of meters. One thread at a
    time."""

    def __init__(
        self,
        network: Network,
        measurements: Measurements,
        options: Options | None = None,
        structure: Structure | None = None,
    ) -> None:
        self.options = options or Options()
        self.structure = structure or build_structure(network)
        self.measurements = measurements
        self.islands = find_islands(
            network, measurements, self.options.reference_bus, self.options.reference_angle_rad
        )
        self.solver = Solver(network, self.structure, measurements, self.islands)
        self.gauge = Gauge(network, self.structure)

    def estimate(self, values: Floats | None = None, start: State | None = None) -> Estimate:
        """Estimate one snapshot.

        Args:
            values: Measured values [p.u., rad], shape (n_measurement,); by default those given at the
                beginning.
            start: Where to start, e.g. the last snapshot's voltages.

        Raises:
            NotConverged: The iteration did not settle.
        """
        values = self.measurements.value if values is None else values
        solver, sigma = self.solver, self.measurements.sigma
        solution = solver.solve(
            values, start, tolerance=self.options.tolerance, max_iterations=self.options.max_iterations
        )
        solver.covariance()
        redundancy = np.clip(1.0 - solver.estimate_variances() / sigma**2, 0.0, 1.0)
        freedom = int(solver.used.sum()) + 2 * len(self.measurements.zero_injection) - self.islands.n_state
        return Estimate(
            quantities=self.gauge.measure(solver, solution.state),
            measurements=MeasurementReport(
                residual_pu=solution.residuals,
                normalized_residual=normalized(solution.residuals / sigma, redundancy),
                redundancy=redundancy,
            ),
            objective=solution.objective,
            degrees_of_freedom=freedom,
            chi2_limit=float(chdtri(freedom, 1 - CONFIDENCE)) if freedom > 0 else 0.0,
            iterations=solution.iterations,
            islands=self.islands,
        )


def estimate(network: Network, measurements: Measurements, options: Options | None = None) -> Estimate:
    """Estimate the state of a network from one set of measurements."""
    return Estimator(network, measurements, options).estimate()


def normalized(scaled_residuals: Floats, redundancy: Floats) -> Floats:
    """|r| / σ_r from r / σ and the redundancy σ_r² / σ²; 0 where the redundancy is lost in rounding."""
    checked = redundancy > 1e-6
    return np.where(checked, np.abs(scaled_residuals) / np.sqrt(np.where(checked, redundancy, 1.0)), 0.0)
