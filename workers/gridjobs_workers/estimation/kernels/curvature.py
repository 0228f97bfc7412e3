"""The second derivatives that Gauss-Newton leaves out.

With V = exp(ln |V| + jθ) every term of a power is t = exp(u_i + u_k*) times an admittance, so its second
differential is t q² with q = d ln|V_i| + d ln|V_k| + j (dθ_i − dθ_k).
"""

from gridjobs_workers.estimation.kernels.bundles import Pairs
from gridjobs_workers.estimation.kernels.jit import kernel
from gridjobs_workers.estimation.kernels.types import Floats


@kernel
def add_block(
    blocks: Floats, slot: int, b00: float, b01: float, b10: float, b11: float, rows: float, columns: float
) -> None:
    """Add a block; `rows` and `columns` are 0 where the angle in its first row or column is given, else 1."""
    blocks[4 * slot] += b00 * rows * columns
    blocks[4 * slot + 1] += b01 * rows
    blocks[4 * slot + 2] += b10 * columns
    blocks[4 * slot + 3] += b11


@kernel
def subtract_curvature(
    pairs: Pairs,
    weights: Floats,
    v_re: Floats,
    v_im: Floats,
    free: Floats,
    residuals: Floats,
    blocks: Floats,
) -> None:
    """Subtract Σ w r ∇²h of voltages and powers from the gain matrix; currents keep the Gauss-Newton form.

    Args:
        pairs: Measurement pairs.
        weights: See `jacobian.gain`.
        v_re: Re V by position [p.u.], shape (n,).
        v_im: Im V by position [p.u.], shape (n,).
        free: See `jacobian.evaluate`.
        residuals: Shifted residuals, shape (2 n_pair,).
        blocks: HᵀWH in, the Hessian of ½ Σ w r² out.
    """
    for r in range(pairs.n_voltage):
        c = pairs.columns[pairs.starts[r]]
        vm = (v_re[c] ** 2 + v_im[c] ** 2) ** 0.5
        blocks[4 * pairs.slots[pairs.slot_starts[r]] + 3] -= weights[2 * r + 1] * residuals[2 * r + 1] * vm

    for r in range(pairs.n_voltage, pairs.n_voltage + pairs.n_power):
        w_p = weights[2 * r] * residuals[2 * r]
        w_q = weights[2 * r + 1] * residuals[2 * r + 1]
        own = pairs.own[r]
        first = pairs.starts[r]
        i = pairs.columns[first + own]
        slot = pairs.slot_starts[r]
        for k in range(pairs.starts[r + 1] - first):
            q = first + k
            c = pairs.columns[q]
            i_re = pairs.y_re[q] * v_re[c] - pairs.y_im[q] * v_im[c]
            i_im = pairs.y_re[q] * v_im[c] + pairs.y_im[q] * v_re[c]
            p = v_re[i] * i_re + v_im[i] * i_im
            s = v_im[i] * i_re - v_re[i] * i_im
            along = w_p * p + w_q * s
            across = w_q * p - w_p * s
            if k == own:
                blocks[4 * pairs.slots[slot + own * (own + 1) // 2 + own] + 3] -= 4.0 * along
                continue
            at_own = pairs.slots[slot + own * (own + 1) // 2 + own]
            at_other = pairs.slots[slot + k * (k + 1) // 2 + k]
            add_block(blocks, at_own, along, -across, -across, -along, free[i], free[i])
            add_block(blocks, at_other, along, across, across, -along, free[c], free[c])
            if k > own:
                between = pairs.slots[slot + k * (k + 1) // 2 + own]
                add_block(blocks, between, -along, -across, across, -along, free[i], free[c])
            else:
                between = pairs.slots[slot + own * (own + 1) // 2 + k]
                add_block(blocks, between, -along, across, -across, -along, free[c], free[i])
