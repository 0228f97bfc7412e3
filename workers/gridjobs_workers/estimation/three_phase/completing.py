"""Which candidates see what the measurements do not."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from gridjobs_workers.estimation.independent import independent_rows
from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.three_phase.measurements import At, PhaseMeasurements
from gridjobs_workers.estimation.three_phase.unit_model import Seen, UnitModel
from gridjobs_workers.grids.network import Ints
from gridjobs_workers.grids.three_phase import N_CONDUCTOR, Conductor, ThreePhaseNetwork

Bools = NDArray[np.bool_]

_INVISIBLE = 1e-6


def chosen(model: UnitModel, seen: Seen, candidates: PhaseMeasurements) -> Ints:
    """Independent candidates that see what the measurements do not, after `seen.deficiency`."""
    basis = seen.null_space()
    if not len(candidates) or not basis.shape[1]:
        return np.empty(0, np.intp)
    size = abs(basis).max(axis=0).toarray().ravel()
    views = csr_array(model.seen(candidates.without_zeros()).rows() @ basis * (1.0 / size))
    return independent_rows(views, basis.shape[1])


def completing(
    model: UnitModel, measurements: PhaseMeasurements, used: Bools, candidates: PhaseMeasurements
) -> Ints:
    """Candidates that make everything observable, none superfluous, or as much as they can.

    Where much is open the null space loses digits and hides some of what helps: hence in rounds.
    """
    taken = np.zeros(len(candidates), bool)
    while True:
        together, counting = joined(measurements, used, candidates.rows(taken))
        seen = model.seen(together)
        rest = np.flatnonzero(~taken)
        if seen.deficiency(counting) == 0:
            break
        found = chosen(model, seen, candidates.rows(rest))
        if not len(found):
            break
        taken[rest[found]] = True
    return np.flatnonzero(taken)


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


def unobservable(model: UnitModel, seen: Seen) -> Ints:
    """(bus, conductor) of each phase node that no measurement determines, after `seen.deficiency`."""
    basis = csr_array(seen.null_space())
    moves = np.asarray(abs(basis).max(axis=1).toarray()).ravel().reshape(-1, 2).max(axis=1) > _INVISIBLE
    bus, conductor = np.divmod(model.structure.bus_at[moves], N_CONDUCTOR)
    return np.stack((bus, conductor), axis=1)[np.lexsort((conductor, bus))]


def joined(
    measurements: PhaseMeasurements, used: Bools, more: PhaseMeasurements
) -> tuple[PhaseMeasurements, Bools]:
    """Measurements with more of them, all of those in use."""
    return PhaseMeasurements.join((measurements, more)), np.append(used, np.ones(len(more), bool))
