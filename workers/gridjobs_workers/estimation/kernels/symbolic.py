"""Symbolic factorisation: which blocks of the factor are nonzero.

References:
    J. W. H. Liu, "The role of elimination trees in sparse factorization", SIAM J. Matrix Anal. Appl. 11(1),
    1990.
"""

import numpy as np

from gridjobs_workers.estimation.kernels.jit import kernel
from gridjobs_workers.estimation.kernels.types import Int32s, Int64s


@kernel
def column_counts(starts: Int64s, rows: Int32s) -> tuple[Int32s, Int64s]:
    """Elimination tree and number of off-diagonal blocks in each row of the upper factor.

    Args:
        starts: Start of each column of the upper triangle, shape (n + 1,).
        rows: Row indices of the strictly upper triangle, column by column.

    Returns:
        Parent of each node (-1 at a root) and the counts, shape (n,) each.
    """
    n = len(starts) - 1
    parent = np.full(n, -1, np.int32)
    count = np.zeros(n, np.int64)
    seen = np.full(n, -1, np.int64)
    for k in range(n):
        seen[k] = k
        for p in range(starts[k], starts[k + 1]):
            i = rows[p]
            while seen[i] != k:
                if parent[i] == -1:
                    parent[i] = k
                count[i] += 1
                seen[i] = k
                i = parent[i]
    return parent, count


@kernel
def factor_pattern(
    starts: Int64s, rows: Int32s, parent: Int32s, row_starts: Int64s
) -> tuple[Int32s, Int64s, Int32s, Int64s]:
    """Where each block of the upper factor U lies, by rows (its storage) and by columns (the order of
    elimination).

    Returns:
        columns: Column of each stored block, row by row, ascending, shape (n_block,).
        column_starts: Start of each column in the two arrays below, shape (n + 1,).
        column_rows: Row of each block of a column in an order that respects the elimination tree.
        column_blocks: Its index in the storage by rows.
    """
    n = len(starts) - 1
    n_block = row_starts[n]
    columns = np.empty(n_block, np.int32)
    column_starts = np.zeros(n + 1, np.int64)
    column_rows = np.empty(n_block, np.int32)
    column_blocks = np.empty(n_block, np.int64)
    filled = row_starts[:n].copy()
    seen = np.full(n, -1, np.int64)
    path = np.empty(n, np.int32)
    reach = np.empty(n, np.int32)
    total = 0
    for k in range(n):
        top = n
        seen[k] = k
        for p in range(starts[k], starts[k + 1]):
            i = rows[p]
            length = 0
            while seen[i] != k:
                path[length] = i
                length += 1
                seen[i] = k
                i = parent[i]
            while length > 0:
                length -= 1
                top -= 1
                reach[top] = path[length]
        for t in range(top, n):
            i = reach[t]
            column_rows[total] = i
            column_blocks[total] = filled[i]
            columns[filled[i]] = k
            filled[i] += 1
            total += 1
        column_starts[k + 1] = total
    return columns, column_starts, column_rows, column_blocks
