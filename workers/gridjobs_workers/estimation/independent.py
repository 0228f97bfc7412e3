"""Linearly independent rows of a sparse matrix, found in order."""

import heapq

import numpy as np
from scipy.sparse import csr_array

from gridjobs_workers.grids.network import Ints

# A row of which less than this part is left lies in the span of the others; one that small beside the largest
# entry of the matrix counts as zero.
_DEPENDENT = 1e-3
_ROUNDING = 1e-13
_PIVOT = 0.1  # a pivot has at least this part of the row's largest entry

_Row = dict[int, float]


def independent_rows(matrix: csr_array, rank: int) -> Ints:
    """Choose rows greedily until `rank` independent ones are found or none is left.

    Sparse Gaussian elimination with threshold pivoting; the earliest column that is large enough is the
    pivot, so that columns in elimination order cause little fill.

    Args:
        matrix: The rows in order of preference, shape (n_row, n_column).
        rank: Number of rows wanted.

    Returns:
        Rows chosen, ascending.
    """
    chosen: list[int] = []
    basis: list[_Row] = []
    pivot_of: dict[int, int] = {}  # column: index in basis
    least = _DEPENDENT * float(np.abs(matrix.data).max(initial=0.0))
    for row in range(matrix.shape[0]):
        if len(chosen) == rank:
            break
        span = slice(matrix.indptr[row], matrix.indptr[row + 1])
        entries = dict(zip(matrix.indices[span].tolist(), matrix.data[span].tolist(), strict=True))
        scale = max(map(abs, entries.values()), default=0.0)
        left = _reduced(entries, basis, pivot_of, _ROUNDING * scale)
        largest = max(map(abs, left.values()), default=0.0)
        if largest <= max(_DEPENDENT * scale, least):
            continue
        pivot = min(column for column, value in left.items() if abs(value) >= _PIVOT * largest)
        pivot_of[pivot] = len(basis)
        basis.append({column: value / left[pivot] for column, value in left.items()})
        chosen.append(row)
    return np.array(chosen, np.intp)


def _reduced(row: _Row, basis: list[_Row], pivot_of: dict[int, int], small: float) -> _Row:
    """The row less its part in the span of the basis."""
    queue = [(pivot_of[column], column) for column in row if column in pivot_of]
    heapq.heapify(queue)
    while queue:
        index, pivot = heapq.heappop(queue)
        factor = row.pop(pivot, 0.0)
        if factor == 0.0:
            continue
        for column, value in basis[index].items():
            if column == pivot:
                continue
            if column not in row and column in pivot_of:
                heapq.heappush(queue, (pivot_of[column], column))
            row[column] = row.get(column, 0.0) - factor * value
    return {column: value for column, value in row.items() if abs(value) > small}
