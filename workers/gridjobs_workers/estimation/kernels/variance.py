"""Variances of estimated quantities from the inverse subset."""

from gridjobs_workers.estimation.kernels.jit import kernel
from gridjobs_workers.estimation.kernels.types import Floats, Int64s


@kernel
def pair_covariances(
    starts: Int64s, slots: Int64s, slot_starts: Int64s, jacobian: Floats, inverse: Floats, covariances: Floats
) -> None:
    """Fill `covariances` with (var h0, cov, var h1) of each pair's estimate, H A⁻¹ Hᵀ, shape (3 n_pair,).

    Args:
        starts: See `jacobian.evaluate`.
        slots: See `jacobian.gain`.
        slot_starts: See `jacobian.gain`.
        jacobian: See `jacobian.evaluate`.
        inverse: See `inverse.inverse_subset`.
        covariances: Output.
    """
    for r in range(len(starts) - 1):
        c00 = 0.0
        c01 = 0.0
        c11 = 0.0
        s = slot_starts[r]
        first = starts[r]
        for a in range(first, starts[r + 1]):
            a00 = jacobian[4 * a]
            a01 = jacobian[4 * a + 1]
            a10 = jacobian[4 * a + 2]
            a11 = jacobian[4 * a + 3]
            for b in range(first, a + 1):
                z = 4 * slots[s]
                # Z (b, a) times column a of Hᵀ
                t00 = inverse[z] * a00 + inverse[z + 1] * a01
                t01 = inverse[z] * a10 + inverse[z + 1] * a11
                t10 = inverse[z + 2] * a00 + inverse[z + 3] * a01
                t11 = inverse[z + 2] * a10 + inverse[z + 3] * a11
                b00 = jacobian[4 * b]
                b01 = jacobian[4 * b + 1]
                b10 = jacobian[4 * b + 2]
                b11 = jacobian[4 * b + 3]
                twice = 1.0 if a == b else 2.0
                c00 += twice * (b00 * t00 + b01 * t10)
                c11 += twice * (b10 * t01 + b11 * t11)
                c01 += 0.5 * twice * (b00 * t01 + b01 * t11 + b10 * t00 + b11 * t10)
                s += 1
        covariances[3 * r] = c00
        covariances[3 * r + 1] = c01
        covariances[3 * r + 2] = c11
