"""One grid, prepared for any number of requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.structure import Structure, build_structure
from gridjobs_workers.estimation.wire.places import Places
from gridjobs_workers.grids.model import GridModel, InjectionKind, Problem
from gridjobs_workers.grids.network import Floats, Ints, Network
from gridjobs_workers.grids.reduce import to_network
from gridjobs_workers.grids.state import sv_voltage
from gridjobs_workers.grids.three_phase import ThreePhaseNetwork, to_three_phase


@dataclass(frozen=True)
class Scene:
    """A grid with its network and the way from mRIDs to rows.

    Attributes:
        model: The grid.
        network: Its energised part in per unit.
        places: Finds components.
        present: Injections that draw or feed power, shape (n_injection,); corrections that a solution made to its
            own balance are none.
        structure: Elimination order and pattern, the same for every request.
    """

    model: GridModel
    network: Network
    places: Places
    present: NDArray[np.bool_]
    structure: Structure

    @classmethod
    def of(cls, model: GridModel) -> Self:
        """Prepare a grid."""
        network = to_network(model)
        real = model.injections.kind != InjectionKind.SV_INJECTION
        present = model.injections.in_service & real
        return cls(model, network, Places(model, network), present, build_structure(network))

    @cached_property
    def zero_injection_buses(self) -> Ints:
        """Buses of the network at which nothing draws or feeds, star points included."""
        occupied = np.zeros(len(self.model.buses.mrid), np.bool_)
        occupied[self.model.injections.bus[self.present]] = True
        return np.flatnonzero(~occupied[self.network.bus_row])

    @cached_property
    def injections_at_buses(self) -> Mapping[int, list[int]]:
        """Rows of the injections at each bus of the network that has any."""
        found: dict[int, list[int]] = {}
        for row in np.flatnonzero(self.present).tolist():
            if (bus := self.places.network_bus(int(self.model.injections.bus[row]))) >= 0:
                found.setdefault(bus, []).append(row)
        return found

    @cached_property
    def reference_buses(self) -> Ints:
        """Buses of the network that can hold the angle reference, the best first."""
        found = self.model.injections
        able = np.flatnonzero(self.present & (found.slack_priority > 0))
        order = able[np.argsort(found.slack_priority[able], kind="stable")]
        buses = np.array([self.places.network_bus(int(found.bus[row])) for row in order], np.intp)
        return buses[buses >= 0]

    @cached_property
    def reference_angles_rad(self) -> Floats:
        """Angles of the solution at the reference buses [rad]; 0 where there is none."""
        angles = np.angle(sv_voltage(self.model, self.network)[self.reference_buses])
        return np.asarray(np.nan_to_num(angles), np.float64)

    @cached_property
    def three_phase(self) -> tuple[ThreePhaseNetwork, tuple[Problem, ...]]:
        """The network phase by phase, and what had to be assumed for it."""
        return to_three_phase(self.model, self.network)

    def alone_at_bus(self, injection: int) -> bool:
        """Whether no other injection is at the same bus."""
        bus = self.model.injections.bus
        return bool(np.count_nonzero(self.present & (bus == bus[injection])) == 1)
