"""The blocks of A⁻¹ that lie on the pattern of its factor (sparse inverse subset).

References:
    K. Takahashi, J. Fagan, M.-S. Chen, "Formation of a sparse bus impedance matrix and its application to
    short circuit study", PICA 1973.
"""

import numpy as np

from gridjobs_workers.estimation.kernels.jit import kernel
from gridjobs_workers.estimation.kernels.types import Floats, Int32s, Int64s


@kernel
def inverse_subset(
    row_starts: Int64s,
    columns: Int32s,
    blocks: Floats,
    inverse_diagonal: Floats,
    inverse: Floats,
    work: Floats,
) -> None:
    """Fill `inverse` with the blocks of (Uᵀ D U)⁻¹, stored like `blocks`, shape (4 (n_block + n),).

    Args:
        row_starts: See `symbolic.factor_pattern`.
        columns: See `symbolic.factor_pattern`.
        blocks: The factor, see `factor.factorise`.
        inverse_diagonal: See `factor.factorise`.
        inverse: Output.
        work: Scratch, shape (4 n,); left as zeros.
    """
    n = len(row_starts) - 1
    n_block = row_starts[n]
    place = np.full(n, n_block, np.int64)  # of a block in the current row; later rows lie behind it
    for k in range(n - 1, -1, -1):
        p0 = row_starts[k]
        p1 = row_starts[k + 1]
        for p in range(p0, p1):
            place[columns[p]] = p
            w = 4 * columns[p]
            work[w] = 0.0
            work[w + 1] = 0.0
            work[w + 2] = 0.0
            work[w + 3] = 0.0
        for p in range(p0, p1):
            i = columns[p]
            u = 4 * p
            u00 = blocks[u]
            u01 = blocks[u + 1]
            u10 = blocks[u + 2]
            u11 = blocks[u + 3]
            z = 4 * (n_block + i)
            s00 = u00 * inverse[z] + u01 * inverse[z + 2]
            s01 = u00 * inverse[z + 1] + u01 * inverse[z + 3]
            s10 = u10 * inverse[z] + u11 * inverse[z + 2]
            s11 = u10 * inverse[z + 1] + u11 * inverse[z + 3]
            for q in range(row_starts[i], row_starts[i + 1]):
                j = columns[q]
                v = 4 * place[j]
                if v >= 4 * p1:
                    continue
                z = 4 * q
                z00 = inverse[z]
                z01 = inverse[z + 1]
                z10 = inverse[z + 2]
                z11 = inverse[z + 3]
                w = 4 * j
                work[w] -= u00 * z00 + u01 * z10
                work[w + 1] -= u00 * z01 + u01 * z11
                work[w + 2] -= u10 * z00 + u11 * z10
                work[w + 3] -= u10 * z01 + u11 * z11
                v00 = blocks[v]
                v01 = blocks[v + 1]
                v10 = blocks[v + 2]
                v11 = blocks[v + 3]
                s00 += v00 * z00 + v01 * z01
                s01 += v00 * z10 + v01 * z11
                s10 += v10 * z00 + v11 * z01
                s11 += v10 * z10 + v11 * z11
            w = 4 * i
            work[w] -= s00
            work[w + 1] -= s01
            work[w + 2] -= s10
            work[w + 3] -= s11
        d00 = inverse_diagonal[3 * k]
        d01 = inverse_diagonal[3 * k + 1]
        d11 = inverse_diagonal[3 * k + 2]
        for p in range(p0, p1):
            j = columns[p]
            w = 4 * j
            u = 4 * p
            z00 = work[w]
            z01 = work[w + 1]
            z10 = work[w + 2]
            z11 = work[w + 3]
            inverse[u] = z00
            inverse[u + 1] = z01
            inverse[u + 2] = z10
            inverse[u + 3] = z11
            d00 -= blocks[u] * z00 + blocks[u + 1] * z01
            d01 -= blocks[u] * z10 + blocks[u + 1] * z11
            d11 -= blocks[u + 2] * z10 + blocks[u + 3] * z11
            work[w] = 0.0
            work[w + 1] = 0.0
            work[w + 2] = 0.0
            work[w + 3] = 0.0
        d = 4 * (n_block + k)
        inverse[d] = d00
        inverse[d + 1] = d01
        inverse[d + 2] = d01
        inverse[d + 3] = d11
