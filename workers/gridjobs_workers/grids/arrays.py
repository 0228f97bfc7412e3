"""Array types of the import, and how to make complex ones."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[np.intp]
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]
Strings: TypeAlias = NDArray[np.str_]
Complexes: TypeAlias = NDArray[np.complex128]

# Of the scanner.
Bytes: TypeAlias = NDArray[np.uint8]
Kinds: TypeAlias = NDArray[np.int8]
Numbers: TypeAlias = NDArray[np.int32]  # offsets and row numbers: uploads are far below 2 GiB
Fingerprints: TypeAlias = NDArray[np.uint64]


def complexes(real: Floats, imaginary: Floats) -> Complexes:
    """Put real and imaginary parts together."""
    joined = np.empty(len(real), dtype=np.complex128)
    joined.real, joined.imag = real, imaginary
    return joined


def polar(magnitude: Floats, degrees: Floats) -> Complexes:
    """Complex numbers of a magnitude and an angle [deg]; NaN in either gives NaN in both parts."""
    angle = np.deg2rad(degrees)
    return complexes(magnitude * np.cos(angle), magnitude * np.sin(angle))
