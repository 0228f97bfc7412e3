"""How kernels are compiled."""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel on its first call and keep it on disk; it runs without the interpreter's lock.

    No fast-math: a diverging case turns into NaN and must be seen. Division by zero gives inf, as in numpy.
    """
    kernel: Callable[..., Any] = njit(nogil=True, cache=True, error_model="numpy")(function)
    return kernel
