"""Weighted least squares on one structure: from values and a start to a solution.

minimise Σ (z_i − h_i(x))² / σ_i² subject to zero injection at the buses that have no equipment
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.errors import NotConverged
from gridjobs_workers.estimation.islands import Islands
from gridjobs_workers.estimation.kernels import newton
from gridjobs_workers.estimation.kernels.bundles import Workspace
from gridjobs_workers.estimation.kernels.inverse import inverse_subset
from gridjobs_workers.estimation.kernels.variance import pair_covariances
from gridjobs_workers.estimation.layout import Layout, build_layout
from gridjobs_workers.estimation.measurements import Measurements
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.estimation.zeros import zero_weights
from gridjobs_workers.grids.network import Complexes, Floats, Network

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class State:
    """Voltages by bus, shape (n_bus,) each."""

    angle_rad: Floats
    vm_pu: Floats

    def phasor(self) -> Complexes:
        """Complex voltages [p.u.]."""
        v: Complexes = self.vm_pu * np.exp(1j * self.angle_rad)
        return v


@dataclass(frozen=True, slots=True)
class Solution:
    """Outcome of one weighted least squares problem.

    Attributes:
        state: Voltages at the optimum.
        residuals: z − h(x) of each measurement, rejected ones included, shape (n_measurement,).
        objective: J = Σ r²/σ² over the measurements in use.
        iterations: Iterations made.
        step: Largest change of the last one.
        multipliers: Of the exact zeros, (P, Q) each, shape (2 n_zero,).
    """

    state: State
    residuals: Floats
    objective: float
    iterations: int
    step: float
    multipliers: Floats


class Solver:
    """Solves for any values and any subset of one arrangement of meters. One thread at a time."""

    def __init__(
        self, network: Network, structure: Structure, measurements: Measurements, islands: Islands
    ) -> None:
        self.structure = structure
        self.layout: Layout = build_layout(network, structure, measurements)
        self.islands = islands
        self.free = islands.free()[structure.bus_at]
        self.sigma = measurements.sigma
        self.weights = np.zeros(2 * self.layout.n_pair)
        self.weights[self.layout.constraint_rows] = zero_weights(
            network, structure, self.layout, measurements
        )
        self.use(np.ones(len(measurements), bool))
        self.space = _workspace(structure, self.layout)
        self._shifts = np.zeros(2 * self.layout.pairs.n_constraint)

    def use(self, chosen: Bools) -> None:
        """Choose the measurements that count."""
        self.used = chosen
        self.weights[self.layout.row] = np.where(chosen, self.sigma**-2.0, 0.0)

    def solve(
        self,
        values: Floats,
        start: State | None = None,
        *,
        tolerance: float = 1e-8,
        max_iterations: int = 50,
    ) -> Solution:
        """Minimise from a start, by default the state at no load.

        Args:
            values: Measured values, shape (n_measurement,).
            start: Where to start.
            tolerance: Distance to the optimum that is good enough [rad, relative].
            max_iterations: Bound on the iteration.

        Raises:
            NotConverged: The iteration did not settle.
        """
        start = start or State(self.islands.angle_rad, self.islands.vm_pu)
        order = self.structure.bus_at
        theta, vm = start.angle_rad[order], start.vm_pu[order]
        theta = np.where(self.free == 0, self.islands.angle_rad[order], theta)
        targets = np.zeros(2 * self.layout.n_pair)
        targets[self.layout.row] = values
        self._shifts[:] = 0.0
        status, iterations, step, _ = newton.iterate(
            self.structure.pattern, self.layout.pairs, self.layout.axes, targets, self.weights, theta, vm,
            self.free, self._shifts, self.space, tolerance, max_iterations,
        )  # fmt: skip
        residuals = self.space.residuals[self.layout.row]
        if status != newton.CONVERGED:
            raise NotConverged(iterations, step, residuals)
        return self._solution(theta, vm, residuals, iterations, step)

    def _solution(
        self, theta: Floats, vm: Floats, residuals: Floats, iterations: int, step: float
    ) -> Solution:
        position = self.structure.position
        scaled = residuals[self.used] / self.sigma[self.used]
        return Solution(
            state=State(theta[position], vm[position]),
            residuals=residuals,
            objective=float(scaled @ scaled),
            iterations=iterations,
            step=step,
            multipliers=-self._shifts * self.weights[self.layout.constraint_rows],
        )

    def covariance(self) -> None:
        """Invert the gain matrix of the last solution on its pattern, for the methods below."""
        pattern, space = self.structure.pattern, self.space
        inverse_subset(
            pattern.row_starts,
            pattern.columns,
            space.blocks,
            space.inverse_diagonal,
            space.inverse,
            space.work,
        )

    def estimate_variances(self) -> Floats:
        """Variance of each measurement's estimate, shape (n_measurement,); after `covariance`."""
        pairs = self.layout.pairs
        covariances = np.empty(3 * self.layout.n_pair)
        pair_covariances(
            pairs.starts, pairs.slots, pairs.slot_starts, self.space.jacobian, self.space.inverse, covariances
        )
        pair, component = np.divmod(self.layout.row, 2)
        variances: Floats = covariances[3 * pair + 2 * component]
        return variances


def _workspace(structure: Structure, layout: Layout) -> Workspace:
    n, n_block, n_pair = structure.n_bus, structure.n_block, layout.n_pair
    return Workspace(
        jacobian=np.zeros(4 * len(layout.pairs.columns)),
        blocks=np.zeros(4 * (n_block + n)),
        inverse_diagonal=np.zeros(3 * n),
        inverse=np.zeros(4 * (n_block + n)),
        null=np.zeros(2 * n, np.int8),
        work=np.zeros(4 * n),
        values=np.zeros(2 * n_pair),
        residuals=np.zeros(2 * n_pair),
        left=np.zeros(2 * n_pair),
        step=np.zeros(2 * n),
        correction=np.zeros(2 * n),
        moved=np.zeros(2 * n),
    )
