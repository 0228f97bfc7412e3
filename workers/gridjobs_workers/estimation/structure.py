"""What depends on the topology alone: the elimination order and the pattern of the factor.

The pattern is that of a gain matrix with every injection measured, so that it serves any set of
measurements and holds the covariance of every branch and injection.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.linalg import splu

from gridjobs_workers.estimation.kernels.bundles import Pattern
from gridjobs_workers.estimation.kernels.symbolic import column_counts, factor_pattern
from gridjobs_workers.grids.network import Ints, Network

Int64s = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Structure:
    """Order and sparsity of one topology.

    Attributes:
        bus_at: Bus at each position of the elimination order, shape (n_bus,).
        position: Position of each bus, shape (n_bus,).
        stencil_starts: Start of each position's row of the admittance matrix, shape (n_bus + 1,).
        stencil_columns: Positions of the row, ascending, itself included.
        stencil_y: Admittances of the row [p.u.].
        pattern: Pattern of the factor.
        keys: row · n + column of each block of the factor, ascending.
    """

    bus_at: Ints
    position: Ints
    stencil_starts: Int64s
    stencil_columns: NDArray[np.int32]
    stencil_y: NDArray[np.complex128]
    pattern: Pattern
    keys: Int64s

    @property
    def n_bus(self) -> int:
        """Number of buses."""
        return len(self.bus_at)

    @property
    def n_block(self) -> int:
        """Number of off-diagonal blocks of the factor."""
        return len(self.keys)

    def slots(self, rows: NDArray[np.integer], columns: NDArray[np.integer]) -> Int64s:
        """Index of the blocks (row, column), row ≤ column, diagonal ones after all others."""
        found = np.searchsorted(self.keys, rows.astype(np.int64) * self.n_bus + columns)
        return np.where(rows == columns, self.n_block + rows, found).astype(np.int64)


def build_structure(network: Network) -> Structure:
    """Order the buses and find the pattern of the factor."""
    admittance = network.admittance()
    adjacency = _ones_on(admittance)
    two_steps = csr_array(adjacency @ adjacency)
    bus_at = elimination_order(two_steps)
    position = np.empty_like(bus_at)
    position[bus_at] = np.arange(len(bus_at))

    ordered = csr_array(admittance[bus_at][:, bus_at])
    ordered.sort_indices()
    pattern = symbolic(csr_array(two_steps[bus_at][:, bus_at]))
    rows = np.repeat(np.arange(network.n_bus), np.diff(pattern.row_starts))
    return Structure(
        bus_at=bus_at,
        position=position,
        stencil_starts=ordered.indptr.astype(np.int64),
        stencil_columns=ordered.indices.astype(np.int32),
        stencil_y=ordered.data,
        pattern=pattern,
        keys=rows * network.n_bus + pattern.columns.astype(np.int64),
    )


def elimination_order(adjacency: csr_array) -> Ints:
    """Buses in an order that keeps the factor sparse (multiple minimum degree, from SuperLU), shape
    (n_bus,)."""
    n = adjacency.shape[0]
    degree = np.diff(adjacency.indptr).astype(float)
    dominant = csc_array(diags_array(2.0 * degree) - _ones_on(adjacency))
    factor = splu(
        dominant,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True, "Equil": False},
    )
    bus_at = np.empty(n, np.intp)
    bus_at[factor.perm_c] = np.arange(n)
    return bus_at


def _ones_on(matrix: csr_array) -> csr_array:
    return csr_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr), matrix.shape)


def symbolic(ordered: csr_array) -> Pattern:
    """Pattern of the factor of a symmetric matrix that is in elimination order."""
    ordered.sort_indices()
    n = ordered.shape[0]
    rows = np.repeat(np.arange(n), np.diff(ordered.indptr))
    # Symmetric: what stands above the diagonal of a column stands left of it in the row.
    left = ordered.indices < rows
    above = ordered.indices[left].astype(np.int32)
    starts = np.concatenate(([0], np.cumsum(np.bincount(rows[left], minlength=n)))).astype(np.int64)
    parent, counts = column_counts(starts, above)
    row_starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return Pattern(row_starts, *factor_pattern(starts, above, parent, row_starts))
