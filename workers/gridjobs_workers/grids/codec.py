"""A grid model as bytes and back: a zip of plain arrays, without pickle."""

import json
from dataclasses import asdict, fields, is_dataclass
from io import BytesIO
from typing import Any, Final, get_type_hints

import numpy as np

from gridjobs_workers.grids.model import GridModel, Problem

VERSION: Final = 1
HEAD: Final = "head"
PLAIN: Final = ("name", "dialect", "profiles", "scenario_time", "extra")


class UnreadableModel(Exception):
    """The bytes are no grid model of this version."""


def model_to_bytes(model: GridModel) -> bytes:
    """Write a grid model; the same model gives the same bytes."""
    head: dict[str, Any] = {name: getattr(model, name) for name in PLAIN}
    head |= {"version": VERSION, "problems": [asdict(problem) for problem in model.problems]}
    arrays = {HEAD: _text(json.dumps(head, sort_keys=True, default=_jsonable))}
    arrays["bus_of.mrid"] = _text("\n".join(model.bus_of))
    arrays["bus_of.bus"] = np.fromiter(model.bus_of.values(), np.int64, len(model.bus_of))
    for group in _groups():
        record = getattr(model, group)
        for column in fields(record):
            arrays[f"{group}.{column.name}"] = _packed(getattr(record, column.name))
    target = BytesIO()
    np.savez_compressed(target, allow_pickle=False, **arrays)  # type: ignore[arg-type]  # stub of numpy
    return target.getvalue()


def model_from_bytes(data: bytes) -> GridModel:
    """Read a grid model.

    Raises:
        UnreadableModel: These bytes are none, or of another version.
    """
    try:
        stored = np.load(BytesIO(data), allow_pickle=False)
        head = json.loads(stored[HEAD].tobytes())
    except (ValueError, KeyError, OSError) as error:
        raise UnreadableModel(str(error)) from error
    if head.pop("version") != VERSION:
        raise UnreadableModel("the model was written by another version; upload the grid again")
    problems = tuple(Problem(**problem) for problem in head.pop("problems"))
    head["profiles"] = tuple(head["profiles"])
    mrids = stored["bus_of.mrid"].tobytes().decode().split("\n")
    bus_of = dict(zip(mrids, stored["bus_of.bus"].tolist(), strict=False)) if mrids != [""] else {}
    groups = {
        group: kind(**{c.name: _unpacked(stored[f"{group}.{c.name}"]) for c in fields(kind)})
        for group, kind in _groups().items()
    }
    return GridModel(**head, **groups, bus_of=bus_of, problems=problems)


def _groups() -> dict[str, Any]:
    return {name: kind for name, kind in get_type_hints(GridModel).items() if is_dataclass(kind)}


def _packed(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values


def _unpacked(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.char.decode(values, "utf-8") if values.dtype.kind == "S" else values


def _text(text: str) -> np.ndarray[Any, Any]:
    return np.frombuffer(text.encode(), np.uint8)


def _jsonable(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
