"""Newton's method on many cases of one network at once.

Cases differ in values (powers, admittances, what a bus holds), never in pattern, and stand side by side in
`CASES` lanes. Unknowns are θ and ln |V| of every bus; the Jacobian is a sparse matrix of 2 × 2 blocks, eliminated
without pivoting in the pattern's order. A row whose equation is off (`p_on` or `q_on` 0) becomes the identity.

A voltage held from afar is a row of its own behind its buses: its first equation is ln |V| of the regulated bus,
its first unknown the reactive power that its machines share; its second ones are idle.
"""

# mypy: disable-error-code="no-untyped-def"

import numpy as np

from gridjobs_workers.simulation.compiled import compiled

CASES = 16
LONGEST_STEP = 0.5  # of |dθ + j d ln |V||


@compiled
def newton(
    y_ptr, y_col, l_ptr, l_col, u_ptr, u_col, x_ptr, x_col, x_member, is_held, y_re, y_im, p, q, p_current,
    q_current, p_on, q_on, per_v2, share, shared, alpha, reference, v_re, v_im, s_re, s_im, work, upper, inverse,
    rhs, tolerance, max_iterations, worst, surplus,
):  # fmt: skip
    """Iterate until every case converged, diverged or ran out of iterations; returns the iterations.

    Args:
        y_ptr ... u_col: See `pattern.Pattern`.
        x_ptr, x_col, x_member: CSR of what ties voltages held from afar to buses: in such a row the regulated bus
            (member -1), in a machine's row the voltage that it helps to hold, and its row in `share`.
        is_held: Rows that are voltages held from afar, shape (n_row,).
        y_re, y_im: Admittances, shape (n_entry, CASES).
        p, q: Power into the network, shape (n_row, CASES).
        p_current, q_current: Part of it that grows with |V|, at 1 p.u., shape (n_row,).
        p_on: 0 where a bus holds its angle, else 1; shape (n_row, CASES).
        q_on: 0 where a bus holds its magnitude, else 1.
        per_v2: 1 / |V|² of the buses that hold it, and of voltages held from afar.
        share: Part of each machine in the voltage that it helps to hold, shape (n_member, CASES).
        shared: Reactive power that machines share, in the rows of their voltages, shape (n_row, CASES); start,
            then solution.
        alpha: Share of each bus in what the reference would feed; all 0 in a case with a single slack.
        reference: Row of the reference that `alpha` relieves, shape (CASES,).
        v_re, v_im: Start, then solution, shape (n_row, CASES).
        s_re, s_im: Power into the network at the solution; written.
        work, upper, inverse, rhs: Space of shape (n_row, 4), (n_upper, 4), (n_row, 4), (n_row, 2) × CASES.
        tolerance: Largest mismatch [p.u.].
        worst: Largest mismatch of each case, shape (CASES,); NaN where it diverged; written.
        surplus: Power spread by `alpha`, shape (CASES,); written.
    """
    surplus[:] = 0.0
    spread = alpha.sum(axis=0) > 0.0
    for iteration in range(max_iterations + 1):
        _powers(y_ptr, y_col, y_re, y_im, v_re, v_im, s_re, s_im)
        for k in range(CASES):
            if spread[k]:
                r = reference[k]
                surplus[k] += s_re[r, k] - p[r, k] - alpha[r, k] * surplus[k]
        _mismatch(
            x_ptr, x_col, x_member, p, q, p_current, q_current, p_on, q_on, per_v2, share, shared, alpha, surplus,
            v_re, v_im, s_re, s_im, rhs, worst,
        )  # fmt: skip
        going = 0
        for k in range(CASES):
            if worst[k] >= tolerance:  # False for NaN: a diverged case keeps nobody waiting
                going += 1
        if going == 0 or iteration == max_iterations:
            return iteration
        _eliminate(
            y_ptr, y_col, l_ptr, l_col, u_ptr, u_col, x_ptr, x_col, x_member, y_re, y_im, p_current, q_current,
            p_on, q_on, share, v_re, v_im, s_re, s_im, work, upper, inverse, rhs,
        )  # fmt: skip
        _substitute(u_ptr, u_col, upper, rhs)
        _advance(rhs, is_held, v_re, v_im, shared)
    return max_iterations


@compiled
def _powers(y_ptr, y_col, y_re, y_im, v_re, v_im, s_re, s_im):
    """S = V conj(Y V)."""
    i_re, i_im = np.empty(CASES), np.empty(CASES)
    for i in range(len(y_ptr) - 1):
        i_re[:] = 0.0
        i_im[:] = 0.0
        for e in range(y_ptr[i], y_ptr[i + 1]):
            j = y_col[e]
            for k in range(CASES):
                i_re[k] += y_re[e, k] * v_re[j, k] - y_im[e, k] * v_im[j, k]
                i_im[k] += y_re[e, k] * v_im[j, k] + y_im[e, k] * v_re[j, k]
        for k in range(CASES):
            s_re[i, k] = v_re[i, k] * i_re[k] + v_im[i, k] * i_im[k]
            s_im[i, k] = v_im[i, k] * i_re[k] - v_re[i, k] * i_im[k]


@compiled
def _mismatch(
    x_ptr, x_col, x_member, p, q, p_current, q_current, p_on, q_on, per_v2, share, shared, alpha, surplus,
    v_re, v_im, s_re, s_im, rhs, worst,
):  # fmt: skip
    """What each equation lacks, negative, and the largest of each case; NaN stays NaN."""
    worst[:] = 0.0
    rest = np.zeros(CASES)
    for i in range(len(s_re)):
        for k in range(CASES):
            square = v_re[i, k] * v_re[i, k] + v_im[i, k] * v_im[i, k]
            v = np.sqrt(square)
            dp = p_on[i, k] * (p[i, k] + p_current[i] * v + alpha[i, k] * surplus[k] - s_re[i, k])
            dq = q_on[i, k] * (q[i, k] + q_current[i] * v - s_im[i, k])
            # ln (target / |V|) by its first term; the others die with the mismatch.
            dq += (1.0 - q_on[i, k]) * 0.5 * (1.0 - square * per_v2[i, k])
            rhs[i, 0, k] = dp
            rhs[i, 1, k] = dq
        for e in range(x_ptr[i], x_ptr[i + 1]):
            j, m = x_col[e], x_member[e]
            for k in range(CASES):
                if m < 0:
                    square = v_re[j, k] * v_re[j, k] + v_im[j, k] * v_im[j, k]
                    rhs[i, 0, k] = p_on[i, k] * 0.5 * (1.0 - square * per_v2[i, k])
                    rhs[i, 1, k] = 0.0
                else:
                    rhs[i, 1, k] += q_on[i, k] * share[m, k] * shared[j, k]
        for k in range(CASES):
            dp, dq = rhs[i, 0, k], rhs[i, 1, k]
            worst[k] = max(worst[k], max(abs(dp), abs(dq)))
            rest[k] += (dp - dp) + (dq - dq)
    for k in range(CASES):
        worst[k] += rest[k]


@compiled
def _eliminate(
    y_ptr, y_col, l_ptr, l_col, u_ptr, u_col, x_ptr, x_col, x_member, y_re, y_im, p_current, q_current,
    p_on, q_on, share, v_re, v_im, s_re, s_im, work, upper, inverse, rhs,
):  # fmt: skip
    """Factorise the Jacobian row by row and carry the right-hand side along."""
    for i in range(len(y_ptr) - 1):
        for e in range(l_ptr[i], l_ptr[i + 1]):
            work[l_col[e]] = 0.0
        for e in range(u_ptr[i], u_ptr[i + 1]):
            work[u_col[e]] = 0.0
        work[i] = 0.0
        for e in range(y_ptr[i], y_ptr[i + 1]):
            _jacobian_block(
                y_re[e],
                y_im[e],
                v_re[i],
                v_im[i],
                v_re[y_col[e]],
                v_im[y_col[e]],
                p_on[i],
                q_on[i],
                work[y_col[e]],
            )
        _own_terms(p_current[i], q_current[i], p_on[i], q_on[i], v_re[i], v_im[i], s_re[i], s_im[i], work[i])
        for e in range(x_ptr[i], x_ptr[i + 1]):
            out, m = work[x_col[e]], x_member[e]
            for k in range(CASES):
                if m < 0:
                    out[1, k] += p_on[i, k]
                else:
                    out[2, k] -= q_on[i, k] * share[m, k]
        for e in range(l_ptr[i], l_ptr[i + 1]):
            j = l_col[e]
            _subtract_vector(work[j], rhs[j], rhs[i])
            for f in range(u_ptr[j], u_ptr[j + 1]):
                _subtract_product(work[j], upper[f], work[u_col[f]])
        _invert(work[i], inverse[i])
        _scale_vector(inverse[i], rhs[i])
        for f in range(u_ptr[i], u_ptr[i + 1]):
            _product(inverse[i], work[u_col[f]], upper[f])


@compiled
def _jacobian_block(y_re, y_im, a_re, a_im, b_re, b_im, p_on, q_on, out):
    """Derivatives of P_i and Q_i by θ_j and ln |V_j| from T = V_i conj(Y_ij V_j)."""
    for k in range(CASES):
        i_re = y_re[k] * b_re[k] - y_im[k] * b_im[k]
        i_im = y_re[k] * b_im[k] + y_im[k] * b_re[k]
        t_re = a_re[k] * i_re + a_im[k] * i_im
        t_im = a_im[k] * i_re - a_re[k] * i_im
        out[0, k] = p_on[k] * t_im
        out[1, k] = p_on[k] * t_re
        out[2, k] = -q_on[k] * t_re
        out[3, k] = q_on[k] * t_im


@compiled
def _own_terms(p_current, q_current, p_on, q_on, v_re, v_im, s_re, s_im, out):
    """What the diagonal block has besides T_ii: the bus's power, its loads' slope, or the identity."""
    for k in range(CASES):
        v = np.sqrt(v_re[k] * v_re[k] + v_im[k] * v_im[k])
        out[0, k] += 1.0 - p_on[k] - p_on[k] * s_im[k]
        out[1, k] += p_on[k] * (s_re[k] - p_current * v)
        out[2, k] += q_on[k] * s_re[k]
        out[3, k] += 1.0 - q_on[k] + q_on[k] * (s_im[k] - q_current * v)


@compiled
def _subtract_product(a, b, out):
    """out -= a b for 2 × 2 blocks."""
    for k in range(CASES):
        a0, a1, a2, a3 = a[0, k], a[1, k], a[2, k], a[3, k]
        b0, b1, b2, b3 = b[0, k], b[1, k], b[2, k], b[3, k]
        out[0, k] -= a0 * b0 + a1 * b2
        out[1, k] -= a0 * b1 + a1 * b3
        out[2, k] -= a2 * b0 + a3 * b2
        out[3, k] -= a2 * b1 + a3 * b3


@compiled
def _product(a, b, out):
    """out = a b for 2 × 2 blocks."""
    for k in range(CASES):
        a0, a1, a2, a3 = a[0, k], a[1, k], a[2, k], a[3, k]
        b0, b1, b2, b3 = b[0, k], b[1, k], b[2, k], b[3, k]
        out[0, k] = a0 * b0 + a1 * b2
        out[1, k] = a0 * b1 + a1 * b3
        out[2, k] = a2 * b0 + a3 * b2
        out[3, k] = a2 * b1 + a3 * b3


@compiled
def _subtract_vector(a, x, out):
    """out -= a x."""
    for k in range(CASES):
        x0, x1 = x[0, k], x[1, k]
        out[0, k] -= a[0, k] * x0 + a[1, k] * x1
        out[1, k] -= a[2, k] * x0 + a[3, k] * x1


@compiled
def _scale_vector(a, x):
    """x = a x."""
    for k in range(CASES):
        x0, x1 = x[0, k], x[1, k]
        x[0, k] = a[0, k] * x0 + a[1, k] * x1
        x[1, k] = a[2, k] * x0 + a[3, k] * x1


@compiled
def _invert(a, out):
    """out = a⁻¹; infinite where singular, which shows as NaN in the case."""
    for k in range(CASES):
        scale = 1.0 / (a[0, k] * a[3, k] - a[1, k] * a[2, k])
        out[0, k] = a[3, k] * scale
        out[1, k] = -a[1, k] * scale
        out[2, k] = -a[2, k] * scale
        out[3, k] = a[0, k] * scale


@compiled
def _substitute(u_ptr, u_col, upper, rhs):
    """Back substitution; the step replaces the right-hand side."""
    for i in range(len(u_ptr) - 2, -1, -1):
        for f in range(u_ptr[i], u_ptr[i + 1]):
            _subtract_vector(upper[f], rhs[u_col[f]], rhs[i])


@compiled
def _advance(step, is_held, v_re, v_im, shared):
    """V ← V exp(d ln |V| + j dθ), by its series, with steps cut to a length where that holds."""
    longest = np.zeros(CASES)
    for i in range(len(step)):
        if is_held[i]:
            continue
        for k in range(CASES):
            longest[k] = max(longest[k], abs(step[i, 0, k]) + abs(step[i, 1, k]))
    for k in range(CASES):
        longest[k] = min(1.0, LONGEST_STEP / max(longest[k], 1e-300))
    for i in range(len(step)):
        if is_held[i]:
            for k in range(CASES):
                shared[i, k] += longest[k] * step[i, 0, k]
            continue
        for k in range(CASES):
            x, y = step[i, 1, k] * longest[k], step[i, 0, k] * longest[k]
            # 1 + z + z²/2 + z³/6 by Horner, z = x + j y.
            re, im = 1.0 + x / 3.0, y / 3.0
            re, im = 1.0 + 0.5 * (x * re - y * im), 0.5 * (x * im + y * re)
            re, im = 1.0 + x * re - y * im, x * im + y * re
            a, b = v_re[i, k], v_im[i, k]
            v_re[i, k] = a * re - b * im
            v_im[i, k] = a * im + b * re
