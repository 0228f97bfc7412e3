"""Weighted least squares on one structure: from values and a start to a solution.

minimise Σ (z_i − h_i(x))² / σ_i² subject to zero injection at the buses that have no equipment
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.currents import assumed_direction_rad
from gridjobs_workers.estimation.errors import NotConverged
from gridjobs_workers.estimation.hachtel import hachtel_step
from gridjobs_workers.estimation.islands import Islands
from gridjobs_workers.estimation.kernels import newton
from gridjobs_workers.estimation.kernels.damped import iterate_damped
from gridjobs_workers.estimation.layout import build_layout, metered_bus
from gridjobs_workers.estimation.linear import LinearModel
from gridjobs_workers.estimation.measurements import Measurements
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.estimation.zeros import zero_weights
from gridjobs_workers.grids.network import Complexes, Floats, Network

Bools = NDArray[np.bool_]

# From no load the first steps go without |I|, whose derivative has no direction while no current flows.
_ROUGHLY = 0.03
_MOST_DAMPED = 300
_MOST_HACHTEL = 30
_LONGEST = 1e6  # [rad, ln p.u.]
_RANGE = 1e10  # of entries of a gain matrix that can still be factorised


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
        residuals: z − h(x) of each measurement, unused ones included, shape (n_measurement,).
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


class Solver(LinearModel):
    """Solves for any values and any subset of one arrangement of meters. One thread at a time."""

    def __init__(
        self, network: Network, structure: Structure, measurements: Measurements, islands: Islands
    ) -> None:
        layout = build_layout(network, structure, measurements)
        zeros = zero_weights(network, structure, layout, measurements)
        super().__init__(structure, layout, islands, measurements.sigma, zeros)
        self._shifts = np.zeros(2 * layout.pairs.n_constraint)
        # Kept between snapshots: fresh memory costs more than the arithmetic.
        self._targets = np.zeros(2 * layout.n_pair)
        self._theta, self._vm = np.empty(structure.n_bus), np.empty(structure.n_bus)
        self._pinned = np.flatnonzero(self.free == 0)
        self._assumed_axes = layout.axes
        if len(layout.magnitudes):
            self._assumed_axes = self._axes_at_no_load(network, measurements)

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
            iterations, step = self._solve_carefully(targets, theta, vm, tolerance, before + iterations)
            before = 0
        residuals = self.space.residuals[self.layout.row]
        return self._solution(theta, vm, residuals, before + iterations, step)

    def _solve_carefully(
        self, targets: Floats, theta: Floats, vm: Floats, tolerance: float, done: int
    ) -> tuple[int, float]:
        """Iterate with damping and, where the normal equations lose too many digits, on Hachtel's matrix.

        Returns:
            Iterations, those done before included, and the last step.
        """
        begin = theta.copy(), vm.copy()
        self._shifts[:] = 0.0
        status, iterations, step = iterate_damped(
            self.structure.pattern, self.layout.pairs, self.layout.axes, targets, self.weights, theta, vm,
            self.free, self._shifts, self.space, tolerance, _MOST_DAMPED,
        )  # fmt: skip
        iterations += done
        if status == newton.CONVERGED and self._is_accurate(targets, theta, vm):
            return iterations, step
        if status != newton.CONVERGED:
            theta[:], vm[:] = begin
        self._shifts[:] = 0.0
        for _ in range(_MOST_HACHTEL):
            iterations += 1
            self._residuals(targets, theta, vm)
            try:
                step = self._move(hachtel_step(self), theta, vm)
            except RuntimeError:  # singular
                break
            if step < tolerance:
                self._residuals(targets, theta, vm)
                self._factorise_roughly()
                return iterations, step
        raise NotConverged(iterations, step, self.space.residuals[self.layout.row])

    def _is_accurate(self, targets: Floats, theta: Floats, vm: Floats) -> bool:
        """Whether the normal equations have digits enough left to tell an optimum."""
        self._residuals(targets, theta, vm)
        pattern, pairs, space = self.structure.pattern, self.layout.pairs, self.space
        shifts = self._shifts.copy()
        is_solved = newton.factorised(pattern, pairs, self.weights, self.free, space, 0.0, 0.0, True) == 0
        accurate = is_solved and newton.linear_step(pattern, pairs, self.weights, shifts, space, 1e-3, 0.0)
        self._residuals(targets, theta, vm)
        return bool(accurate)

    def _factorise_roughly(self) -> None:
        """Leave a factor for variances: the steepest rows weigh less, so that no digits are lost.

        The variances are upper bounds then.
        """
        pairs, space = self.layout.pairs, self.space
        steepness = np.maximum.reduceat(np.abs(space.jacobian), 4 * pairs.starts[:-1])
        level = (self.sigma[self.used] ** -2.0).min(initial=1.0)
        limited = np.minimum(self.weights, _RANGE * level / np.repeat(np.maximum(steepness, 1.0), 2) ** 2)
        newton.factorised(self.structure.pattern, pairs, limited, self.free, space, 0.0, 0.0, False)

    def _residuals(self, targets: Floats, theta: Floats, vm: Floats) -> None:
        newton.residuals_at(
            self.layout.pairs, self.layout.axes, targets, self.weights, theta, vm, self.free, self.space, True
        )

    def _move(self, step: Floats, theta: Floats, vm: Floats) -> float:
        """Move by a step, and return its size; NaN and overlong steps count as singular."""
        size = float(np.abs(step).max())
        if not size < _LONGEST:
            raise RuntimeError("no usable step")
        newton.move(theta, vm, step, min(1.0, 1.0 / size) if size > 1.0 else 1.0)
        return size

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
            multipliers=-self._shifts * self.weights[self.layout.constraint_rows],
        )
