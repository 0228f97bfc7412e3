"""The way round where the fast iteration does not settle: damped steps on the augmented matrix.

Slower (SuperLU with pivoting) but it neither squares the condition of the problem, as normal equations do, nor
depends on a start near the optimum.

References:
    A. Gjelsvik, S. Aam, L. Holten, "Hachtel's augmented matrix method: a rapid method improving numerical stability
    in power system static state estimation", IEEE Trans. PAS-104(11), 1985.
    K. Madsen, H. B. Nielsen, O. Tingleff, "Methods for non-linear least squares problems", DTU 2004, section 3.2.
"""

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import block_array, csr_array, diags_array
from scipy.sparse.linalg import splu

from gridjobs_workers.estimation.errors import NotConverged
from gridjobs_workers.grids.network import Complexes, Floats

if TYPE_CHECKING:
    from gridjobs_workers.estimation.three_phase.phase_model import PhaseModel

_BALANCE = 1e-4  # of the unit block: near the least singular value of A scaled (Björck)
_FIRST_DAMPING = 1e-6
_LEAST_DAMPING = 1e-14  # below it there is none
_MOST_DAMPING = 1e12
_ROUNDING = 1e-8  # steps below it that no longer shrink are rounding


def minimise_damped(
    model: "PhaseModel", v: Complexes, targets: Floats, shifts: Floats, tolerance: float, max_iterations: int
) -> tuple[int, float]:
    """Minimise in place from a state.

    Args:
        model: Measurements and weights.
        v: Voltages by position, start in, solution out.
        targets: Measured values, shape (2 n_pair,).
        shifts: Filled with the multipliers of the exact zeros as shifts, see `newton.linear_step`.
        tolerance: Distance to the optimum that is good enough [rad, relative].
        max_iterations: Bound on the iteration.

    Returns:
        Iterations made and the size of the last step.

    Raises:
        NotConverged: No step makes the objective smaller, or they do not come to an end.
    """
    weights = model.weights.copy()
    last = np.inf
    merit = model.evaluate(v, targets, weights)
    damping, growth, size = _FIRST_DAMPING, 10.0, np.inf
    for iteration in range(1, max_iterations + 1):
        step, multipliers = _step(model, weights, damping)
        size = float(np.abs(step).max(initial=0.0))
        if np.isfinite(size):
            # Straight, not by exp: zeros are linear in the voltages and stay met.
            candidate = v + np.where(model.start.is_phase, v, 1.0) * (step[1::2] + 1j * step[::2])
            there = model.evaluate(candidate, targets, weights)
        if np.isfinite(size) and (there <= merit or size < _ROUNDING):
            v[:], merit = candidate, there
            shifts[:] = -multipliers / model.weights[model.phases.constraint_rows]
            at_rest = size < tolerance or (size < _ROUNDING and size > last / 2)
            if at_rest and damping == 0.0:
                return iteration, size
            last = size
            damping, growth = damping / 100, 10.0
            damping = damping if damping > _LEAST_DAMPING else 0.0
            continue
        damping, growth = max(damping, _LEAST_DAMPING) * growth, 4 * growth
        if damping > _MOST_DAMPING:
            break
        model.evaluate(v, targets, weights)
    raise NotConverged(iteration, size, model.space.residuals[model.phases.row].copy())


def _step(model: "PhaseModel", weights: Floats, damping: float) -> tuple[Floats, Floats]:
    """One damped step and the multipliers of the zeros, from the Jacobian and residuals of the workspace.

    minimise |A x − b|² + damping |D x|² subject to C x = c
    """
    zeros = model.phases.constraint_rows
    jacobian = model.jacobian()
    root = np.sqrt(weights)
    counts = root.copy()
    counts[zeros] = 0.0
    measured = np.flatnonzero(counts)
    a = csr_array(diags_array(root[measured]) @ jacobian[measured])
    b = root[measured] * model.space.residuals[measured]
    exact = jacobian[zeros]
    row_scale = (
        1.0 / np.maximum(abs(exact).max(axis=1).toarray().ravel(), 1e-300) if exact.shape[0] else np.empty(0)
    )
    c = csr_array(diags_array(row_scale) @ exact) if exact.shape[0] else exact
    column = np.sqrt(np.maximum(np.asarray(a.multiply(a).sum(axis=0)).ravel(), 1e-30))
    column = np.maximum(column, 1e-6 * column.max(initial=1.0))
    scale = 1.0 / column
    a, c = csr_array(a * scale), csr_array(c * scale)
    c_scale = 1.0 / np.maximum(abs(c).max(axis=1).toarray().ravel(), 1e-300) if c.shape[0] else np.empty(0)
    c = csr_array(diags_array(c_scale) @ c) if c.shape[0] else c
    n = len(column)
    identity = diags_array(np.full(len(measured), _BALANCE))
    given = np.repeat(model.free == 0, 2) & (np.arange(n) % 2 == 0)
    regular = diags_array(np.where(given, -1.0, -damping / _BALANCE))
    matrix = block_array([[identity, a, None], [a.T, regular, c.T], [None, c, None]], format="csc")
    right = np.concatenate((b, np.zeros(n), c_scale * row_scale * model.space.residuals[zeros]))
    try:
        factor = splu(matrix)
    except RuntimeError:  # exactly singular
        return np.full(n, np.nan), np.zeros(len(c_scale))
    solution = factor.solve(right)
    solution += factor.solve(right - matrix @ solution)
    multipliers = _BALANCE * solution[len(measured) + n :] * c_scale * row_scale
    return solution[len(measured) : len(measured) + n] * scale, multipliers
