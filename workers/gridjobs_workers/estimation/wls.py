"""Weighted least squares on one structure: from values and a start to a solution.

minimise Σ (z_i − h_i(x))² / σ_i² subject to zero injection at the buses that have no equipment
"""

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.careful import Problem, solve_carefully
from gridjobs_workers.estimation.currents import assumed_direction_rad
from gridjobs_workers.estimation.islands import Islands
from gridjobs_workers.estimation.kernels import newton
from gridjobs_workers.estimation.layout import build_layout, metered_bus
from gridjobs_workers.estimation.linear import LinearModel
from gridjobs_workers.estimation.measurements import Measurements
from gridjobs_workers.estimation.state import Solution, State
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.estimation.zeros import zero_weights
from gridjobs_workers.grids.network import Floats, Network

Bools = NDArray[np.bool_]

# From no load the first steps go without |I|, whose derivative has no direction while no current flows.
_ROUGHLY = 0.03
_LEAST_REDUNDANCY = 1e-6  # of an exact zero as the gain matrix weighs it; below it is rounding
__all__ = ["Solution", "Solver", "State"]


class Solver(LinearModel):
    """Solves for any values and any subset of one arrangement of meters. One thread at a time."""

    def __init__(
        self, network: Network, structure: Structure, measurements: Measurements, islands: Islands
    ) -> None:
        layout = build_layout(network, structure, measurements)
        zeros = zero_weights(network, structure, layout, measurements)
        self._zero_weights = zeros
        super().__init__(structure, layout, islands, measurements.sigma, zeros)
        self._shifts = np.zeros(2 * layout.pairs.n_constraint)
        # Kept between snapshots: fresh memory costs more than the arithmetic.
        self._targets = np.zeros(2 * layout.n_pair)
        self._theta, self._vm = np.empty(structure.n_bus), np.empty(structure.n_bus)
        self._pinned = np.flatnonzero(self.free == 0)
        self._assumed_axes = layout.axes
        if len(layout.magnitudes):
            self._assumed_axes = self._axes_at_no_load(network, measurements)

    def use(self, chosen: Bools) -> None:
        """Choose the measurements that count; all exact zeros do."""
        super().use(chosen)
        self.weights[self.layout.constraint_rows] = self._zero_weights

    def leave_out(self, everything: Bools, out: frozenset[int]) -> None:
        """Use all of `everything` but some measurements, and release some exact zeros (numbered behind them)."""
        m = len(self.sigma)
        super().leave_out(everything, frozenset(k for k in out if k < m))
        first = self.layout.constraint_rows.start
        self.weights[[first + k - m for k in out if k >= m]] = 0.0

    def judged_residuals(self, solution: Solution) -> Floats:
        """Scaled residuals of the measurements, then normalized multipliers of the exact zeros.

        A multiplier is to an exact zero what the residual is to a measurement: both are linear in the errors, and
        leaving one out lowers J by its square over its variance.

        References:
            K. A. Clements, A. Simões-Costa, "Topology error identification using normalized Lagrange multipliers",
            IEEE Trans. Power Systems 13(2), 1998.
        """
        left, multipliers = self.respond(solution.residuals, solution.zeros_pu)
        return np.concatenate((left / self.sigma, multipliers * self.multiplier_scale()))

    def judged_variances(self) -> Floats:
        """Variances of `judged_residuals`; after `invert`."""
        return np.concatenate((super().judged_variances(), np.sign(self.multiplier_scale())))

    def sensitivity(self, measurement: int) -> Floats:
        """By how much `judged_residuals` change when one errs by one of its units."""
        m, scale = len(self.sigma), self.multiplier_scale()
        error, missing = np.zeros(m), np.zeros(len(scale))
        if measurement < m:
            error[measurement] = self.sigma[measurement]
        else:
            missing[measurement - m] = scale[measurement - m]
        left, multipliers = self.respond(error, missing)
        return np.concatenate((left / self.sigma, multipliers * scale))

    def multiplier_scale(self) -> Floats:
        """1 / σ of each multiplier of an exact zero; 0 where it is critical or released; after `invert`."""
        weights = self.weights[self.layout.constraint_rows]
        redundancy = 1.0 - self.zero_variances() * weights
        checked = (redundancy > _LEAST_REDUNDANCY) & (weights > 0)
        return np.where(checked, 1.0 / np.sqrt(np.where(checked, weights * redundancy, 1.0)), 0.0)

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
        order, islands = self.structure.bus_at, self.islands
        begin = start or State(islands.angle_rad, islands.vm_pu)
        theta, vm = self._theta, self._vm
        np.take(begin.angle_rad, order, out=theta)
        np.take(begin.vm_pu, order, out=vm)
        theta[self._pinned] = islands.angle_rad[order[self._pinned]]
        targets = self._targets
        targets[self.layout.row] = values
        self._shifts[:] = 0.0
        before = 0
        if start is None and len(self.layout.magnitudes):
            before = self._approach(targets, theta, vm, max_iterations)
        status, iterations, step = self._iterate(
            self.layout.axes, targets, self.weights, theta, vm, tolerance, max_iterations
        )
        if status != newton.CONVERGED:
            problem = Problem(self, targets, theta, vm, self._shifts)
            iterations, step = solve_carefully(problem, tolerance, before + iterations)
            before = 0
        residuals = self.space.residuals[self.layout.row]
        return self._solution(theta, vm, residuals, before + iterations, step)

    def _iterate(
        self,
        axes: Floats,
        targets: Floats,
        weights: Floats,
        theta: Floats,
        vm: Floats,
        tolerance: float,
        max_iterations: int,
    ) -> tuple[int, int, float]:
        status, iterations, step, _ = newton.iterate(
            self.structure.pattern, self.layout.pairs, axes, targets, weights, theta, vm, self.free,
            self._shifts, self.space, tolerance, max_iterations,
        )  # fmt: skip
        return status, iterations, step

    def _approach(self, targets: Floats, theta: Floats, vm: Floats, max_iterations: int) -> int:
        """Come near without |I|, or, where that is not observable, with |I| in the directions assumed."""
        begin = theta.copy(), vm.copy()
        without = self.weights.copy()
        without[2 * self.layout.magnitudes] = 0.0
        iterations = 0
        for axes, weights in ((self.layout.axes, without), (self._assumed_axes, self.weights)):
            status, made, _ = self._iterate(axes, targets, weights, theta, vm, _ROUGHLY, max_iterations)
            iterations += made
            if status == newton.CONVERGED:
                return iterations
            theta[:], vm[:] = begin
            self._shifts[:] = 0.0
        return iterations

    def _axes_at_no_load(self, network: Network, measurements: Measurements) -> Floats:
        direction = assumed_direction_rad(network, self.islands, measurements)
        direction = direction + self.islands.angle_rad[metered_bus(network, measurements)]
        axes = self.layout.axes.reshape(-1, 2).copy()
        rows = 2 * self.layout.magnitudes
        angle = np.zeros(len(axes))
        angle[self.layout.row] = direction
        axes[rows] = np.column_stack((np.cos(angle[rows]), np.sin(angle[rows])))
        return axes.ravel()

    def _solution(
        self, theta: Floats, vm: Floats, residuals: Floats, iterations: int, step: float
    ) -> Solution:
        position = self.structure.position
        scaled = residuals[self.used] / self.sigma[self.used]
        return Solution(
            state=State(theta[position], vm[position]),
            residuals=residuals,
            objective=float(np.square(scaled).sum()),  # not BLAS, whose threads would spin
            iterations=iterations,
            step=step,
            multipliers=self._shifts * self.weights[self.layout.constraint_rows],
            zeros_pu=-self.space.values[self.layout.constraint_rows],
        )
