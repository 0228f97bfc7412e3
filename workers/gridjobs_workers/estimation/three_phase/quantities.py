"""Everything that follows from the voltages, phase by phase: powers, currents, and how well each is known."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from gridjobs_workers.estimation.measurements import Kind, Side
from gridjobs_workers.estimation.three_phase.measurements import At, PhaseMeasurements
from gridjobs_workers.estimation.three_phase.phase_model import PhaseModel
from gridjobs_workers.estimation.three_phase.solver import Solver
from gridjobs_workers.estimation.three_phase.start import Start
from gridjobs_workers.estimation.three_phase.terms import Wiring
from gridjobs_workers.grids.network import Complexes, Floats, Ints
from gridjobs_workers.grids.sequence import SEQUENCES
from gridjobs_workers.grids.three_phase import Conductor, ThreePhaseNetwork

Bools = NDArray[np.bool_]

_HUNDREDTH = 0.01
_NOTICEABLE = 1e-3  # part of a variance
_MOST = 0.5
_MOST_PROBES = 64


@dataclass(frozen=True, slots=True)
class PhaseQuantities:
    """Estimated quantities or their standard deviations, in per unit of the network and radian.

    Powers are those of the phases against the neutral. Powers and currents of a branch count from the bus into the
    branch, from end first; injections from the equipment into the grid. NaN: absent or not observable.

    Attributes:
        vm_pu: Voltage to earth of A, B, C and N, shape (n_bus, 4).
        angle_rad: Its angle.
        v_neutral_pu: Voltage of each phase to the neutral, shape (n_bus, 3).
        v_line_pu: Voltages AB, BC and CA on √3 times the base, shape (n_bus, 3).
        p_pu: Active power injected, shape (n_bus, 3).
        q_pu: Reactive power injected.
        branch_p_pu: Shape (n_branch, 2, 3).
        branch_q_pu: Shape (n_branch, 2, 3).
        branch_i_pu: Current of A, B, C and the neutral (or what returns by earth), shape (n_branch, 2, 4).
    """

    vm_pu: Floats
    angle_rad: Floats
    v_neutral_pu: Floats
    v_line_pu: Floats
    p_pu: Floats
    q_pu: Floats
    branch_p_pu: Floats
    branch_q_pu: Floats
    branch_i_pu: Floats

    def phasors(self) -> Complexes:
        """Voltages to earth [p.u.], shape (n_bus, 4)."""
        v: Complexes = self.vm_pu * np.exp(1j * self.angle_rad)
        return v

    def negative_sequence(self) -> Floats:
        """Voltage unbalance |V2| / |V1| of each bus, shape (n_bus,); NaN where a phase is absent."""
        components = np.abs(self.phasors()[:, :3] @ SEQUENCES.conj() / 3)
        return np.asarray(components[:, 2] / components[:, 1], np.float64)


class Gauge(PhaseModel):
    """Computes all quantities of one network."""

    def __init__(self, wiring: Wiring, start: Start) -> None:
        self._network = wiring.network
        self._outputs = _outputs(wiring.network)
        super().__init__(wiring, self._outputs, start, np.empty(0))

    def measure(self, solver: Solver, v: Complexes) -> tuple[PhaseQuantities, PhaseQuantities]:
        """All quantities at a solution and their sigmas, after `solver.invert`."""
        self.evaluate(v, np.zeros(2 * self.phases.n_pair), self.weights)
        self.space = self.space._replace(inverse=solver.space.inverse)
        sigma = np.sqrt(np.maximum(self.variances(), 0.0))
        return self._arranged(self.space.values[self.phases.row]), self._arranged(sigma)

    def _arranged(self, values: Floats) -> PhaseQuantities:
        n_bus, n_branch = self._network.n_bus, self._network.n_branch
        shapes = [(n_bus, 4), (n_bus, 4), *[(n_bus, 3)] * 4, *[(n_branch, 2, 3)] * 2, (n_branch, 2, 4)]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        parts = [part.reshape(shape) for part, shape in zip(np.split(values, ends), shapes, strict=True)]
        found = PhaseQuantities(*parts)
        _blank(found, self._network)
        return found

    def blank_hidden(self, solver: Solver, held: Ints, is_minimal: bool, *found: PhaseQuantities) -> None:
        """Set to NaN what depends on something that is merely held, after `measure`.

        The effect of one sigma of all that is held tells: what moves at least a hundredth as far as what moves most
        of its sort, and not by rounding alone, is unobservable. On the rest it has no bearing worth the name. Where
        more is held than is open, what owes most of its variance to that is unobservable.

        Args:
            solver: Holds the factor of the solution.
            held: Its measurements that hold something.
            is_minimal: Whether as many as are open.
            found: What was measured.
        """
        outputs = csr_array(self.jacobian()[self.phases.row])
        moved = np.zeros(len(self.sigma))
        for errors in _probes(solver.sigma, held):
            solver.settled(errors)
            moved += (outputs @ solver.space.step) ** 2
        share = _NOTICEABLE if is_minimal else _MOST
        noticeable = moved > share * np.maximum(self.variances(), 1e-300)
        movements = self._arranged(np.where(noticeable, moved, 0.0))
        for part in fields(PhaseQuantities):
            movement = getattr(movements, part.name)
            for sort in (np.s_[..., :3], np.s_[..., 3:]):  # the neutral is a sort of its own
                of_sort = movement[sort]
                least = _HUNDREDTH**2 * np.nanmax(of_sort, initial=0.0) if is_minimal else 0.0
                hidden = of_sort > least
                for quantities in found:
                    getattr(quantities, part.name)[sort][hidden] = np.nan


def _probes(sigma: Floats, held: Ints) -> Iterator[Floats]:
    """Errors of one sigma of what is held, one by one; of many random mixtures that sum up to the same variance."""
    n = len(held)
    mixtures = np.eye(n)
    if n > _MOST_PROBES:
        mixtures = np.random.default_rng(0).standard_normal((_MOST_PROBES, n)) / np.sqrt(_MOST_PROBES)
    for mixture in mixtures:
        errors = np.zeros(len(sigma))
        errors[held] = sigma[held] * mixture
        yield errors


def _outputs(network: ThreePhaseNetwork) -> PhaseMeasurements:
    """Every quantity as a measurement, in the order of `PhaseQuantities`."""
    bus, branch = np.arange(network.n_bus), np.arange(network.n_branch)

    def at_buses(kind: Kind, at: list[At]) -> PhaseMeasurements:
        return PhaseMeasurements.of(kind, np.repeat(bus, len(at)), np.tile(at, len(bus)), 0.0, 1.0)

    def at_ends(kind: Kind, at: list[At]) -> PhaseMeasurements:
        sides = np.tile(np.repeat([Side.FROM, Side.TO], len(at)), len(branch))
        element = np.repeat(branch, 2 * len(at))
        return PhaseMeasurements.of(kind, element, np.tile(at, 2 * len(branch)), 0.0, 1.0, side=sides)

    conductors, to_neutral = [At.A, At.B, At.C, At.N], [At.AN, At.BN, At.CN]
    return PhaseMeasurements.join(
        (
            at_buses(Kind.V_MAG, conductors),
            at_buses(Kind.V_ANG, conductors),
            at_buses(Kind.V_MAG, to_neutral),
            at_buses(Kind.V_MAG, [At.AB, At.BC, At.CA]),
            at_buses(Kind.P_INJ, to_neutral),
            at_buses(Kind.Q_INJ, to_neutral),
            at_ends(Kind.P_FLOW, to_neutral),
            at_ends(Kind.Q_FLOW, to_neutral),
            at_ends(Kind.I_MAG, conductors),
        )
    )


def _blank(found: PhaseQuantities, network: ThreePhaseNetwork) -> None:
    """Set to NaN what concerns absent conductors."""
    absent = ~network.present
    missing = absent[:, :3]
    for values in (found.vm_pu, found.angle_rad):
        values[absent] = np.nan
    for values in (found.v_neutral_pu, found.p_pu, found.q_pu):
        values[missing] = np.nan
    found.v_line_pu[missing | np.roll(missing, -1, axis=1)] = np.nan
    ends = np.stack((network.from_bus, network.to_bus), axis=1)
    for values in (found.branch_p_pu, found.branch_q_pu):
        values[missing[ends]] = np.nan
    found.branch_i_pu[..., : Conductor.N][missing[ends]] = np.nan
