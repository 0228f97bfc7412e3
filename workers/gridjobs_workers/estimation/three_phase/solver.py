"""Weighted least squares on one structure: from values and a start to a solution with its covariance.

minimise Σ (z_i − h_i(V))² / σ_i² subject to zero current where no equipment is

Gauss-Newton with three gears: normal equations, rotations where those lose their digits, damped steps where neither
settles.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridjobs_workers.estimation.errors import NotConverged
from gridjobs_workers.estimation.kernels.newton import largest, linear_step
from gridjobs_workers.estimation.three_phase.currents import assumed_axis_rad, without_direction
from gridjobs_workers.estimation.three_phase.damped import minimise_damped
from gridjobs_workers.estimation.three_phase.kernel import moved
from gridjobs_workers.estimation.three_phase.layout import Layout, with_axes
from gridjobs_workers.estimation.three_phase.measurements import PhaseMeasurements
from gridjobs_workers.estimation.three_phase.phase_model import PhaseModel
from gridjobs_workers.estimation.three_phase.start import Start
from gridjobs_workers.estimation.three_phase.terms import Wiring
from gridjobs_workers.grids.network import Complexes, Floats

_LARGEST_STEP = 1.0  # [rad, ln p.u.]: nothing physical moves further at once
_CAREFUL = 0.05  # steps larger than this must shrink
_SHORTEST = 1 / 64  # part of a step below which halving gives up
_LIGHTER = 0.01  # weight of exact zeros in normal equations: multipliers make them exact there
_SMALL_CORRECTION = 1e-3  # relative to the step
_STALLING, _PATIENCE = 0.8, 4  # steps that shrink by less, and how many of them show that digits are lost
_ROUGHLY = 0.03  # how near to come without what has no direction at no load


@dataclass(frozen=True, slots=True)
class Solution:
    """Outcome of one weighted least squares problem.

    Attributes:
        state: Voltage of each phase node by position [p.u.], shape (n_node,).
        residuals: z − h(V) of each measurement, unused ones included, shape (n_measurement,); 0 for a value of NaN.
        objective: J = Σ r²/σ² over the measurements in use.
        iterations: Iterations made.
        step: Largest change of the last one.
    """

    state: Complexes
    residuals: Floats
    objective: float
    iterations: int
    step: float


class Solver(PhaseModel):
    """Solves for any values and any subset of one arrangement of meters. One thread at a time."""

    def __init__(self, wiring: Wiring, measurements: PhaseMeasurements, start: Start) -> None:
        super().__init__(wiring, measurements, start, None)
        self._shifts = np.zeros(2 * self.phases.pairs.n_constraint)
        self._late = without_direction(measurements)
        self._assumed = self.phases
        if self._late.any():
            axis = assumed_axis_rad(wiring, start, measurements)
            self._assumed = with_axes(self.phases, measurements.at, axis)

    def factorise(self, floor: float = 0.0) -> int:  # noqa: ARG002 -- any pivot counts
        """Factorise at the Jacobian at hand, precisely enough for variances; see `orthogonal`."""
        return self.orthogonalise(self.weights)

    def solve(
        self,
        values: Floats,
        start: Complexes | None = None,
        *,
        tolerance: float = 1e-8,
        max_iterations: int = 50,
    ) -> Solution:
        """Minimise from a start, by default the state at no load; Jacobian and factor of the solution stay.

        Args:
            values: Measured values, shape (n_measurement,); those not in use may be NaN.
            start: Voltages by position [p.u.].
            tolerance: Distance to the optimum that is good enough [rad, relative].
            max_iterations: Bound on the iteration.

        Raises:
            NotConverged: The iteration did not settle.
        """
        v = (self.start.v if start is None else start).copy()
        targets = np.zeros(2 * self.phases.n_pair)
        targets[self.phases.row] = np.nan_to_num(values)
        self._shifts[:] = 0.0
        before = 0
        if start is None and (self._late & self.used).any():
            before = self._approach(v, targets, max_iterations)
        iterations, step = self._minimise(v, targets, tolerance, max_iterations)
        self.evaluate(v, targets, self.weights.copy())
        self.factorise()
        residuals = np.where(np.isnan(values), 0.0, self._residuals())
        scaled = residuals[self.used] / self.sigma[self.used]
        return Solution(v, residuals, float(scaled @ scaled), before + iterations, step)

    def _minimise(
        self, v: Complexes, targets: Floats, tolerance: float, max_iterations: int
    ) -> tuple[int, float]:
        """Fast steps; where they do not settle precise ones, then damped ones."""
        begin = v.copy()
        for is_precise in (False, True):
            try:
                return self._iterate(
                    self.phases, v, targets, self.weights, tolerance, max_iterations, is_precise=is_precise
                )
            except NotConverged:
                v[:] = begin
                self._shifts[:] = 0.0
        return minimise_damped(self, v, targets, self._shifts, tolerance, max_iterations)

    def _approach(self, v: Complexes, targets: Floats, max_iterations: int) -> int:
        """Come near without current magnitudes, or, where that is not observable, with assumed directions."""
        without = self.weights.copy()
        without[self.phases.row[self._late]] = 0.0
        begin = v.copy()
        for layout, weights in ((self.phases, without), (self._assumed, self.weights)):
            try:
                return self._iterate(layout, v, targets, weights, _ROUGHLY, max_iterations)[0]
            except NotConverged:
                v[:] = begin
                self._shifts[:] = 0.0
        return 0

    def _iterate(
        self,
        layout: Layout,
        v: Complexes,
        targets: Floats,
        fixed_weights: Floats,
        tolerance: float,
        max_iterations: int,
        *,
        is_precise: bool = False,
    ) -> tuple[int, float]:
        """Gauss-Newton in place, with halved steps where a large one grows (natural monotonicity test)."""
        factorise = self.orthogonalise if is_precise else self.normalise
        weights = fixed_weights.copy()
        if not is_precise:
            weights[self.phases.constraint_rows] *= _LIGHTER
        space, is_phase = self.space, self.start.is_phase
        size, part, stalled = np.inf, 1.0, 0
        last, before = np.zeros_like(space.step), v.copy()
        for iteration in range(1, max_iterations + 1):
            previous, size = size, self._step(layout, v, targets, weights, tolerance, factorise)
            if size > _CAREFUL and not size < 1.5 * previous:
                if part < _SHORTEST or iteration == 1 or not is_precise:
                    raise NotConverged(iteration, size, self._residuals())
                part /= 2
                size = previous
                moved(before, is_phase, last, part, v)
                continue
            stalled = stalled + 1 if size > _STALLING * previous else 0
            if stalled == _PATIENCE:
                raise NotConverged(iteration, size, self._residuals())
            part = min(1.0, _LARGEST_STEP / size) if size > 0 else 1.0
            last[:] = space.step
            before[:] = v
            moved(before, is_phase, last, part, v)
            ratio = min(size / previous, 0.9)
            if (iteration > 1 and size * ratio / (1.0 - ratio) < tolerance) or size < 1e-3 * tolerance:
                return iteration, size
        raise NotConverged(max_iterations, size, self._residuals())

    def _step(
        self,
        layout: Layout,
        v: Complexes,
        targets: Floats,
        weights: Floats,
        tolerance: float,
        factorise: Callable[[Floats], int],
    ) -> float:
        """Solve the problem linearised at v for `space.step` and return its size, inf where that fails."""
        space, pattern, pairs = self.space, self.structure.pattern, self.phases.pairs
        if not self.evaluate(v, targets, weights, layout) < np.inf or factorise(weights):
            return np.inf
        linear_step(pattern, pairs, weights, self._shifts, space, _SMALL_CORRECTION, 0.1 * tolerance)
        size = float(largest(space.step))
        return size if size < np.inf else np.inf

    def _residuals(self) -> Floats:
        residuals: Floats = self.space.residuals[self.phases.row].copy()
        return residuals
