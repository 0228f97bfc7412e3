"""Which pseudo-measurements make a network observable."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from gridjobs_workers.estimation.independent import independent_rows
from gridjobs_workers.estimation.islands import Islands
from gridjobs_workers.estimation.layout import metered_bus
from gridjobs_workers.estimation.linear import sensitivities
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.structure import Structure
from gridjobs_workers.estimation.unit_model import UnitModel
from gridjobs_workers.grids.network import Floats, Ints, Network

Bools = NDArray[np.bool_]

_SPARE = 1e-4  # redundancy of a candidate that can be spared
_AT_ONCE = 200
_MOST_ROUNDS = 20
_ABOUT_MAGNITUDE = (Kind.V_MAG, Kind.Q_INJ, Kind.Q_FLOW)


def default_candidates(network: Network, measurements: Measurements) -> Measurements:
    """Injections of all buses that have none measured."""
    parts = []
    for kind in (Kind.P_INJ, Kind.Q_INJ):
        known = np.union1d(measurements.zero_injection, measurements.element[measurements.kind == kind])
        bus = np.setdiff1d(np.arange(network.n_bus), known)
        parts.append(Measurements.of(kind, bus, 0.0, 1.0, is_pseudo=True))
    return Measurements.join(parts)


def restoring_candidates(
    network: Network,
    structure: Structure,
    measurements: Measurements,
    islands: Islands,
    candidates: Measurements,
) -> tuple[Ints, int]:
    """Candidates, none of them superfluous, that restore observability.

    Each null pivot of the gain matrix gets a candidate at its own bus while there is one; what is then still
    open is found by elimination in the null space. At the end those that others make superfluous are left
    out.

    Returns:
        Rows of `candidates`, and the number of state variables that stay open even so.
    """
    both = Measurements.join((measurements, candidates))
    model = UnitModel(network, structure, both, islands)
    n = len(measurements)
    used = np.arange(len(both)) < n
    while deficiency := model.deficiency(used):
        free = ~used
        found = _at_null_pivots(model, metered_bus(network, both), both.kind, free)
        if not len(found):
            found = _seeing_null_space(model, np.flatnonzero(free), deficiency)
        if not len(found):
            break
        used[found] = True
    if deficiency == 0:
        _spare(model, used, n)
    return np.flatnonzero(used[n:]), deficiency


def _at_null_pivots(model: UnitModel, bus: Ints, kind: Ints, free: Bools) -> Ints:
    """For each null pivot the first free candidate at its bus, if possible of its sort (θ or |V|)."""
    null = model.space.null.reshape(-1, 2)[model.structure.position].astype(bool)
    rows = np.flatnonzero(free)
    sort = np.isin(kind[rows], _ABOUT_MAGNITUDE).astype(np.intp)
    fits = null[bus[rows], sort]
    other = ~fits & null[bus[rows], 1 - sort]
    chosen = []
    for group, wanted in ((fits, sort), (other, 1 - sort)):
        pivot = 2 * bus[rows[group]] + wanted[group]
        _, first = np.unique(pivot, return_index=True)
        chosen.append(np.column_stack((pivot[first], rows[group][first])))
    pivot, row = np.concatenate(chosen).T
    _, first = np.unique(pivot, return_index=True)
    return np.unique(row[first])


def _seeing_null_space(model: UnitModel, rows: Ints, deficiency: int) -> Ints:
    seen = model.jacobian()[model.layout.row[rows]] @ model.null_space()
    return rows[independent_rows(csr_array(seen), deficiency)]


def _spare(model: UnitModel, used: Bools, n: int) -> None:
    """Leave out candidates (those after the first n) one by one while the rest suffices."""
    for _ in range(_MOST_ROUNDS):
        model.deficiency(used)
        model.invert()
        spare = np.flatnonzero(used & (np.arange(len(used)) >= n) & (model.redundancy() > _SPARE))[::-1]
        if not len(spare):
            return
        spare = spare[:_AT_ONCE]
        gone = spare[_superfluous(sensitivities(model, spare)[:, spare])]
        if not len(gone):
            return
        used[gone] = False


def _superfluous(shared: Floats) -> Ints:
    """Greedily those that can go together: each left out takes its part of the others' redundancy."""
    left = shared.copy()
    gone = []
    for k in range(len(left)):
        if left[k, k] > _SPARE:
            gone.append(k)
            left = left - np.outer(left[:, k], left[k]) / left[k, k]
    return np.array(gone, np.intp)
