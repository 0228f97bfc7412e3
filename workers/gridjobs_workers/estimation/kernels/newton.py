"""The Gauss-Newton iteration.

Each step solves the linearised problem min Σ w (r − H x)² subject to C x = d for the exact zeros. They
enter the gain matrix as measurements of moderate weight and are made exact by a multiplier (augmented
Lagrangian), whose update rides on the pass that also corrects the rounding of the normal equations
(corrected seminormal equations).

References:
    A. Monticelli, "State Estimation in Electric Power Systems", Kluwer 1999, chapters 2 and 3.
    Å. Björck, "Stability analysis of the method of seminormal equations", Linear Algebra Appl. 88/89, 1987.
    P. Deuflhard, "Newton Methods for Nonlinear Problems", Springer 2004, section 4.3.
    D. P. Bertsekas, "Constrained Optimization and Lagrange Multiplier Methods", Academic Press 1982,
    chapter 2.
"""

import numpy as np

from gridjobs_workers.estimation.kernels.bundles import Pairs, Pattern, Workspace
from gridjobs_workers.estimation.kernels.factor import factorise, solve
from gridjobs_workers.estimation.kernels.jacobian import evaluate, gain, subtract_linear, weighted_gradient
from gridjobs_workers.estimation.kernels.jit import kernel
from gridjobs_workers.estimation.kernels.types import Floats

CONVERGED = 0
SINGULAR = 1
DIVERGED = 2
EXHAUSTED = 3
INACCURATE = 4

_LARGEST_STEP = 1.0  # [rad, ln p.u.]: nothing physical moves further at once
_CAREFUL = 1e-4  # steps larger than this must shrink
_SLACK = 0.2
_MOST_CORRECTIONS = 8
_SMALL_CORRECTION = 1e-3  # relative to the step
_ROUGH_CORRECTION = 0.1
_ROUGH_CORRECTION = 0.1
_ROUNDING_SIGMAS = 1e-6  # corrections of less are rounding
_SHORTEST = 1 / 64  # part of a step below which halving gives up


@kernel
def residuals_at(
    pairs: Pairs,
    axes: Floats,
    targets: Floats,
    weights: Floats,
    theta: Floats,
    vm: Floats,
    free: Floats,
    space: Workspace,
    with_jacobian: bool,
) -> float:
    """Fill the residuals at a state and return Σ w r²."""
    evaluate(
        pairs.n_voltage,
        pairs.n_power,
        pairs.starts,
        pairs.columns,
        pairs.y_re,
        pairs.y_im,
        pairs.own,
        axes,
        theta,
        vm,
        free,
        space.v_re,
        space.v_im,
        space.values,
        space.jacobian,
        with_jacobian,
    )
    total = 0.0
    for i in range(len(targets)):
        r = targets[i] - space.values[i]
        if i < 2 * pairs.n_voltage and i % 2 == 0:  # an angle counts on the circle
            r -= 2 * np.pi * np.rint(r / (2 * np.pi))
        space.residuals[i] = r
        total += weights[i] * r * r
    return total


@kernel
def factorised(
    pattern: Pattern,
    pairs: Pairs,
    weights: Floats,
    free: Floats,
    space: Workspace,
    smallest: float,
    floor: float,
    stop_at_null: bool,
) -> int:
    """Form and factorise the gain matrix of `space.jacobian`; the number of null pivots."""
    gain(pairs.starts, pairs.slots, pairs.slot_starts, space.jacobian, weights, free, space.blocks)
    return factorise(
        pattern.row_starts,
        pattern.columns,
        pattern.column_starts,
        pattern.column_rows,
        pattern.column_blocks,
        space.blocks,
        space.inverse_diagonal,
        space.work,
        smallest,
        floor,
        space.null,
        stop_at_null,
    )


@kernel
def largest(values: Floats) -> float:
    """Largest magnitude; NaN if there is one."""
    size = 0.0
    for value in values:
        if not (abs(value) <= size):
            size = abs(value)
    return size


@kernel
def dot(a: Floats, b: Floats) -> float:
    """Scalar product."""
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@kernel
def linear_step(
    pattern: Pattern,
    pairs: Pairs,
    weights: Floats,
    shifts: Floats,
    space: Workspace,
    relative: float,
    absolute: float,
) -> bool:
    """Solve the factorised, linearised problem for `space.step`; `shifts` are the multipliers as shifts of
    the zeros.

    Correction passes go on until one changes the step by little, both as a change of the state (relative to
    it or absolute) and in sigmas of the measurements (relative), or by more than the last one did.
    """
    end = 2 * (pairs.n_voltage + pairs.n_power)
    begin = end - 2 * pairs.n_constraint
    for i in range(begin, end):
        space.residuals[i] += shifts[i - begin]
    weighted_gradient(pairs.starts, pairs.columns, space.jacobian, weights, space.residuals, space.step)
    space.correction[:] = space.step
    solve(pattern.row_starts, pattern.columns, space.blocks, space.inverse_diagonal, space.step)
    decrement = np.sqrt(abs(dot(space.correction, space.step)))
    last = np.inf
    for _ in range(_MOST_CORRECTIONS):
        subtract_linear(pairs.starts, pairs.columns, space.jacobian, space.step, space.residuals, space.left)
        for i in range(begin, end):
            unmet = space.left[i] - shifts[i - begin]
            shifts[i - begin] += unmet
            space.residuals[i] += unmet
            space.left[i] += unmet
        weighted_gradient(pairs.starts, pairs.columns, space.jacobian, weights, space.left, space.gradient)
        space.correction[:] = space.gradient
        solve(pattern.row_starts, pattern.columns, space.blocks, space.inverse_diagonal, space.correction)
        in_sigmas = np.sqrt(abs(dot(space.correction, space.gradient)))
        if not (in_sigmas < last):
            return bool(in_sigmas <= max(relative * decrement, _ROUNDING_SIGMAS))
        for i in range(len(space.step)):
            space.step[i] += space.correction[i]
        change = largest(space.correction)
        if change <= max(relative * largest(space.step), absolute) and in_sigmas <= relative * decrement:
            return True
        last = in_sigmas
    return bool(last <= max(relative * decrement, _ROUNDING_SIGMAS))


@kernel
def move(theta: Floats, vm: Floats, step: Floats, part: float) -> None:
    """Move the state by a part of a step."""
    for i in range(len(vm)):
        theta[i] += part * step[2 * i]
        vm[i] *= np.exp(part * step[2 * i + 1])


@kernel
def iterate(
    pattern: Pattern,
    pairs: Pairs,
    axes: Floats,
    targets: Floats,
    weights: Floats,
    theta: Floats,
    vm: Floats,
    free: Floats,
    shifts: Floats,
    space: Workspace,
    tolerance: float,
    max_iterations: int,
) -> tuple[int, int, float, float]:
    """Iterate in place from the state given.

    A large step after which the next one would be larger still is halved (natural monotonicity test).
    Convergence is judged by the distance that is left: an iteration whose steps shrink by a ratio q has
    size · q / (1 − q) to go.

    Args:
        pattern: Pattern of the factor.
        pairs: Measurement pairs.
        axes: Axes of current pairs, see `jacobian.evaluate`.
        targets: Measured values, shape (2 n_pair,).
        weights: 1/σ², 0 where nothing is measured, shape (2 n_pair,).
        theta: Voltage angles [rad], shape (n,); start in, solution out.
        vm: Voltage magnitudes [p.u.], shape (n,); start in, solution out.
        free: 0 where the angle is given, else 1.
        shifts: Multipliers of the exact zeros as shifts, shape (2 n_constraint,); start in, solution out.
        space: Scratch; holds residuals, Jacobian and factor of the solution afterwards.
        tolerance: Distance to the optimum [rad, ln p.u.] that is good enough.
        max_iterations: Bound on the linear solves and halvings.

    Returns:
        Status, iterations, largest change of the last step, Σ w r² at the end.
    """
    size = np.inf
    taken = 1.0  # part of the last step that was taken
    relaxation = 1.0
    accurate = True
    iterations = 0
    while iterations < max_iterations:
        objective = residuals_at(pairs, axes, targets, weights, theta, vm, free, space, True)
        if objective < np.inf:
            if factorised(pattern, pairs, weights, free, space, 1e-15, 0.0, True):
                if iterations == 0:
                    return SINGULAR, iterations, size, objective
                objective = np.inf
            else:
                # Far from the optimum the linearisation is no better than the last step was small.
                relative = min(_ROUGH_CORRECTION, max(_SMALL_CORRECTION, size))
                accurate = linear_step(pattern, pairs, weights, shifts, space, relative, 0.1 * tolerance)
        previous = size
        size = largest(space.step) if objective < np.inf else np.inf
        iterations += 1
        if size > _CAREFUL and not (size < (1.0 + _SLACK - 0.25 * taken) * previous):
            # The last step led away: return half of it and look again.
            if taken < _SHORTEST or iterations == 1:
                return DIVERGED, iterations, size, objective
            taken /= 2
            move(theta, vm, space.moved, -taken)
            size = previous
            continue
        if iterations > 1 and size > 0.5 * previous and dot(space.step, space.moved) < 0.0:
            relaxation = max(0.6 * relaxation, _SHORTEST)  # it swings to and fro
        taken = min(relaxation, 2.0 * taken, _LARGEST_STEP / size)
        space.moved[:] = space.step
        move(theta, vm, space.step, taken)
        ratio = min(size / previous, 0.9)
        if (iterations > 1 and size * ratio / (1.0 - ratio) < tolerance) or size < 1e-3 * tolerance:
            objective = residuals_at(pairs, axes, targets, weights, theta, vm, free, space, False)
            return CONVERGED if accurate else INACCURATE, iterations, size, objective
    objective = residuals_at(pairs, axes, targets, weights, theta, vm, free, space, False)
    return EXHAUSTED, iterations, size, objective
