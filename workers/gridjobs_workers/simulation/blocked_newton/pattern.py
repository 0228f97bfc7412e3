"""Elimination order and fill-in of a network, found once for any number of Newton steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import coo_array, csr_array, tril
from scipy.sparse.linalg import splu

from gridjobs_workers.grids.network import Ints, Network


@dataclass(frozen=True, slots=True)
class Pattern:
    """Rows in elimination order: one for each bus and one for each voltage that is held from afar.

    Attributes:
        row_of: Row of each bus, shape (n_bus,).
        bus_of: Bus of each row, -1 for a voltage held from afar, shape (n_row,).
        held_row: Row of each voltage held from afar, shape (n_held,); behind all buses it concerns.
        y_pointers: CSR pointers of the admittance matrix by rows.
        y_columns: Its columns (rows of their buses), diagonal included.
        y_source: Where each entry stands in `Network.admittance().data`.
        lower_pointers: CSR pointers of the filled strictly lower triangle.
        lower_columns: Its columns, ascending.
        upper_pointers: CSR pointers of the filled strictly upper triangle, its transpose.
        upper_columns: Its columns, ascending.
    """

    row_of: Ints
    bus_of: Ints
    held_row: Ints
    y_pointers: Ints
    y_columns: Ints
    y_source: Ints
    lower_pointers: Ints
    lower_columns: Ints
    upper_pointers: Ints
    upper_columns: Ints

    @property
    def n_row(self) -> int:
        """Number of rows."""
        return len(self.bus_of)

    def entry(self, row_bus: Ints, column_bus: Ints) -> Ints:
        """Where the admittances between pairs of buses stand, shape (n,)."""
        rows = np.repeat(np.arange(self.n_row), np.diff(self.y_pointers))
        key = self.row_of[row_bus] * self.n_row + self.row_of[column_bus]
        return np.asarray(np.searchsorted(rows * self.n_row + self.y_columns, key), dtype=np.intp)


def pattern_of(network: Network, held_from_afar: Sequence[Ints] = ()) -> Pattern:
    """Order buses by minimum degree, voltages held from afar right behind their buses, and find the fill-in.

    Args:
        network: The network.
        held_from_afar: For each such voltage the regulated bus and those of its machines.
    """
    n, y = network.n_bus, network.admittance()
    buses, neighbours = np.repeat(np.arange(n), np.diff(y.indptr)), y.indices.astype(np.intp)
    n_row = n + len(held_from_afar)
    position = np.empty(n_row)
    position[:n] = _lower(n, buses, neighbours, "MMD_AT_PLUS_A")[0]
    position[n:] = [position[members].max() + 0.5 for members in held_from_afar]
    rank = np.argsort(np.argsort(position, kind="stable"))
    held = np.concatenate(
        [np.full(len(m), n + k) for k, m in enumerate(held_from_afar)] or [np.empty(0, int)]
    )
    members = np.concatenate([*held_from_afar, np.empty(0, dtype=np.intp)])
    rows = rank[np.concatenate((buses, held, members))]
    columns = rank[np.concatenate((neighbours, members, held))]
    moved, lower = _lower(n_row, rows, columns, "NATURAL")
    row_of = moved[rank]
    upper = csr_array(lower.T)
    upper.sort_indices()
    y_rows, y_columns = row_of[buses], row_of[neighbours]
    source = np.lexsort((y_columns, y_rows))
    bus_of = np.argsort(row_of)
    return Pattern(
        row_of=row_of[:n],
        bus_of=np.where(bus_of < n, bus_of, -1),
        held_row=row_of[n:],
        y_pointers=np.concatenate(([0], np.cumsum(np.bincount(y_rows, minlength=n_row)))).astype(np.intp),
        y_columns=y_columns[source],
        y_source=source,
        lower_pointers=lower.indptr.astype(np.intp),
        lower_columns=lower.indices.astype(np.intp),
        upper_pointers=upper.indptr.astype(np.intp),
        upper_columns=upper.indices.astype(np.intp),
    )


def _lower(
    n: int, rows: Ints, columns: Ints, order: Literal["MMD_AT_PLUS_A", "NATURAL"]
) -> tuple[Ints, csr_array]:
    """New position of each row, and the filled strictly lower triangle in that order.

    The factors of a diagonally dominant matrix of negative entries have no accidental zeros, so that SuperLU shows
    the fill-in of every matrix with this pattern.
    """
    dominant = coo_array((np.where(rows == columns, 0.0, -1.0), (rows, columns)), shape=(n, n)).tocsr()
    dominant.data[:] = np.minimum(dominant.data, 0.0)
    dominant.setdiag(-np.asarray(dominant.sum(axis=1)).ravel() + 1.0)
    lu = splu(dominant.tocsc(), permc_spec=order, diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    lower = csr_array(tril(lu.L, -1))
    lower.sort_indices()
    return lu.perm_c.astype(np.intp), lower
