"""Before any estimate: islands, references, observability, and what is done about a lack of it."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.estimation.errors import NotObservable
from gridjobs_workers.estimation.islands import Islands, find_islands
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.observability import Observability, observe
from gridjobs_workers.estimation.options import OnUnobservable, Options
from gridjobs_workers.estimation.part import Part, observable_part, whole
from gridjobs_workers.estimation.restore import default_candidates, restoring_candidates
from gridjobs_workers.estimation.structure import Structure, build_structure
from gridjobs_workers.estimation.unit_model import UnitModel
from gridjobs_workers.grids.network import Ints, Network


@dataclass(frozen=True, slots=True)
class Prepared:
    """An observable problem, and how it came about.

    Attributes:
        part: What is estimated: the whole network, or its observable part.
        structure: Of the part.
        islands: Of the part.
        unit_model: Of the part.
        observability: What the measurements alone determine of the whole network.
        restored_by: Candidates that were added, shape (n_added,).
    """

    part: Part
    structure: Structure
    islands: Islands
    unit_model: UnitModel
    observability: Observability
    restored_by: Ints


def prepare(
    network: Network, measurements: Measurements, options: Options, structure: Structure | None = None
) -> Prepared:
    """Make sure that the problem has a solution, as the options say.

    Args:
        network: The network.
        measurements: Its measurements.
        options: What to do about a lack of observability.
        structure: Of the network, if it is known already.

    Raises:
        IslandWithoutReference: An island has no voltage measurement, and no candidate for one.
        NotObservable: Some buses are not observable, and are required to be or cannot be made so.
    """
    structure = structure or build_structure(network)
    candidates = options.candidates
    levels = np.empty(0, np.intp)
    islands = _islands(network, measurements, options)
    given = measurements
    if options.observability is OnUnobservable.RESTORE and candidates is not None:
        levels = _missing_levels(islands, candidates)
        measurements = Measurements.join((given, candidates.rows(levels)))
        islands = _islands(network, measurements, options)
    if options.observability is not OnUnobservable.PARTIAL:
        islands.require_voltages()
    model = UnitModel(network, structure, measurements, islands)
    observability = observe(model, np.arange(len(measurements)) < len(given))
    if observability.deficiency == 0 and islands.has_voltage.all():
        return Prepared(whole(network, given), structure, islands, model, observability, levels)

    if options.observability is OnUnobservable.PARTIAL:
        part = observable_part(network, given)
        if not len(part.bus):
            raise NotObservable(observability.unobservable)
        return _prepared(part, options, build_structure(part.network), observability, levels)

    tried = default_candidates(network, measurements) if candidates is None else candidates
    chosen, left = restoring_candidates(network, structure, measurements, islands, tried)
    if options.observability is OnUnobservable.REQUIRE or candidates is None or left:
        names = [(int(tried.kind[k]), int(tried.element[k]), int(tried.side[k])) for k in chosen]
        raise NotObservable(observability.unobservable, names, is_enough=left == 0)
    added = np.union1d(levels, chosen)
    part = whole(network, Measurements.join((given, candidates.rows(added))))
    return _prepared(part, options, structure, observability, added)


def _prepared(
    part: Part, options: Options, structure: Structure, observability: Observability, added: Ints
) -> Prepared:
    islands = _islands(part.network, part.measurements, options, part.bus)
    model = UnitModel(part.network, structure, part.measurements, islands)
    return Prepared(part, structure, islands, model, observability, added)


def _islands(
    network: Network, measurements: Measurements, options: Options, bus: Ints | None = None
) -> Islands:
    """Islands with the options' references, of a part if its buses are given."""
    reference, angle = options.reference_bus, options.reference_angle_rad
    if bus is not None:
        kept = np.isin(reference, bus)
        reference, angle = np.searchsorted(bus, reference[kept]), angle[kept]
    return find_islands(network, measurements, reference, angle)


def _missing_levels(islands: Islands, candidates: Measurements) -> Ints:
    """The first voltage candidate of each island that has no voltage measured."""
    rows = np.flatnonzero(candidates.kind == Kind.V_MAG)
    island = islands.island[candidates.element[rows]]
    missing, first = np.unique(island, return_index=True)
    return np.sort(rows[first[~islands.has_voltage[missing]]])
