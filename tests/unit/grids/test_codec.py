from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from support.cgmes import two_buses

from gridjobs_workers.grids.build import import_grid
from gridjobs_workers.grids.codec import UnreadableModel, model_from_bytes, model_to_bytes
from gridjobs_workers.grids.model import GridModel


def assert_same(first: Any, second: Any) -> None:
    for column in fields(first):
        a, b = getattr(first, column.name), getattr(second, column.name)
        if is_dataclass(a) and not isinstance(a, type):
            assert_same(a, b)
        elif isinstance(a, np.ndarray):
            assert a.dtype.kind == b.dtype.kind, column.name
            np.testing.assert_array_equal(a, b, err_msg=column.name)
        elif column.name == "bus_of":
            assert dict(a) == dict(b)
        else:
            assert a == b, column.name


def grid(name: str) -> GridModel:
    documents = [(n, c.replace(b">load<", f">{name}<".encode())) for n, c in two_buses().documents()]
    return import_grid(documents)


@pytest.mark.parametrize("name", ["plain", "Zürich 東京", ""])
def test_a_model_survives_its_bytes(name: str) -> None:
    model = grid(name)

    assert_same(model, model_from_bytes(model_to_bytes(model)))


def test_the_same_model_gives_the_same_bytes() -> None:
    assert model_to_bytes(grid("a")) == model_to_bytes(grid("a"))


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_bytes_that_are_no_model_are_refused(data: bytes) -> None:
    with pytest.raises(UnreadableModel):
        model_from_bytes(data)


def test_cut_bytes_are_refused() -> None:
    with pytest.raises(UnreadableModel):
        model_from_bytes(model_to_bytes(grid("a"))[:-100])
