"""What the measurements determine, what is assumed where nothing does, and which others would help."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from gridjobs_workers.estimation.independent import independent_rows
from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.options import OnUnobservable
from gridjobs_workers.estimation.three_phase.errors import PhasesNotObservable
from gridjobs_workers.estimation.three_phase.measurements import POWERS, V_AXIS, At, PhaseMeasurements
from gridjobs_workers.estimation.three_phase.options import PhaseOptions
from gridjobs_workers.estimation.three_phase.unit_model import Seen, UnitModel
from gridjobs_workers.grids.network import Ints
from gridjobs_workers.grids.three_phase import N_CONDUCTOR, Conductor, ThreePhaseNetwork

Bools = NDArray[np.bool_]

_INVISIBLE = 1e-6
_HELD_SIGMA = 0.1
_SEVERAL = 3.0


@dataclass(frozen=True, slots=True)
class Completion:
    """What is added to the measurements so that the problem has one solution.

    Attributes:
        assumed: Balanced angles at reference buses and zero displacement, where nothing else tells them.
        restored: Candidates taken.
        held: What is merely held so that the rest can be solved for (PARTIAL).
        is_minimal: Whether as much is held as is open, and no more.
    """

    assumed: PhaseMeasurements
    restored: Ints
    held: PhaseMeasurements
    is_minimal: bool = False


def complete(
    model: UnitModel, measurements: PhaseMeasurements, used: Bools, options: PhaseOptions
) -> Completion:
    """Make the problem determined, as the options say.

    Raises:
        PhasesNotObservable: It is not, and the options require it or no candidate helps.
    """
    nothing = measurements.without_zeros().rows(np.empty(0, np.intp))
    seen = model.seen(measurements)
    if seen.deficiency(used) == 0:
        return Completion(nothing, np.empty(0, np.intp), nothing)

    candidates = assumptions(model, measurements, used, options)
    assumed = candidates.rows(_chosen(model, seen, candidates))
    together, used = _with(measurements, used, assumed)
    seen = model.seen(together)
    if seen.deficiency(used) == 0:
        return Completion(assumed, np.empty(0, np.intp), nothing)

    restored = np.empty(0, np.intp)
    if options.observability == OnUnobservable.RESTORE and options.candidates is not None:
        restored = _completing(model, together, used, options.candidates)
        together, used = _with(together, used, options.candidates.rows(restored))
        seen = model.seen(together)
        if seen.deficiency(used) == 0:
            return Completion(assumed, restored, nothing)
    if options.observability != OnUnobservable.PARTIAL:
        raise _not_observable(model, seen, together, used)
    return Completion(assumed, restored, _held(model, seen, together, used), is_minimal=True)


def assumptions(
    model: UnitModel, measurements: PhaseMeasurements, used: Bools, options: PhaseOptions
) -> PhaseMeasurements:
    """What is assumed about displacement and about angles between phases, in this order, where nothing tells."""
    adrift = displaced_buses(model, measurements.rows(used))
    if not np.isfinite(options.displacement_sigma_pu):
        adrift = adrift[:0]
    both = np.repeat(adrift, 2)
    axis = np.tile([0.0, np.pi / 2], len(adrift))
    displaced = PhaseMeasurements.of(
        V_AXIS, both, At.ZERO, 0.0, options.displacement_sigma_pu, axis_rad=axis, is_pseudo=True
    )
    reference = model.start.islands.reference_bus
    bus, phase = np.repeat(reference, 3), np.tile(np.arange(3), len(reference))
    there = model.network.present[bus, phase] & np.isfinite(options.balance_sigma_rad)
    angle = model.start.angle_rad(bus, phase)[there]
    balanced = PhaseMeasurements.of(
        Kind.V_ANG, bus[there], phase[there], angle, options.balance_sigma_rad, is_pseudo=True
    )
    return PhaseMeasurements.join((displaced, balanced))


def displaced_buses(model: UnitModel, measurements: PhaseMeasurements) -> Ints:
    """One bus of each part whose conductors may all rise by the same voltage and no measurement sees it."""
    first, part = floating_parts(model.wiring.network)
    if not len(first):
        return first
    unpinned = UnitModel(model.network, model.wiring, replace(model.start, pinned=np.empty(0, np.intp)))
    rows = unpinned.seen(measurements.without_zeros()).rows()
    bus = model.structure.bus_at // N_CONDUCTOR
    frame = np.where(model.start.is_phase, model.v, 1.0)
    hidden = []
    for one in first:
        for rise in (1.0, 1.0j):
            state = np.where(part[bus] == part[one], rise / frame, 0.0)
            view = rows @ np.stack((state.imag, state.real), axis=1).ravel()
            if np.abs(view).max(initial=0.0) > _INVISIBLE:
                break
        else:
            hidden.append(one)
    return np.array(hidden, np.intp)


def floating_parts(network: ThreePhaseNetwork) -> tuple[Ints, Ints]:
    """One bus of each part whose conductors may all rise by the same voltage without a current, and each bus's part.

    Args:
        network: A unit network.
    """
    up = network.present.astype(float)  # absent neutrals are at earth
    passes = np.abs(np.einsum("nij,nj->ni", network.y_ft, up[network.to_bus])).max(axis=1) > _INVISIBLE
    ends = (network.from_bus[passes], network.to_bus[passes])
    graph = coo_array((np.ones(len(ends[0])), ends), shape=(network.n_bus, network.n_bus))
    n_part, part = connected_components(graph, directed=False)
    current = np.abs(network.admittance() @ up.ravel()).reshape(up.shape)
    held = np.zeros(n_part, bool)
    np.logical_or.at(held, part, np.where(network.present, current, 0.0).max(axis=1) > _INVISIBLE)
    _, first = np.unique(part, return_index=True)
    return np.asarray(first[~held], np.intp), np.asarray(part, np.intp)


def _chosen(model: UnitModel, seen: Seen, candidates: PhaseMeasurements) -> Ints:
    """Independent candidates that see what the measurements do not, after `seen.deficiency`."""
    basis = seen.null_space()
    if not len(candidates) or not basis.shape[1]:
        return np.empty(0, np.intp)
    size = abs(basis).max(axis=0).toarray().ravel()
    views = csr_array(model.seen(candidates.without_zeros()).rows() @ basis * (1.0 / size))
    return independent_rows(views, basis.shape[1])


def _completing(
    model: UnitModel, measurements: PhaseMeasurements, used: Bools, candidates: PhaseMeasurements
) -> Ints:
    """Candidates that make everything observable, none superfluous, or as much as they can.

    Where much is open the null space loses digits and hides some of what helps: hence in rounds.
    """
    taken = np.zeros(len(candidates), bool)
    while True:
        together, counting = _with(measurements, used, candidates.rows(taken))
        seen = model.seen(together)
        rest = np.flatnonzero(~taken)
        if seen.deficiency(counting) == 0:
            break
        found = _chosen(model, seen, candidates.rows(rest))
        if not len(found):
            break
        taken[rest[found]] = True
    return np.flatnonzero(taken)


def _with(
    measurements: PhaseMeasurements, used: Bools, more: PhaseMeasurements
) -> tuple[PhaseMeasurements, Bools]:
    return PhaseMeasurements.join((measurements, more)), np.append(used, np.ones(len(more), bool))


def _held(model: UnitModel, seen: Seen, measurements: PhaseMeasurements, used: Bools) -> PhaseMeasurements:
    """What is held so that the observable part can be solved for, after `seen.deficiency`.

    Equipment that nobody measures is held at no power, which disturbs nothing; voltages only where that is not
    enough. As many as are open, so that nothing else depends on their values.
    """
    injections = _unmeasured_injections(model, seen, measurements)
    injections = injections.rows(_completing(model, measurements, used, injections))
    injections.sigma[:] = _usual_power(measurements.rows(used), injections)
    together, used = _with(measurements, used, injections)
    seen = model.seen(together)
    if seen.deficiency(used) == 0:
        return injections
    return PhaseMeasurements.join((injections, _held_voltages(model, seen.null_pivots())))


def hold_everything(
    model: UnitModel, measurements: PhaseMeasurements, used: Bools, completion: Completion
) -> Completion:
    """Hold all equipment that nobody measures but what feeds the grid at reference buses, and what was held of voltages.

    More than is open: what is hardly observable then leans on what is held, but nothing is forced to extremes.
    """
    injections = _unmeasured_injections(model, model.seen(measurements), measurements)
    injections = injections.rows(~np.isin(injections.element, model.start.islands.reference_bus))
    injections.sigma[:] = _usual_power(measurements.rows(used), injections)
    voltages = completion.held.rows(~np.isin(completion.held.kind, POWERS))
    return replace(completion, held=PhaseMeasurements.join((injections, voltages)), is_minimal=False)


def _usual_power(measurements: PhaseMeasurements, unknown: PhaseMeasurements) -> float:
    """What unmeasured equipment may draw in a phase: some times what others draw, else its part of the largest
    flow [p.u.]."""
    injected = np.abs(measurements.value[measurements.kind == Kind.P_INJ])
    if injected.any():
        return _SEVERAL * float(np.median(injected[injected > 0]))
    largest = float(np.abs(measurements.value[measurements.kind == Kind.P_FLOW]).max(initial=0.0))
    n_phase = max(1, int((unknown.kind == Kind.P_INJ).sum()))
    return _SEVERAL * 3 * largest / n_phase or 1.0


def _held_voltages(model: UnitModel, pivots: Ints) -> PhaseMeasurements:
    """Measurements of exactly the state variables that are left open, at their start."""
    position, component = np.divmod(pivots, 2)
    bus, conductor = np.divmod(model.structure.bus_at[position], N_CONDUCTOR)
    is_angle = component == 0
    is_phase = conductor != Conductor.N
    v = model.start.v[position]
    value = np.where(is_angle, np.angle(v), np.abs(v))
    kind = np.where(is_angle, Kind.V_ANG, Kind.V_MAG)
    return PhaseMeasurements.of(
        np.where(is_phase, kind, V_AXIS),
        bus,
        conductor,
        np.where(is_phase, value, 0.0),
        _HELD_SIGMA,
        axis_rad=np.where(is_angle & ~is_phase, np.pi / 2, 0.0),
        is_pseudo=True,
    )


def _not_observable(
    model: UnitModel, seen: Seen, measurements: PhaseMeasurements, used: Bools
) -> PhasesNotObservable:
    conductors = _unobservable(model, seen)
    candidates = default_candidates(model.network, measurements, conductors)
    found = candidates.rows(_completing(model, measurements, used, candidates))
    columns = (found.kind, found.element, found.at)
    restoring = [(int(k), int(b), int(a)) for k, b, a in zip(*columns, strict=True)]
    return PhasesNotObservable(conductors, restoring)


def _unobservable(model: UnitModel, seen: Seen) -> Ints:
    """(bus, conductor) of each phase node that no measurement determines, after `seen.deficiency`."""
    basis = csr_array(seen.null_space())
    moves = np.asarray(abs(basis).max(axis=1).toarray()).ravel().reshape(-1, 2).max(axis=1) > _INVISIBLE
    bus, conductor = np.divmod(model.structure.bus_at[moves], N_CONDUCTOR)
    return np.stack((bus, conductor), axis=1)[np.lexsort((conductor, bus))]


def _unmeasured_injections(
    model: UnitModel, seen: Seen, measurements: PhaseMeasurements
) -> PhaseMeasurements:
    conductors = _unobservable(model, seen) if seen.null_pivots().size else np.empty((0, 2), np.intp)
    candidates = default_candidates(model.network, measurements, conductors)
    return candidates.rows(np.isin(candidates.kind, (Kind.P_INJ, Kind.Q_INJ)))


def default_candidates(
    network: ThreePhaseNetwork, measurements: PhaseMeasurements, conductors: Ints
) -> PhaseMeasurements:
    """Injections of the phases that have none measured, the unobservable ones first; voltages after them."""
    first = N_CONDUCTOR * conductors[:, 0] + conductors[:, 1]
    rest = np.setdiff1d(np.flatnonzero(network.present.ravel()), first)
    code = np.concatenate((first, rest))
    code = code[(code % N_CONDUCTOR != Conductor.N) & ~np.isin(code, measurements.zero_injection)]
    bus, phase = np.divmod(code, N_CONDUCTOR)
    parts = []
    for kind in (Kind.P_INJ, Kind.Q_INJ):
        known = N_CONDUCTOR * measurements.element + measurements.at % 7
        new = ~np.isin(code, known[(measurements.kind == kind) & (measurements.at != At.ABC)])
        parts.append(PhaseMeasurements.of(kind, bus[new], phase[new] + At.AN, 0.0, 1.0, is_pseudo=True))
    parts.append(PhaseMeasurements.of(Kind.V_MAG, bus, phase, 1.0, 1.0, is_pseudo=True))
    return PhaseMeasurements.join(parts)
