"""A bounded memory of expensive things (parsed grids, factorised matrices) inside the warm child."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeVar

Value = TypeVar("Value")


class Recent:
    """Keeps the most recently used values; the least recently used leaves first."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, build: Callable[[], Value]) -> Value:
        """Return the value kept under the key, building it when it is not there."""
        if key not in self._values:
            self._values[key] = build()
            while len(self._values) > self.capacity:
                self._values.popitem(last=False)
        self._values.move_to_end(key)
        value: Value = self._values[key]
        return value


@cache
def recent_grids() -> Recent:
    """Return this process's memory of grids, keyed by whatever names their content (a digest)."""
    return Recent(capacity=16)
