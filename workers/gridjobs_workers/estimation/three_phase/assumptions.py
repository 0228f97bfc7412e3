"""What is assumed about displacement and the angles between phases, where nothing tells them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.three_phase.measurements import V_AXIS, At, PhaseMeasurements
from gridjobs_workers.estimation.three_phase.options import PhaseOptions
from gridjobs_workers.estimation.three_phase.unit_model import UnitModel
from gridjobs_workers.grids.network import Ints
from gridjobs_workers.grids.three_phase import N_CONDUCTOR, ThreePhaseNetwork

Bools = NDArray[np.bool_]

_INVISIBLE = 1e-6


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
