"""The iterative-current kernel: many time steps at once through one factorisation.

Every array of state has one row per bus and `LANES` time steps side by side, so that the innermost loops are
plain vector arithmetic.
"""

# mypy: disable-error-code="no-untyped-def"

import numpy as np

from gridjobs_workers.simulation.compiled import compiled

LANES = 32  # time steps side by side; 16 and 64 were slower on 150 and on 10,464 buses


@compiled
def in_blocks(x, blocks):
    """Copy profiles of shape (n_profile, n_step) into (n_block, n_profile, LANES), the last step repeated.

    Returns 0.0 where every value is finite, NaN elsewhere.
    """
    n_step, rest = x.shape[1], 0.0
    for i in range(x.shape[0]):
        for block in range(blocks.shape[0]):
            first = block * LANES
            lanes = min(LANES, n_step - first)
            for k in range(lanes):
                blocks[block, i, k] = x[i, first + k]
            for k in range(lanes, LANES):
                blocks[block, i, k] = x[i, n_step - 1]
            for k in range(LANES):
                rest += blocks[block, i, k] - blocks[block, i, k]
    return rest


@compiled
def solve_blocks(
    p_ptr, p_column, p_weight, p_fixed,
    q_ptr, q_column, q_weight, q_fixed, x,
    l_ptr, l_column, l_re, l_im, d_re, d_im, u_ptr, u_column, u_re, u_im,
    source_re, source_im, start_re, start_im, tolerance, max_iterations, v_re, v_im, solved,
):  # fmt: skip
    """Solve blocks of LANES steps; returns the iterations over all blocks.

    Each iteration turns powers into currents, I = conj(S / V), and solves Y V = I + source (Gauss's method
    with the factorised Z-bus).

    Args:
        p_ptr, p_column, p_weight, p_fixed: Active power, CSR weights by profile and constant, per row.
        q_ptr, q_column, q_weight, q_fixed: Reactive power.
        x: Profiles, shape (n_block, n_profile, LANES).
        l_ptr ... u_im: Factors, see `factors.Factors`.
        source_re, source_im: Current from the references.
        start_re, start_im: Start voltages, shape (n_row,).
        tolerance: Largest error left at any voltage, as far as the contraction tells [p.u.].
        max_iterations: Iterations per block.
        v_re, v_im: Voltages found, shape (n_block, n_row, LANES); written.
        solved: Whether a step converged to finite numbers, shape (n_block, LANES); written.
    """
    n_block, n_row, n_free = v_re.shape[0], v_re.shape[1], len(l_ptr) - 1
    p, q = np.empty((n_free, LANES)), np.empty((n_free, LANES))
    w_re, w_im = np.empty((n_free, LANES)), np.empty((n_free, LANES))
    worst, before, left = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    iterations = 0
    for block in range(n_block):
        re, im = v_re[block], v_im[block]
        _injections(p_ptr, p_column, p_weight, p_fixed, x[block], p)
        _injections(q_ptr, q_column, q_weight, q_fixed, x[block], q)
        for i in range(n_row):
            for k in range(LANES):
                re[i, k] = start_re[i]
                im[i, k] = start_im[i]
        before[:] = 0.0
        for _ in range(max_iterations):
            _forward(l_ptr, l_column, l_re, l_im, source_re, source_im, p, q, re, im, w_re, w_im)
            _backward(u_ptr, u_column, u_re, u_im, d_re, d_im, w_re, w_im, re, im, worst)
            iterations += 1
            _error_left(worst, before, left)
            if left.max() < tolerance:
                break
        _judge(re, im, left, tolerance, solved[block])
    return iterations


@compiled
def _injections(pointers, columns, weights, fixed, x, out):
    """One kind of power of every row in one block."""
    for i in range(out.shape[0]):
        for k in range(LANES):
            out[i, k] = fixed[i]
        for e in range(pointers[i], pointers[i + 1]):
            weight, column = weights[e], columns[e]
            for k in range(LANES):
                out[i, k] += weight * x[column, k]


@compiled
def _forward(pointers, columns, l_re, l_im, source_re, source_im, p, q, re, im, w_re, w_im):
    """Currents of all rows, and L⁻¹ applied to them."""
    for i in range(len(pointers) - 1):
        for k in range(LANES):
            a, b = re[i, k], im[i, k]
            inverse_square = 1.0 / (a * a + b * b)
            w_re[i, k] = (p[i, k] * a + q[i, k] * b) * inverse_square + source_re[i]
            w_im[i, k] = (p[i, k] * b - q[i, k] * a) * inverse_square + source_im[i]
        for e in range(pointers[i], pointers[i + 1]):
            g, h, j = l_re[e], l_im[e], columns[e]
            for k in range(LANES):
                w_re[i, k] -= g * w_re[j, k] - h * w_im[j, k]
                w_im[i, k] -= g * w_im[j, k] + h * w_re[j, k]


@compiled
def _backward(pointers, columns, u_re, u_im, d_re, d_im, w_re, w_im, re, im, worst):
    """New voltages from U V = w, and each step's largest change |Δre| + |Δim|."""
    for k in range(LANES):
        worst[k] = 0.0
    for i in range(len(pointers) - 2, -1, -1):
        g, h = d_re[i], d_im[i]
        for k in range(LANES):
            a = w_re[i, k] * g - w_im[i, k] * h
            w_im[i, k] = w_re[i, k] * h + w_im[i, k] * g
            w_re[i, k] = a
        for e in range(pointers[i], pointers[i + 1]):
            g, h, j = u_re[e], u_im[e], columns[e]
            for k in range(LANES):
                w_re[i, k] -= g * re[j, k] - h * im[j, k]
                w_im[i, k] -= g * im[j, k] + h * re[j, k]
        for k in range(LANES):
            change = abs(w_re[i, k] - re[i, k]) + abs(w_im[i, k] - im[i, k])
            worst[k] = max(worst[k], change)
            re[i, k] = w_re[i, k]
            im[i, k] = w_im[i, k]


@compiled
def _error_left(worst, before, left):
    """What all further iterations would still change, were they to contract as the last one did.

    The method converges linearly: changes c, ρ c, ρ² c ... leave c ρ / (1 - ρ). Where ρ is not small yet the last
    change itself has to do.
    """
    for k in range(LANES):
        ratio = worst[k] / before[k] if before[k] > 0.0 else 1.0
        left[k] = worst[k] * ratio / (1.0 - ratio) if ratio < 0.5 else worst[k]
        before[k] = worst[k]


@compiled
def _judge(re, im, left, tolerance, solved):
    """A step is solved where it came to rest and every voltage is finite (x - x is 0 only then)."""
    rest = np.zeros(LANES)
    for i in range(re.shape[0]):
        for k in range(LANES):
            rest[k] += (re[i, k] - re[i, k]) + (im[i, k] - im[i, k])
    for k in range(LANES):
        solved[k] = left[k] < tolerance and rest[k] == 0.0
