"""The network as triangular factors, in an order that keeps them sparse and memory access local."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, diags_array, tril, triu
from scipy.sparse.linalg import splu

from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.time_series.errors import NotApplicable


@dataclass(frozen=True, slots=True)
class Triangle:
    """A triangular matrix without its diagonal, by rows, real and imaginary part apart."""

    pointers: Ints
    columns: Ints
    real: Floats
    imaginary: Floats


@dataclass(frozen=True, slots=True)
class Factors:
    """Y of the free buses as L (D⁻¹ + ...) U; rows stand in elimination order, references behind.

    Attributes:
        order: Bus of each row, shape (n_bus,); the first `n_free` are free, the others references.
        row_of: Row of each bus, shape (n_bus,).
        n_free: Number of buses that are no reference.
        lower: L without its unit diagonal.
        upper: D⁻¹ U without its unit diagonal.
        inverse_diagonal: 1 / diagonal of U, shape (n_free,).
        source: Current that the references push into the free buses [p.u.], shape (n_free,).
        no_load: Voltages without injections [p.u.], shape (n_bus,), references included.
    """

    order: Ints
    row_of: Ints
    n_free: int
    lower: Triangle
    upper: Triangle
    inverse_diagonal: Complexes
    source: Complexes
    no_load: Complexes


def factorise(network: Network, reference_bus: Ints, reference_v: Complexes) -> Factors:
    """Factorise the admittance matrix of the buses that are no reference.

    Raises:
        NotApplicable: The matrix is singular (a part of the grid without a source).
    """
    free = np.setdiff1d(np.arange(network.n_bus), reference_bus)
    y = network.admittance().tocsc()
    inner = y[free][:, free].tocsc()
    source: Complexes = np.asarray(-(y[free][:, reference_bus] @ reference_v))
    try:
        # Symmetric in pattern and dominated by its diagonal: pivots may stay there, SuperLU postorders.
        lu = splu(inner, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    except RuntimeError as error:
        raise NotApplicable(f"the admittance matrix cannot be factorised: {error}") from error
    if not np.array_equal(lu.perm_r, lu.perm_c):
        raise NotApplicable("the admittance matrix needs pivots off its diagonal")
    elimination = np.argsort(lu.perm_c)
    diagonal = lu.U.diagonal()
    order = np.concatenate((free[elimination], reference_bus))
    row_of = np.empty(network.n_bus, dtype=np.intp)
    row_of[order] = np.arange(network.n_bus)
    return Factors(
        order=order,
        row_of=row_of,
        n_free=len(free),
        lower=_triangle(csr_array(tril(lu.L, -1))),
        upper=_triangle(csr_array(diags_array(1 / diagonal) @ triu(lu.U, 1))),
        inverse_diagonal=np.asarray(1 / diagonal),
        source=source[elimination],
        no_load=np.concatenate((np.asarray(lu.solve(source))[elimination], reference_v)),
    )


def _triangle(matrix: csr_array) -> Triangle:
    matrix.sort_indices()
    return Triangle(
        matrix.indptr.astype(np.intp),
        matrix.indices.astype(np.intp),
        np.ascontiguousarray(matrix.data.real),
        np.ascontiguousarray(matrix.data.imag),
    )
