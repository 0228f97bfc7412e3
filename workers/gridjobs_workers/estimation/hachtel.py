"""Gauss-Newton on Hachtel's augmented matrix, by scipy: slow, and safe from the loss of digits in HᵀWH.

    ⎡ I   A   0 ⎤ ⎡ r ⎤   ⎡ b ⎤
    ⎢ Aᵀ  0   Cᵀ⎥ ⎢ x ⎥ = ⎢ 0 ⎥      A = W^½ H, b = W^½ (z − h), C and d of the exact zeros
    ⎣ 0   C   0 ⎦ ⎣ λ ⎦   ⎣ d ⎦

References:
    A. Gjelsvik, S. Aam, L. Holten, "Hachtel's augmented matrix method: a rapid method improving numerical
    stability in power system static state estimation", IEEE Trans. PAS-104(11), 1985.
"""

import numpy as np
from scipy.sparse import block_array, csc_array, csr_array, diags_array, eye_array
from scipy.sparse.linalg import splu

from gridjobs_workers.estimation.linear import LinearModel
from gridjobs_workers.grids.network import Floats

_SCALE = 1e-3  # of the unit block: smaller keeps pivots off the dense rows


def hachtel_step(model: LinearModel) -> Floats:
    """The Gauss-Newton step of the residuals and Jacobian in `model.space`, shape (2 n_bus,) by position.

    Raises:
        RuntimeError: The matrix is singular.
    """
    jacobian = model.jacobian()
    rows = model.layout.row[model.used]
    constraint = np.arange(2 * model.layout.n_pair)[model.layout.constraint_rows]
    open_ = np.flatnonzero(np.column_stack((model.free, np.ones_like(model.free))).ravel())
    scale = 1.0 / model.sigma[model.used]
    A = diags_array(scale) @ jacobian[rows][:, open_]
    b = scale * model.space.residuals[rows]
    C, d = _row_scaled(jacobian[constraint][:, open_], model.space.residuals[constraint])

    unit = _SCALE * eye_array(len(rows))
    matrix = csc_array(block_array([[unit, A, None], [A.T, None, C.T], [None, C, None]]))
    right = np.concatenate((b, np.zeros(len(open_)), d))
    factor = splu(matrix)
    solution = factor.solve(right)
    solution += factor.solve(right - matrix @ solution)
    step = np.zeros(len(model.space.step))
    step[open_] = solution[len(rows) : len(rows) + len(open_)]
    return step


def _row_scaled(matrix: csr_array, right: Floats) -> tuple[csr_array, Floats]:
    """Equations divided by their largest coefficient."""
    size = abs(matrix).max(axis=1).toarray().ravel()
    return csr_array(diags_array(1.0 / size) @ matrix), right / size
