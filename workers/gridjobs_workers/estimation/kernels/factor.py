"""Block LDLᵀ with fixed pattern: A = Uᵀ D U, U unit upper, D of symmetric 2 × 2 blocks.

`blocks` holds the strictly upper blocks first, row by row as `Pattern.columns` says, then the n diagonal
ones; the factor overwrites the matrix. `inverse_diagonal` holds D⁻¹ as (d00, d01, d11), shape (3 n,).

References:
    T. A. Davis, "Algorithm 849: a concise sparse Cholesky factorization package", ACM TOMS 31(4), 2005.
"""

from gridjobs_workers.estimation.kernels.jit import kernel
from gridjobs_workers.estimation.kernels.types import Floats, Int8s, Int32s, Int64s


@kernel
def factorise(
    row_starts: Int64s,
    columns: Int32s,
    column_starts: Int64s,
    column_rows: Int32s,
    column_blocks: Int64s,
    blocks: Floats,
    inverse_diagonal: Floats,
    work: Floats,
    smallest: float,
    floor: float,
    null: Int8s,
    stop_at_null: bool,
) -> int:
    """Factorise in place, up-looking.

    A pivot that is not positive belongs to a null direction of A, if A is positive semidefinite. It is left
    out: its inverse counts as zero.

    Args:
        row_starts: See `symbolic.factor_pattern`, as the next four.
        columns: See above.
        column_starts: See above.
        column_rows: See above.
        column_blocks: See above.
        blocks: Upper triangle of A in, U and D out, shape (4 (n_block + n),).
        inverse_diagonal: Filled with D⁻¹, shape (3 n,).
        work: Scratch, zeros, shape (4 n,); left as zeros.
        smallest: Least pivot, relative to the diagonal of A, that counts as positive.
        floor: Least pivot, absolute.
        null: Output, 1 where a pivot is not positive (or not a number), shape (2 n,).
        stop_at_null: Whether the first such pivot ends the factorisation.

    Returns:
        Number of pivots that are not positive.
    """
    n_null = 0
    null[:] = 0
    n = len(row_starts) - 1
    n_block = row_starts[n]
    for k in range(n):
        q0 = column_starts[k]
        q1 = column_starts[k + 1]
        for q in range(q0, q1):
            b = 4 * column_blocks[q]
            y = 4 * column_rows[q]
            work[y] = blocks[b]
            work[y + 1] = blocks[b + 1]
            work[y + 2] = blocks[b + 2]
            work[y + 3] = blocks[b + 3]
        d = 4 * (n_block + k)
        d00 = blocks[d]
        d01 = blocks[d + 1]
        d11 = blocks[d + 3]
        a00 = d00
        a11 = d11
        for q in range(q0, q1):
            i = column_rows[q]
            y = 4 * i
            y00 = work[y]
            y01 = work[y + 1]
            y10 = work[y + 2]
            y11 = work[y + 3]
            work[y] = 0.0
            work[y + 1] = 0.0
            work[y + 2] = 0.0
            work[y + 3] = 0.0
            end = column_blocks[q]
            for p in range(row_starts[i], end):
                u = 4 * p
                t = 4 * columns[p]
                u00 = blocks[u]
                u01 = blocks[u + 1]
                u10 = blocks[u + 2]
                u11 = blocks[u + 3]
                work[t] -= u00 * y00 + u10 * y10
                work[t + 1] -= u00 * y01 + u10 * y11
                work[t + 2] -= u01 * y00 + u11 * y10
                work[t + 3] -= u01 * y01 + u11 * y11
            e00 = inverse_diagonal[3 * i]
            e01 = inverse_diagonal[3 * i + 1]
            e11 = inverse_diagonal[3 * i + 2]
            u00 = e00 * y00 + e01 * y10
            u01 = e00 * y01 + e01 * y11
            u10 = e01 * y00 + e11 * y10
            u11 = e01 * y01 + e11 * y11
            d00 -= u00 * y00 + u10 * y10
            d01 -= u00 * y01 + u10 * y11
            d11 -= u01 * y01 + u11 * y11
            u = 4 * end
            blocks[u] = u00
            blocks[u + 1] = u01
            blocks[u + 2] = u10
            blocks[u + 3] = u11
        blocks[d] = d00
        blocks[d + 1] = d01
        blocks[d + 2] = d01
        blocks[d + 3] = d11
        schur = d11 - d01 * d01 / d00
        least0 = max(smallest * a00, floor)
        least1 = max(smallest * a11, floor)
        # Comparisons this way round, so that NaN counts as null.
        if d00 > least0 and schur > least1:
            inverse_diagonal[3 * k + 2] = 1.0 / schur
            inverse_diagonal[3 * k + 1] = -d01 / (d00 * schur)
            inverse_diagonal[3 * k] = d11 / (d00 * schur)
            continue
        if stop_at_null:
            return 1
        first = d00 > least0
        second = not first and d11 > least1
        null[2 * k] = 0 if first else 1
        null[2 * k + 1] = 0 if second else 1
        n_null += null[2 * k] + null[2 * k + 1]
        inverse_diagonal[3 * k] = 1.0 / d00 if first else 0.0
        inverse_diagonal[3 * k + 1] = 0.0
        inverse_diagonal[3 * k + 2] = 1.0 / d11 if second else 0.0
    return n_null


@kernel
def solve(row_starts: Int64s, columns: Int32s, blocks: Floats, inverse_diagonal: Floats, x: Floats) -> None:
    """Solve Uᵀ D U x = b in place: `x` holds b on entry, shape (2 n,)."""
    n = len(row_starts) - 1
    for k in range(n):
        x0 = x[2 * k]
        x1 = x[2 * k + 1]
        for p in range(row_starts[k], row_starts[k + 1]):
            t = 2 * columns[p]
            u = 4 * p
            x[t] -= blocks[u] * x0 + blocks[u + 2] * x1
            x[t + 1] -= blocks[u + 1] * x0 + blocks[u + 3] * x1
    for k in range(n - 1, -1, -1):
        d = 3 * k
        x0 = inverse_diagonal[d] * x[2 * k] + inverse_diagonal[d + 1] * x[2 * k + 1]
        x1 = inverse_diagonal[d + 1] * x[2 * k] + inverse_diagonal[d + 2] * x[2 * k + 1]
        for p in range(row_starts[k], row_starts[k + 1]):
            t = 2 * columns[p]
            u = 4 * p
            x0 -= blocks[u] * x[t] + blocks[u + 1] * x[t + 1]
            x1 -= blocks[u + 2] * x[t] + blocks[u + 3] * x[t + 1]
        x[2 * k] = x0
        x[2 * k + 1] = x1


@kernel
def null_vector(
    row_starts: Int64s, columns: Int32s, blocks: Floats, null: Int8s, seeds: Floats, x: Floats
) -> None:
    """Fill `x` with a null vector of a factorised positive semidefinite A: Σ over its null pivots of seed ·
    vector.

    Args:
        row_starts: See `symbolic.factor_pattern`.
        columns: See `symbolic.factor_pattern`.
        blocks: The factor.
        null: See `factorise`.
        seeds: Weight of each null pivot, shape (2 n,).
        x: Output, shape (2 n,).
    """
    n = len(row_starts) - 1
    n_block = row_starts[n]
    for k in range(n - 1, -1, -1):
        x0 = seeds[2 * k] if null[2 * k] else 0.0
        x1 = 0.0
        if null[2 * k + 1]:
            x1 = seeds[2 * k + 1]
            if not null[2 * k]:
                x0 -= x1 * blocks[4 * (n_block + k) + 1] / blocks[4 * (n_block + k)]
        for p in range(row_starts[k], row_starts[k + 1]):
            t = 2 * columns[p]
            u = 4 * p
            x0 -= blocks[u] * x[t] + blocks[u + 1] * x[t + 1]
            x1 -= blocks[u + 2] * x[t] + blocks[u + 3] * x[t + 1]
        x[2 * k] = x0
        x[2 * k + 1] = x1
