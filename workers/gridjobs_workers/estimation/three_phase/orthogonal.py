"""The factor of the gain matrix without the gain matrix: Givens rotations of the weighted Jacobian.

Short cables, precise power meters and exact zeros beside voltmeters of 0.5 % give normal equations a condition at
which variances lose all digits. Rotations of the rows themselves lose half as many.

References:
    A. George, M. T. Heath, "Solution of sparse linear least squares problems using Givens rotations", Linear Algebra
    Appl. 34, 1980.
    A. Simões-Costa, V. H. Quintana, "An orthogonal row processing algorithm for power system sequential state
    estimation", IEEE Trans. PAS-100(8), 1981.
"""

import numpy as np

from gridjobs_workers.estimation.kernels.bundles import Pattern
from gridjobs_workers.estimation.kernels.jit import kernel
from gridjobs_workers.estimation.kernels.types import Floats, Int8s, Int32s, Int64s


@kernel
def rotate(
    pattern: Pattern,
    starts: Int64s,
    columns: Int32s,
    jacobian: Floats,
    weights: Floats,
    order: Int64s,
    free: Floats,
    blocks: Floats,
    inverse_diagonal: Floats,
    null: Int8s,
) -> int:
    """Fill the factor Uᵀ D U of Hᵀ W H, stored as `kernels.factor` does.

    Args:
        pattern: Pattern of the factor.
        starts: Start of each pair's nodes, shape (n_pair + 1,).
        columns: Their positions, ascending within a pair.
        jacobian: Four numbers an entry, two rows a pair.
        weights: Of the rows, shape (2 n_pair,).
        order: Rows to take, best by their first position.
        free: 0 for a position whose first state is given, shape (n,).
        blocks: Output, shape (4 (n_block + n),).
        inverse_diagonal: Output, shape (3 n,).
        null: Output, 1 where nothing determines a state, shape (2 n,).

    Returns:
        Number of states that nothing determines.
    """
    row_starts, factor_columns = pattern.row_starts, pattern.columns
    n = len(row_starts) - 1
    n_block = row_starts[n]
    blocks[:] = 0.0
    diagonal = 4 * n_block
    for k in range(n):
        blocks[diagonal + 4 * k] = 1.0 - free[k]
    row = np.zeros(2 * n)
    for i in order:
        pair = i // 2
        first, end = starts[pair], starts[pair + 1]
        root = np.sqrt(weights[i])
        for q in range(first, end):
            entry = 4 * q + 2 * (i % 2)
            row[2 * columns[q]] = root * jacobian[entry]
            row[2 * columns[q] + 1] = root * jacobian[entry + 1]
        k = columns[first]
        # The nodes of a pair and what rotations add to them lie on one path of the elimination tree.
        while True:
            if not _absorb(row_starts, factor_columns, blocks, diagonal, row, k):
                break
            if row_starts[k] == row_starts[k + 1]:
                break
            k = factor_columns[row_starts[k]]
    return _unit_factor(row_starts, blocks, inverse_diagonal, diagonal, null)


@kernel
def _absorb(row_starts: Int64s, columns: Int32s, blocks: Floats, diagonal: int, row: Floats, k: int) -> bool:
    """Rotate a row into the two rows of position k; whether anything of it is left."""
    d = diagonal + 4 * k
    for c in range(2):
        x = row[2 * k + c]
        if x == 0.0:
            continue
        pivot = blocks[d + 3 * c]
        if pivot == 0.0:
            # The first row to come this far becomes the factor's.
            blocks[d + 3 * c] = x
            row[2 * k + c] = 0.0
            if c == 0:
                blocks[d + 1] = row[2 * k + 1]
                row[2 * k + 1] = 0.0
            for p in range(row_starts[k], row_starts[k + 1]):
                t = 2 * columns[p]
                blocks[4 * p + 2 * c] = row[t]
                blocks[4 * p + 2 * c + 1] = row[t + 1]
                row[t] = 0.0
                row[t + 1] = 0.0
            return False
        size = np.hypot(pivot, x)
        cosine, sine = pivot / size, x / size
        blocks[d + 3 * c] = size
        row[2 * k + c] = 0.0
        if c == 0:
            y = row[2 * k + 1]
            row[2 * k + 1] = cosine * y - sine * blocks[d + 1]
            blocks[d + 1] = cosine * blocks[d + 1] + sine * y
        for p in range(row_starts[k], row_starts[k + 1]):
            t = 2 * columns[p]
            b = 4 * p + 2 * c
            for e in range(2):
                y = row[t + e]
                z = blocks[b + e]
                row[t + e] = cosine * y - sine * z
                blocks[b + e] = cosine * z + sine * y
    return True


@kernel
def _unit_factor(
    row_starts: Int64s, blocks: Floats, inverse_diagonal: Floats, diagonal: int, null: Int8s
) -> int:
    """Turn the triangle R into U and D, in place; a state with a zero on the diagonal is left out."""
    n_null = 0
    for k in range(len(row_starts) - 1):
        d = diagonal + 4 * k
        a, b, c = blocks[d], blocks[d + 1], blocks[d + 3]
        null[2 * k] = a == 0.0
        null[2 * k + 1] = c == 0.0
        n_null += null[2 * k] + null[2 * k + 1]
        ia = 0.0 if a == 0.0 else 1.0 / a
        ic = 0.0 if c == 0.0 else 1.0 / c
        ib = -ia * b * ic
        inverse_diagonal[3 * k] = ia * ia + ib * ib
        inverse_diagonal[3 * k + 1] = ib * ic
        inverse_diagonal[3 * k + 2] = ic * ic
        for p in range(row_starts[k], row_starts[k + 1]):
            u = 4 * p
            r00, r01, r10, r11 = blocks[u], blocks[u + 1], blocks[u + 2], blocks[u + 3]
            blocks[u] = ia * r00 + ib * r10
            blocks[u + 1] = ia * r01 + ib * r11
            blocks[u + 2] = ic * r10
            blocks[u + 3] = ic * r11
        blocks[d] = a * a
        blocks[d + 1] = a * b
        blocks[d + 2] = a * b
        blocks[d + 3] = b * b + c * c
    return n_null
