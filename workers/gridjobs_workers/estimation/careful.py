"""Slower ways to the optimum, for problems at which the fast iteration gives up."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.estimation.errors import NotConverged
from gridjobs_workers.estimation.hachtel import hachtel_step
from gridjobs_workers.estimation.kernels import newton
from gridjobs_workers.estimation.kernels.damped import iterate_damped
from gridjobs_workers.estimation.linear import LinearModel
from gridjobs_workers.grids.network import Floats

MOST_DAMPED = 300
MOST_HACHTEL = 30
_LONGEST = 1e6  # [rad, ln p.u.]
_RANGE = 1e10  # of entries of a gain matrix that can still be factorised


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem and its state by position, changed in place.

    Attributes:
        model: Measurements, weights and scratch.
        targets: Measured values by row, shape (2 n_pair,).
        theta: Voltage angles [rad], shape (n_bus,).
        vm: Voltage magnitudes [p.u.], shape (n_bus,).
        shifts: Multipliers of the exact zeros as shifts.
    """

    model: LinearModel
    targets: Floats
    theta: Floats
    vm: Floats
    shifts: Floats

    def evaluate(self) -> None:
        """Fill residuals and Jacobian."""
        m = self.model
        newton.residuals_at(
            m.layout.pairs, m.layout.axes, self.targets, m.weights, self.theta, self.vm, m.free, m.space, True
        )


def solve_carefully(problem: Problem, tolerance: float, done: int) -> tuple[int, float]:
    """Iterate with damping and, where the normal equations lose too many digits, on Hachtel's matrix.

    Args:
        problem: The problem; its state is the start in and the solution out.
        tolerance: Distance to the optimum that is good enough [rad, ln p.u.].
        done: Iterations done before.

    Returns:
        Iterations, those done before included, and the last step.

    Raises:
        NotConverged: Neither method settled.
    """
    model = problem.model
    begin = problem.theta.copy(), problem.vm.copy()
    problem.shifts[:] = 0.0
    status, made, step = iterate_damped(
        model.structure.pattern, model.layout.pairs, model.layout.axes, problem.targets, model.weights,
        problem.theta, problem.vm, model.free, problem.shifts, model.space, tolerance, MOST_DAMPED,
    )  # fmt: skip
    if status == newton.CONVERGED and _is_accurate(problem):
        return done + made, step
    if status != newton.CONVERGED:
        problem.theta[:], problem.vm[:] = begin
    problem.shifts[:] = 0.0
    for iteration in range(done + made + 1, done + made + MOST_HACHTEL + 1):
        problem.evaluate()
        try:
            step = _move(problem, hachtel_step(model))
        except RuntimeError:  # singular
            break
        if step < tolerance:
            problem.evaluate()
            _factorise_roughly(model)
            return iteration, step
    raise NotConverged(done + made, step, model.space.residuals[model.layout.row])


def _is_accurate(problem: Problem) -> bool:
    """Whether the normal equations have digits enough left to tell an optimum."""
    problem.evaluate()
    model = problem.model
    pattern, pairs, space = model.structure.pattern, model.layout.pairs, model.space
    shifts = problem.shifts.copy()
    if newton.factorised(pattern, pairs, model.weights, model.free, space, 0.0, 0.0, True):
        return False
    accurate = newton.linear_step(pattern, pairs, model.weights, shifts, space, 1e-3, 0.0)
    problem.evaluate()
    return accurate


def _move(problem: Problem, step: Floats) -> float:
    """Move by a step, and return its size; NaN and overlong steps count as singular."""
    size = float(np.abs(step).max())
    if not size < _LONGEST:
        raise RuntimeError("no usable step")
    newton.move(problem.theta, problem.vm, step, 1.0 / max(size, 1.0))
    return size


def _factorise_roughly(model: LinearModel) -> None:
    """Leave a factor for variances: the steepest rows weigh less, so that no digits are lost.

    The variances are upper bounds then.
    """
    pairs, space = model.layout.pairs, model.space
    steepness = np.maximum.reduceat(np.abs(space.jacobian), 4 * pairs.starts[:-1])
    level = (model.sigma[model.used] ** -2.0).min(initial=1.0)
    limited = np.minimum(model.weights, _RANGE * level / np.repeat(np.maximum(steepness, 1.0), 2) ** 2)
    newton.factorised(model.structure.pattern, pairs, limited, model.free, space, 0.0, 0.0, False)
