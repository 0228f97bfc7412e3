"""The damped Newton iteration, for problems at which Gauss-Newton steps do not settle.

Damped steps with the whole Hessian of the augmented Lagrangian: slower, but each accepted step lowers it,
so the iteration ends at an optimum wherever the measurements determine one. Gauss-Newton fails where large
residuals meet quantities that are only felt indirectly.

References:
    J. Nocedal, S. J. Wright, "Numerical Optimization", Springer 2006, sections 3.4 and 17.3.
"""

import numpy as np

from gridjobs_workers.estimation.kernels.bundles import Pairs, Pattern, Workspace
from gridjobs_workers.estimation.kernels.curvature import subtract_curvature
from gridjobs_workers.estimation.kernels.factor import factorise, solve
from gridjobs_workers.estimation.kernels.jacobian import gain, weighted_gradient
from gridjobs_workers.estimation.kernels.jit import kernel
from gridjobs_workers.estimation.kernels.newton import (
    CONVERGED,
    EXHAUSTED,
    dot,
    largest,
    move,
    residuals_at,
)
from gridjobs_workers.estimation.kernels.types import Floats

_FIRST_DAMPING = 1e-3
_LEAST_DAMPING = 1e-15
_MOST_DAMPING = 1e8
_FLAT = 1e-13  # decrease of the objective, relative, below which it is at its minimum
_MET = 1e-6  # exact zeros, in the sigmas they weigh with in the gain matrix
_NEARLY_MET = 1e-2  # where rounding allows no better
_MOST_MULTIPLIER_ROUNDS = 30


@kernel
def merit_at(
    pairs: Pairs,
    axes: Floats,
    targets: Floats,
    weights: Floats,
    theta: Floats,
    vm: Floats,
    free: Floats,
    shifts: Floats,
    space: Workspace,
    with_jacobian: bool,
) -> float:
    """Fill the shifted residuals and return Σ w r²."""
    total = residuals_at(pairs, axes, targets, weights, theta, vm, free, space, with_jacobian)
    begin = 2 * (pairs.n_voltage + pairs.n_power - pairs.n_constraint)
    for i in range(len(shifts)):
        r = space.residuals[begin + i]
        space.residuals[begin + i] = r + shifts[i]
        total += weights[begin + i] * (shifts[i] * shifts[i] + 2.0 * r * shifts[i])
    return total


@kernel
def damped_step(
    pattern: Pattern,
    pairs: Pairs,
    weights: Floats,
    free: Floats,
    space: Workspace,
    damping: float,
) -> bool:
    """Solve (Hessian + damping · diag HᵀWH) step = HᵀWr; False where that matrix is not positive definite."""
    gain(pairs.starts, pairs.slots, pairs.slot_starts, space.jacobian, weights, free, space.blocks)
    diagonal = len(space.blocks) - 4 * len(free)
    for i in range(len(free)):
        space.blocks[diagonal + 4 * i] *= 1.0 + damping
        space.blocks[diagonal + 4 * i + 3] *= 1.0 + damping
    subtract_curvature(pairs, weights, space.v_re, space.v_im, free, space.residuals, space.blocks)
    null = factorise(
        pattern.row_starts,
        pattern.columns,
        pattern.column_starts,
        pattern.column_rows,
        pattern.column_blocks,
        space.blocks,
        space.inverse_diagonal,
        space.work,
        0.0,
        0.0,
        space.null,
        True,
    )
    if null:
        space.work[:] = 0.0
        return False
    weighted_gradient(pairs.starts, pairs.columns, space.jacobian, weights, space.residuals, space.gradient)
    space.step[:] = space.gradient
    solve(pattern.row_starts, pattern.columns, space.blocks, space.inverse_diagonal, space.step)
    return True


@kernel
def iterate_damped(
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
) -> tuple[int, int, float]:
    """Iterate in place from the state given; arguments as of `newton.iterate`.

    Returns:
        Status, iterations, largest change of the last step.
    """
    damping = _FIRST_DAMPING
    iterations = 0
    size = np.inf
    last_unmet = np.inf
    begin = 2 * (pairs.n_voltage + pairs.n_power - pairs.n_constraint)
    old_theta = theta.copy()
    old_vm = vm.copy()
    for _ in range(_MOST_MULTIPLIER_ROUNDS):
        at_minimum = False
        while iterations < max_iterations and not at_minimum:
            merit = merit_at(pairs, axes, targets, weights, theta, vm, free, shifts, space, True)
            old_theta[:] = theta
            old_vm[:] = vm
            while iterations < max_iterations:
                iterations += 1
                if damped_step(pattern, pairs, weights, free, space, damping):
                    promised = dot(space.step, space.gradient)
                    size = largest(space.step)
                    if promised <= _FLAT * (1.0 + merit) or size < tolerance:
                        # Too little for the objective to show; the step is the best that is known.
                        move(theta, vm, space.step, 1.0)
                        at_minimum = True
                        break
                    move(theta, vm, space.step, min(1.0, 1.0 / size))
                    found = merit_at(pairs, axes, targets, weights, theta, vm, free, shifts, space, False)
                    if found < merit:
                        damping = max(0.1 * damping, _LEAST_DAMPING)
                        break
                    theta[:] = old_theta
                    vm[:] = old_vm
                    merit = merit_at(pairs, axes, targets, weights, theta, vm, free, shifts, space, True)
                damping *= 10.0
                if damping > _MOST_DAMPING:
                    at_minimum = True
                    break
        residuals_at(pairs, axes, targets, weights, theta, vm, free, space, True)
        unmet = 0.0
        for i in range(len(shifts)):
            r = space.residuals[begin + i]
            unmet = max(unmet, np.sqrt(weights[begin + i]) * abs(r))
            shifts[i] += r
        if not at_minimum:
            break
        if unmet < _MET or (unmet < _NEARLY_MET and unmet > 0.3 * last_unmet):
            return CONVERGED, iterations, size
        last_unmet = unmet
        damping = _FIRST_DAMPING
    return EXHAUSTED, iterations, size
