"""Where in the network the component of a measurement is."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from gridjobs_workers.estimation.measurements import Side
from gridjobs_workers.grids.model import BranchKind, GridModel
from gridjobs_workers.grids.names import undecorated
from gridjobs_workers.grids.network import Network


class At(Enum):
    """What kind of thing a measurement sits on."""

    NODE = "node"
    BRANCH = "branch"
    INJECTION = "injection"
    OTHER = "other"  # a shunt or a switch: nothing of it can be measured but its node's voltage


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the network; -1 where the thing is not in service."""

    at: At
    bus: int  # of the network
    branch: int = -1  # of the network
    side: Side = Side.FROM
    injection: int = -1  # row of the grid model


class Places:
    """Finds components by mRID."""

    def __init__(self, model: GridModel, network: Network) -> None:
        self._bus = _inverse(network.bus_row, len(model.buses.mrid))
        self._branch = _inverse(network.branch_row, len(model.branches.mrid))
        self._places: dict[tuple[str, int], Place] = {}
        self._add_nodes(model)
        self._add_switches(model)
        self._add_injections(model)
        self._add_branches(model)

    def find(self, mrid: str, side: int | None) -> Place | None:
        """Return the place of a component, or None when the grid has no such component or end."""
        for name in dict.fromkeys((mrid, undecorated(mrid))):
            place = self._places.get((name, side or 0)) or self._places.get(
                (name, 1 if side is None else side)
            )
            if place is not None:
                return place
        return None

    def network_bus(self, model_bus: int) -> int:
        """Row in the network of a bus of the grid model; -1 when it is de-energised."""
        return int(self._bus[model_bus])

    def _add_nodes(self, model: GridModel) -> None:
        for mrid, bus in model.bus_of.items():
            self._places[mrid, 0] = Place(At.NODE, int(self._bus[bus]))

    def _add_switches(self, model: GridModel) -> None:
        for mrid, bus in zip(model.switches.mrid, model.switches.from_bus, strict=True):
            self._places[str(mrid), 0] = Place(At.OTHER, int(self._bus[bus]) if bus >= 0 else -1)
        shunts = model.shunts
        for mrid, terminal, bus in zip(shunts.mrid, shunts.terminal, shunts.bus, strict=True):
            self._places[str(mrid), 0] = self._places[str(terminal), 0] = Place(At.OTHER, int(self._bus[bus]))

    def _add_injections(self, model: GridModel) -> None:
        found = model.injections
        for row, (mrid, terminal, bus) in enumerate(zip(found.mrid, found.terminal, found.bus, strict=True)):
            alive = bool(found.in_service[row])
            place = Place(At.INJECTION, int(self._bus[bus]), injection=row if alive else -1)
            self._places[str(mrid), 0] = self._places[str(terminal), 0] = place

    def _add_branches(self, model: GridModel) -> None:
        ends = dict(
            zip(model.transformers.branch.tolist(), model.transformers.end_number.tolist(), strict=True)
        )
        found = model.branches
        for row in range(len(found.mrid)):
            mrid, branch = str(found.mrid[row]), int(self._branch[row])
            near = Place(At.BRANCH, int(self._bus[found.from_bus[row]]), branch, Side.FROM)
            far = Place(At.BRANCH, int(self._bus[found.to_bus[row]]), branch, Side.TO)
            self._places[str(found.from_terminal[row]), 0] = near
            if found.kind[row] == BranchKind.WINDING:
                self._places[mrid, ends[row]] = near
            else:
                self._places[mrid, 1], self._places[mrid, 2] = near, far
                self._places[str(found.to_terminal[row]), 0] = far


def _inverse(
    rows: np.ndarray[tuple[int], np.dtype[np.intp]], size: int
) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    inverse = np.full(size, -1, np.intp)
    inverse[rows] = np.arange(len(rows))
    return inverse
