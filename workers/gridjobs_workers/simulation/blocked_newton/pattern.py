"""Elimination order and fill-in of a network, found once for any number of Newton steps."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, tril
from scipy.sparse.linalg import splu

from gridjobs_workers.grids.network import Ints, Network


@dataclass(frozen=True, slots=True)
class Pattern:
    """Rows of the bus matrix in elimination order.

    Attributes:
        order: Bus of each row, shape (n_bus,).
        row_of: Row of each bus, shape (n_bus,).
        y_pointers: CSR pointers of the admittance matrix by rows.
        y_columns: Its columns (rows of their buses), diagonal included.
        y_source: Where each entry stands in `Network.admittance().data`.
        y_diagonal: Entry of each row's diagonal, shape (n_bus,).
        lower_pointers: CSR pointers of the filled strictly lower triangle.
        lower_columns: Its columns, ascending.
        upper_pointers: CSR pointers of the filled strictly upper triangle, its transpose.
        upper_columns: Its columns, ascending.
    """

    order: Ints
    row_of: Ints
    y_pointers: Ints
    y_columns: Ints
    y_source: Ints
    y_diagonal: Ints
    lower_pointers: Ints
    lower_columns: Ints
    upper_pointers: Ints
    upper_columns: Ints

    def entry(self, row_bus: Ints, column_bus: Ints) -> Ints:
        """Where the admittances between pairs of buses stand, shape (n,)."""
        n = len(self.order)
        key = self.row_of[row_bus] * n + self.row_of[column_bus]
        keys = np.repeat(np.arange(n), np.diff(self.y_pointers)) * n + self.y_columns
        return np.asarray(np.searchsorted(keys, key), dtype=np.intp)


def pattern_of(network: Network) -> Pattern:
    """Order buses by minimum degree and find the fill-in.

    The triangles of a diagonally dominant matrix with the network's pattern have no accidental zeros, so that
    SuperLU's factors show the fill-in of every matrix with this pattern.
    """
    n, y = network.n_bus, network.admittance()
    buses = np.repeat(np.arange(n), np.diff(y.indptr))
    values = np.where(buses == y.indices, 0.0, -1.0)
    dominant = csr_array((values, y.indices, y.indptr), shape=y.shape)
    dominant.setdiag(np.diff(y.indptr) + 1.0)
    lu = splu(
        dominant.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    row_of = lu.perm_c.astype(np.intp)
    lower = csr_array(tril(lu.L, -1))
    lower.sort_indices()
    upper = csr_array(lower.T)
    upper.sort_indices()
    rows, columns = row_of[buses], row_of[y.indices]
    source = np.lexsort((columns, rows))
    pointers = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=n)))).astype(np.intp)
    return Pattern(
        order=np.argsort(row_of),
        row_of=row_of,
        y_pointers=pointers,
        y_columns=columns[source],
        y_source=source,
        y_diagonal=np.flatnonzero(rows[source] == columns[source]),
        lower_pointers=lower.indptr.astype(np.intp),
        lower_columns=lower.indices.astype(np.intp),
        upper_pointers=upper.indptr.astype(np.intp),
        upper_columns=upper.indices.astype(np.intp),
    )
