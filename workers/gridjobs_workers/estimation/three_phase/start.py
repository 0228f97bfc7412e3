"""Islands, the angle that is given in each, and the balanced state at no load from which an estimation starts."""

from dataclasses import dataclass, replace

import numpy as np

from gridjobs_workers.estimation.islands import Islands, find_islands
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.estimation.three_phase.measurements import AXES, VOLTAGES, At, PhaseMeasurements
from gridjobs_workers.grids.network import Complexes, Floats, Ints
from gridjobs_workers.grids.sequence import PHASE_SHIFT_RAD
from gridjobs_workers.grids.three_phase import N_CONDUCTOR, Conductor, ThreePhaseNetwork

# Angle of each `At` in a balanced system, relative to phase A [rad].
LEAD_RAD = np.concatenate((PHASE_SHIFT_RAD, [0.0], PHASE_SHIFT_RAD + np.pi / 6, PHASE_SHIFT_RAD, [0.0, 0.0]))


@dataclass(frozen=True, slots=True)
class Start:
    """Where an estimation starts.

    Attributes:
        islands: Islands of the buses; angles are those of phase A at no load.
        v: Voltage of each phase node at no load, by position [p.u.], shape (n_node,).
        pinned: Conductors whose angle is given, as 4 · bus + conductor.
        is_phase: 1 for a phase, 0 for a neutral, by position, shape (n_node,).
    """

    islands: Islands
    v: Complexes
    pinned: Ints
    is_phase: np.ndarray[tuple[int], np.dtype[np.int8]]

    def free(self) -> Floats:
        """0 for a conductor whose angle is given, else 1, by 4 · bus + conductor, shape (4 n_bus,)."""
        free = np.ones(N_CONDUCTOR * len(self.islands.island))
        free[self.pinned] = 0.0
        return free

    @property
    def n_state(self) -> int:
        """Number of unknowns."""
        return 2 * len(self.v) - len(self.pinned)

    def angle_rad(self, bus: Ints, at: Ints) -> Floats:
        """Angle of a voltage at no load [rad]."""
        angle: Floats = self.islands.angle_rad[bus] + LEAD_RAD[at]
        return angle


def find_start(
    network: ThreePhaseNetwork,
    structure: Structure,
    measurements: PhaseMeasurements,
    reference_bus: Ints,
    reference_angle_rad: Floats,
    *,
    require_voltages: bool = True,
) -> Start:
    """Find the islands and the state at no load.

    One phase of an island's reference bus has its angle given, unless angles are measured in the island.

    Raises:
        IslandWithoutReference: An island has no voltage measurement, and it is required.
    """
    balanced = _as_balanced(measurements)
    islands = find_islands(network.positive_sequence(), balanced, reference_bus, reference_angle_rad)
    if require_voltages:
        islands.require_voltages()
    islands = replace(islands, vm_pu=np.nan_to_num(islands.vm_pu, nan=1.0))
    conductor = structure.bus_at % N_CONDUCTOR
    bus = structure.bus_at // N_CONDUCTOR
    is_phase = conductor != Conductor.N
    v = islands.vm_pu[bus] * np.exp(1j * (islands.angle_rad[bus] + LEAD_RAD[conductor]))
    return Start(
        islands=islands,
        v=np.where(is_phase, v, 0.0),
        pinned=_pinned(network, measurements, islands),
        is_phase=is_phase.astype(np.int8),
    )


def _as_balanced(m: PhaseMeasurements) -> Measurements:
    """Voltages as if the system were balanced, for islands and levels."""
    chosen = np.isin(m.kind, VOLTAGES) & ~np.isin(m.at, (At.N, At.ZERO))
    value = np.where(m.kind == Kind.V_ANG, m.value - LEAD_RAD[m.at], m.value)
    return Measurements.of(m.kind[chosen], m.element[chosen], value[chosen], m.sigma[chosen])


def _pinned(network: ThreePhaseNetwork, m: PhaseMeasurements, islands: Islands) -> Ints:
    axes = m.element[np.isin(m.kind, AXES)]
    is_branch = m.at_branch()[np.isin(m.kind, AXES)]
    buses = np.concatenate((network.from_bus[axes[is_branch]], axes[~is_branch]))
    is_pinned = islands.is_pinned.copy()
    is_pinned[islands.island[buses]] = False  # a current phasor brings its own angle reference
    bus = islands.reference_bus[is_pinned]
    first_phase = np.argmax(network.present[bus, :3], axis=1)
    return np.asarray(N_CONDUCTOR * bus + first_phase, np.intp)
