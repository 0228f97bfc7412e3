"""Measurement functions, their Jacobian, the gain matrix and the gradient.

A pair is two rows over the same buses (its stencil): voltage (θ, |V|), power (P, Q) or current (two
components). The first `n_voltage` pairs are voltages, the next `n_power` powers, the rest currents. A power
or current pair measures I = Σ y_k V_k over its stencil, in and out of a bus alike.

The state is (θ, ln |V|): V = exp(ln |V| + jθ) makes every off-diagonal block of a power pair a rotation and
keeps magnitudes positive. `free` is 0 for a bus whose angle is given, else 1.
"""

import numpy as np

from gridjobs_workers.estimation.kernels.jit import kernel
from gridjobs_workers.estimation.kernels.types import Floats, Int32s, Int64s


@kernel
def evaluate(
    n_voltage: int,
    n_power: int,
    starts: Int64s,
    columns: Int32s,
    y_re: Floats,
    y_im: Floats,
    own: Int32s,
    axes: Floats,
    theta: Floats,
    vm: Floats,
    free: Floats,
    e: Floats,
    f: Floats,
    values: Floats,
    jacobian: Floats,
    with_jacobian: bool,
) -> None:
    """Evaluate every pair at a state.

    Args:
        n_voltage: Number of voltage pairs.
        n_power: Number of power pairs.
        starts: Start of each pair's stencil, shape (n_pair + 1,).
        columns: Position of each stencil bus, ascending within a pair.
        y_re: Real part of the stencil's admittances [p.u.].
        y_im: Imaginary part.
        own: Index of the metered bus within the stencil, shape (n_pair,).
        axes: Axis of both components of a current pair as (cos, sin, cos, sin), shape (4 n_pair,); zeros
            for the first mean that it is the magnitude.
        theta: Voltage angles by position [rad], shape (n,).
        vm: Voltage magnitudes by position [p.u.], shape (n,).
        free: 1, or 0 where the angle is given, shape (n,).
        e: Output, Re V by position [p.u.], shape (n,).
        f: Output, Im V by position [p.u.], shape (n,).
        values: Output, two numbers a pair.
        jacobian: Output, four numbers a stencil entry: (∂h0/∂θ, ∂h0/∂ln v, ∂h1/∂θ, ∂h1/∂ln v).
        with_jacobian: Whether `jacobian` is filled.
    """
    for i in range(len(vm)):
        e[i] = vm[i] * np.cos(theta[i])
        f[i] = vm[i] * np.sin(theta[i])

    for r in range(n_voltage):
        q = starts[r]
        i = columns[q]
        values[2 * r] = theta[i]
        values[2 * r + 1] = vm[i]
        if with_jacobian:
            jacobian[4 * q] = free[i]
            jacobian[4 * q + 1] = 0.0
            jacobian[4 * q + 2] = 0.0
            jacobian[4 * q + 3] = vm[i]

    for r in range(n_voltage, n_voltage + n_power):
        own_entry = starts[r] + own[r]
        i = columns[own_entry]
        ei = e[i]
        fi = f[i]
        p_sum = 0.0
        q_sum = 0.0
        for q in range(starts[r], starts[r + 1]):
            c = columns[q]
            i_re = y_re[q] * e[c] - y_im[q] * f[c]
            i_im = y_re[q] * f[c] + y_im[q] * e[c]
            p = ei * i_re + fi * i_im
            s = fi * i_re - ei * i_im
            p_sum += p
            q_sum += s
            if with_jacobian:
                jacobian[4 * q] = s * free[c]
                jacobian[4 * q + 1] = p
                jacobian[4 * q + 2] = -p * free[c]
                jacobian[4 * q + 3] = s
        values[2 * r] = p_sum
        values[2 * r + 1] = q_sum
        if with_jacobian:
            jacobian[4 * own_entry] -= q_sum * free[i]
            jacobian[4 * own_entry + 1] += p_sum
            jacobian[4 * own_entry + 2] += p_sum * free[i]
            jacobian[4 * own_entry + 3] += q_sum

    for r in range(n_voltage + n_power, len(starts) - 1):
        i_re = 0.0
        i_im = 0.0
        for q in range(starts[r], starts[r + 1]):
            c = columns[q]
            i_re += y_re[q] * e[c] - y_im[q] * f[c]
            i_im += y_re[q] * f[c] + y_im[q] * e[c]
        a_re = axes[4 * r]
        a_im = axes[4 * r + 1]
        b_re = axes[4 * r + 2]
        b_im = axes[4 * r + 3]
        if a_re == 0.0 and a_im == 0.0:
            size = np.sqrt(i_re * i_re + i_im * i_im)
            values[2 * r] = size
            values[2 * r + 1] = 0.0
            a_re = i_re / size if size > 0.0 else 1.0
            a_im = i_im / size if size > 0.0 else 0.0
        else:
            values[2 * r] = a_re * i_re + a_im * i_im
            values[2 * r + 1] = b_re * i_re + b_im * i_im
        if with_jacobian:
            for q in range(starts[r], starts[r + 1]):
                c = columns[q]
                d_re = y_re[q] * e[c] - y_im[q] * f[c]
                d_im = y_re[q] * f[c] + y_im[q] * e[c]
                jacobian[4 * q] = (a_im * d_re - a_re * d_im) * free[c]
                jacobian[4 * q + 1] = a_re * d_re + a_im * d_im
                jacobian[4 * q + 2] = (b_im * d_re - b_re * d_im) * free[c]
                jacobian[4 * q + 3] = b_re * d_re + b_im * d_im


@kernel
def gain(
    starts: Int64s,
    slots: Int64s,
    slot_starts: Int64s,
    jacobian: Floats,
    weights: Floats,
    free: Floats,
    blocks: Floats,
) -> None:
    """Fill `blocks` (see `factor`) with Hᵀ W H, and 1 on the diagonal of a given angle.

    Args:
        starts: See `evaluate`.
        slots: Block of each pair (a, b), b ≤ a, of entries of a stencil.
        slot_starts: Where the slots of each pair start, shape (n_pair + 1,).
        jacobian: See `evaluate`.
        weights: 1/σ² of both rows of each pair, shape (2 n_pair,).
        free: See `evaluate`.
        blocks: Output, upper triangle; the block of (b, a) has b's state in its rows.
    """
    blocks[:] = 0.0
    n = len(free)
    diagonal = len(blocks) - 4 * n
    for i in range(n):
        blocks[diagonal + 4 * i] = 1.0 - free[i]
    for r in range(len(starts) - 1):
        w0 = weights[2 * r]
        w1 = weights[2 * r + 1]
        s = slot_starts[r]
        first = starts[r]
        for a in range(first, starts[r + 1]):
            h00 = w0 * jacobian[4 * a]
            h01 = w0 * jacobian[4 * a + 1]
            h10 = w1 * jacobian[4 * a + 2]
            h11 = w1 * jacobian[4 * a + 3]
            for b in range(first, a + 1):
                t = 4 * slots[s]
                g00 = jacobian[4 * b]
                g01 = jacobian[4 * b + 1]
                g10 = jacobian[4 * b + 2]
                g11 = jacobian[4 * b + 3]
                blocks[t] += g00 * h00 + g10 * h10
                blocks[t + 1] += g00 * h01 + g10 * h11
                blocks[t + 2] += g01 * h00 + g11 * h10
                blocks[t + 3] += g01 * h01 + g11 * h11
                s += 1


@kernel
def weighted_gradient(
    starts: Int64s,
    columns: Int32s,
    jacobian: Floats,
    weights: Floats,
    residuals: Floats,
    gradient: Floats,
) -> None:
    """Fill `gradient` with Hᵀ W r, shape (2 n,)."""
    gradient[:] = 0.0
    for r in range(len(starts) - 1):
        r0 = weights[2 * r] * residuals[2 * r]
        r1 = weights[2 * r + 1] * residuals[2 * r + 1]
        for q in range(starts[r], starts[r + 1]):
            c = 2 * columns[q]
            gradient[c] += jacobian[4 * q] * r0 + jacobian[4 * q + 2] * r1
            gradient[c + 1] += jacobian[4 * q + 1] * r0 + jacobian[4 * q + 3] * r1


@kernel
def subtract_linear(
    starts: Int64s,
    columns: Int32s,
    jacobian: Floats,
    step: Floats,
    residuals: Floats,
    left: Floats,
) -> None:
    """Fill `left` with r − H x, shape (2 n_pair,)."""
    for r in range(len(starts) - 1):
        r0 = residuals[2 * r]
        r1 = residuals[2 * r + 1]
        for q in range(starts[r], starts[r + 1]):
            c = 2 * columns[q]
            r0 -= jacobian[4 * q] * step[c] + jacobian[4 * q + 1] * step[c + 1]
            r1 -= jacobian[4 * q + 2] * step[c] + jacobian[4 * q + 3] * step[c + 1]
        left[2 * r] = r0
        left[2 * r + 1] = r1
