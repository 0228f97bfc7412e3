"""Array types of the kernels."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Int8s = NDArray[np.int8]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
