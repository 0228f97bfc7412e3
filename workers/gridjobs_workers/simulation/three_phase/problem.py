"""What a three-phase power flow is asked, and what it answers."""

from dataclasses import dataclass, field

import numpy as np

from gridjobs_workers.grids.network import Complexes, Floats, Ints
from gridjobs_workers.grids.sequence import SEQUENCES


def _no_floats() -> Floats:
    return np.empty(0)


def _no_ints() -> Ints:
    return np.empty(0, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class ThreePhasePoint:
    """What the equipment does in each phase; power counts positive into the network.

    Phase powers are per unit on a third of the base power, so that balanced ones have the three-phase value.

    Attributes:
        star_pu: Power between each phase and the neutral, or earth where a bus has none, shape (n_bus, 3).
        delta_pu: Power between phases AB, BC and CA, shape (n_bus, 3), or empty.
        reference_bus: Buses with a balanced ideal source and their neutral earthed, at least one per island.
        reference_v: Their positive-sequence voltage [p.u.], shape (n_reference,).
        machine_bus: Buses whose machine feeds the same power in every phase and holds its positive-sequence
            magnitude; its active power is part of `star_pu`.
        machine_target_pu: Magnitude to hold [p.u.], shape (n_machine,).
    """

    star_pu: Complexes
    reference_bus: Ints
    reference_v: Complexes
    delta_pu: Complexes = field(default_factory=lambda: np.empty((0, 3), dtype=np.complex128))
    machine_bus: Ints = field(default_factory=_no_ints)
    machine_target_pu: Floats = field(default_factory=_no_floats)


@dataclass(frozen=True, slots=True)
class ThreePhaseFlow:
    """A solved three-phase power flow.

    Attributes:
        v: Voltages to earth of A, B, C and N [p.u.], 0 where a conductor is absent, shape (n_bus, 4).
        machine_q_pu: Reactive power of each machine, shape (n_machine,).
        iterations: Newton steps.
        mismatch_pu: Largest current missing at any conductor [p.u.].
    """

    v: Complexes
    machine_q_pu: Floats
    iterations: int
    mismatch_pu: float

    def sequences(self) -> Complexes:
        """Zero, positive and negative sequence of the voltages [p.u.], shape (n_bus, 3)."""
        return np.asarray(self.v[:, :3] @ SEQUENCES.conj() / 3)

    def unbalance(self) -> Floats:
        """Negative over positive sequence, shape (n_bus,)."""
        _, positive, negative = np.abs(self.sequences()).T
        return np.asarray(negative / positive)
