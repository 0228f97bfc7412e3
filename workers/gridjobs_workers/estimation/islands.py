"""Islands, their reference buses and the state at no load from which an estimation starts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.errors import IslandWithoutReference
from gridjobs_workers.estimation.kernels.tree import breadth_first
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.grids.network import Floats, Ints, Network

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Islands:
    """Islands of a network as seen by a set of measurements.

    Attributes:
        island: Island of each bus, shape (n_bus,).
        depth: Branches between each bus and its island's reference bus.
        reference_bus: One bus an island, shape (n_island,).
        is_pinned: Whether the reference angle is given, because no angle is measured in the island.
        has_voltage: Whether a voltage magnitude is measured in the island.
        angle_rad: Voltage angles at no load [rad], shape (n_bus,).
        vm_pu: Median of the island's measured voltages [p.u.], shape (n_bus,).
    """

    island: Ints
    depth: Ints
    reference_bus: Ints
    is_pinned: Bools
    has_voltage: Bools
    angle_rad: Floats
    vm_pu: Floats

    def free(self) -> Floats:
        """0 for a bus whose angle is given, else 1, shape (n_bus,)."""
        free = np.ones(len(self.island))
        free[self.reference_bus[self.is_pinned]] = 0.0
        return free

    def require_voltages(self) -> None:
        """Raise IslandWithoutReference if an island has no voltage measurement."""
        without = np.flatnonzero(~self.has_voltage)
        if len(without):
            raise IslandWithoutReference([np.flatnonzero(self.island == k) for k in without])

    @property
    def n_state(self) -> int:
        """Number of unknowns."""
        return 2 * len(self.island) - int(self.is_pinned.sum())


def find_islands(
    network: Network, measurements: Measurements, reference_bus: Ints, reference_angle_rad: Floats
) -> Islands:
    """Find the islands and choose their references.

    The reference is the first of `reference_bus` in an island, else its first bus with a measured voltage.
    Where angles are measured they decide and no angle is given.

    Args:
        network: The network.
        measurements: Its measurements.
        reference_bus: Preferred reference buses.
        reference_angle_rad: Their angles [rad].
    """
    starts, neighbours, lags = _neighbours(network)
    measured = np.unique(measurements.element[measurements.kind == Kind.V_MAG])
    roots = np.concatenate((reference_bus, measured, np.arange(network.n_bus))).astype(np.int64)
    island, depth, angle = breadth_first(starts, neighbours, lags, roots)
    _, first = np.unique(island[roots], return_index=True)
    reference = roots[first]

    level = _median_voltage(island, measurements, len(reference))
    offset = np.zeros(len(reference))
    for k, bus in enumerate(reference_bus[::-1]):  # the first preference of an island is written last
        if bus == reference[island[bus]]:
            offset[island[bus]] = reference_angle_rad[::-1][k]
    by_angle = np.flatnonzero(measurements.kind == Kind.V_ANG)[::-1]
    bus = measurements.element[by_angle]
    offset[island[bus]] = measurements.value[by_angle] - angle[bus]
    is_pinned = np.ones(len(reference), bool)
    is_pinned[island[bus]] = False
    has_voltage = ~np.isnan(level)
    vm = np.where(has_voltage, level, 1.0)[island]
    return Islands(island, depth, reference, is_pinned, has_voltage, angle + offset[island], vm)


def _median_voltage(island: Ints, measurements: Measurements, n_island: int) -> Floats:
    level = np.full(n_island, np.nan)
    rows = np.flatnonzero(measurements.kind == Kind.V_MAG)
    of_island = island[measurements.element[rows]]
    for k in np.unique(of_island):
        level[k] = np.median(measurements.value[rows[of_island == k]])
    return level


def _neighbours(network: Network) -> tuple[NDArray[np.int64], NDArray[np.int32], Floats]:
    bus = np.concatenate((network.from_bus, network.to_bus))
    other = np.concatenate((network.to_bus, network.from_bus))
    lag = np.concatenate((network.shift_rad, -network.shift_rad))
    order = np.argsort(bus, kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(bus, minlength=network.n_bus)))).astype(np.int64)
    return starts, other[order].astype(np.int32), lag[order]
