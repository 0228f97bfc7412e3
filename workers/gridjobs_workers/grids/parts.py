"""Arrays of equipment, put together from several classes."""

from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np

from gridjobs_workers.grids.arrays import Bools, Complexes, Rows
from gridjobs_workers.grids.model import Branches

Record = TypeVar("Record")


def joined(kind: type[Record], records: list[Record]) -> Record:
    """Join dataclasses of equally long arrays, field by field."""
    return kind(
        **{
            field.name: np.concatenate([getattr(record, field.name) for record in records])
            for field in fields(kind)  # type: ignore[arg-type]
        }
    )


def picked(record: Record, rows: Rows | Bools) -> Record:
    """Take some rows of a dataclass of equally long arrays."""
    values: dict[str, Any] = {field.name: getattr(record, field.name)[rows] for field in fields(record)}  # type: ignore[arg-type]
    return type(record)(**values)


@dataclass(frozen=True, slots=True)
class PlacedBranches:
    """Branches and where they come from, shape (n,) each.

    Attributes:
        branches: As in the model, without limits.
        first: Position of the from-side terminal among the terminals.
        second: Position of the to-side terminal, -1 at a star point.
        equipment: Row of the equipment in the table.
    """

    branches: Branches
    first: Rows
    second: Rows
    equipment: Rows


def placed(sets: list[PlacedBranches]) -> PlacedBranches:
    """Join sets of branches."""
    return PlacedBranches(
        joined(Branches, [one.branches for one in sets]),
        np.concatenate([one.first for one in sets]),
        np.concatenate([one.second for one in sets]),
        np.concatenate([one.equipment for one in sets]),
    )


@dataclass(frozen=True, slots=True)
class Admittances:
    """Two-ports in siemens, shape (n,) each; see `model.Branches`."""

    ff: Complexes
    ft: Complexes
    tf: Complexes
    tt: Complexes


def pi_admittances(series: Complexes, shunt: Complexes) -> Admittances:
    """Two-port of a series admittance with half the shunt admittance at each end, all in siemens."""
    own = series + shunt / 2
    return Admittances(own, -series, -series, own)


def ideal_ratio(
    series: Complexes,
    shunt_from: Complexes,
    shunt_to: Complexes,
    turns_from: Complexes,
    turns_to: Complexes,
) -> Admittances:
    """Two-port of a pi circuit between two ideal transformers of complex ratio.

    The pi circuit's voltages are V_from / turns_from and V_to / turns_to.
    """
    return Admittances(
        (series + shunt_from) / np.abs(turns_from) ** 2,
        -series / (np.conj(turns_from) * turns_to),
        -series / (np.conj(turns_to) * turns_from),
        (series + shunt_to) / np.abs(turns_to) ** 2,
    )
