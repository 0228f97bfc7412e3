"""How every kernel is compiled: cached on disk, without the interpreter lock, IEEE arithmetic."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function. Division follows IEEE (no Python exception), so callers test for NaN themselves."""
    return cast("F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))
