"""What the measurements determine, what is assumed where nothing does, and which others would help."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.options import OnUnobservable
from gridjobs_workers.estimation.three_phase.assumptions import assumptions
from gridjobs_workers.estimation.three_phase.completing import (
    chosen,
    completing,
    default_candidates,
    joined,
    unobservable,
)
from gridjobs_workers.estimation.three_phase.errors import PhasesNotObservable
from gridjobs_workers.estimation.three_phase.held import held_minimally
from gridjobs_workers.estimation.three_phase.measurements import PhaseMeasurements
from gridjobs_workers.estimation.three_phase.options import PhaseOptions
from gridjobs_workers.estimation.three_phase.unit_model import Seen, UnitModel
from gridjobs_workers.grids.network import Ints

Bools = NDArray[np.bool_]


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
    assumed = candidates.rows(chosen(model, seen, candidates))
    together, used = joined(measurements, used, assumed)
    seen = model.seen(together)
    if seen.deficiency(used) == 0:
        return Completion(assumed, np.empty(0, np.intp), nothing)

    restored = np.empty(0, np.intp)
    if options.observability == OnUnobservable.RESTORE and options.candidates is not None:
        restored = completing(model, together, used, options.candidates)
        together, used = joined(together, used, options.candidates.rows(restored))
        seen = model.seen(together)
        if seen.deficiency(used) == 0:
            return Completion(assumed, restored, nothing)
    if options.observability != OnUnobservable.PARTIAL:
        raise _not_observable(model, seen, together, used)
    return Completion(assumed, restored, held_minimally(model, seen, together, used), is_minimal=True)


def _not_observable(
    model: UnitModel, seen: Seen, measurements: PhaseMeasurements, used: Bools
) -> PhasesNotObservable:
    conductors = unobservable(model, seen)
    candidates = default_candidates(model.network, measurements, conductors)
    found = candidates.rows(completing(model, measurements, used, candidates))
    columns = (found.kind, found.element, found.at)
    restoring = [(int(k), int(b), int(a)) for k, b, a in zip(*columns, strict=True)]
    return PhasesNotObservable(conductors, restoring)
