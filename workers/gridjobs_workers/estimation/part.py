"""The part of a network that its measurements determine."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.islands import find_islands
from gridjobs_workers.estimation.layout import metered_bus
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.observability import Observability, observe
from gridjobs_workers.estimation.structure import build_structure
from gridjobs_workers.estimation.unit_model import UnitModel
from gridjobs_workers.grids.network import Ints, Network

Bools = NDArray[np.bool_]

_WHOLE_BUS = (Kind.P_INJ, Kind.Q_INJ, Kind.I_INJ_MAG, Kind.I_INJ_AXIS)


@dataclass(frozen=True, slots=True)
class Part:
    """Some buses and branches of a network, and the measurements that speak of them alone.

    Attributes:
        network: The part as a network of its own.
        measurements: Its measurements, buses and branches numbered as in `network`.
        bus: Buses of the whole network, shape (n_bus of the part,).
        branch: Its branches.
        row: Rows of the whole network's measurements.
    """

    network: Network
    measurements: Measurements
    bus: Ints
    branch: Ints
    row: Ints


def cut(network: Network, measurements: Measurements, keep_bus: Bools, keep_branch: Bools) -> Part:
    """Cut out buses and branches; an injection counts only at a bus that keeps all its branches.

    Args:
        network: The whole.
        measurements: Of the whole.
        keep_bus: Buses to keep, shape (n_bus,).
        keep_branch: Branches to keep, shape (n_branch,); those with a bus that goes, go too.
    """
    branch_stays = keep_branch & keep_bus[network.from_bus] & keep_bus[network.to_bus]
    whole = keep_bus.copy()
    whole[network.from_bus[~branch_stays]] = False
    whole[network.to_bus[~branch_stays]] = False
    bus, branch = np.flatnonzero(keep_bus), np.flatnonzero(branch_stays)
    new_bus, new_branch = _numbers(keep_bus), _numbers(branch_stays)

    at_bus = measurements.at_bus()
    metered = metered_bus(network, measurements)
    stays = keep_bus[metered]
    stays[~at_bus] = branch_stays[measurements.element[~at_bus]]
    stays &= np.where(np.isin(measurements.kind, _WHOLE_BUS), whole[metered], True)
    chosen = measurements.rows(stays)
    element = chosen.element.copy()
    element[chosen.at_bus()] = new_bus[element[chosen.at_bus()]]
    element[~chosen.at_bus()] = new_branch[element[~chosen.at_bus()]]
    zero = measurements.zero_injection
    return Part(
        network=_reduced(network, bus, branch, new_bus),
        measurements=replace(chosen, element=element, zero_injection=new_bus[zero[whole[zero]]]),
        bus=bus,
        branch=branch,
        row=np.flatnonzero(stays),
    )


def whole(network: Network, measurements: Measurements) -> Part:
    """A network as a part of itself."""
    return Part(
        network,
        measurements,
        np.arange(network.n_bus),
        np.arange(network.n_branch),
        np.arange(len(measurements)),
    )


def observable_part(network: Network, measurements: Measurements) -> Part:
    """The largest part whose voltages follow from measurements within it.

    Branches with undetermined flow are cut and injections next to them left out until nothing more falls
    apart (Monticelli and Wu's islands); islands without a voltage measurement then go as a whole.
    """
    keep_branch = np.ones(network.n_branch, bool)
    everywhere = np.ones(network.n_bus, bool)
    while True:
        part = cut(network, measurements, everywhere, keep_branch)
        observability = _observe_flows(part)
        unseen = ~observability.is_observable_branch
        if not unseen.any():
            break
        keep_branch[part.branch[unseen]] = False
    measured = part.measurements.element[part.measurements.kind == Kind.V_MAG]
    has_voltage = np.isin(observability.island, observability.island[measured])
    return cut(network, measurements, has_voltage, keep_branch)


def _observe_flows(part: Part) -> Observability:
    nowhere = np.empty(0, np.intp)
    islands = find_islands(part.network, part.measurements, nowhere, np.empty(0))
    structure = build_structure(part.network)
    model = UnitModel(part.network, structure, part.measurements, islands)
    return observe(model, np.ones(len(part.measurements), bool))


def _numbers(kept: Bools) -> Ints:
    return np.where(kept, np.cumsum(kept) - 1, -1)


def _reduced(network: Network, bus: Ints, branch: Ints, new_bus: Ints) -> Network:
    return Network(
        base_mva=network.base_mva,
        base_kv=network.base_kv[bus],
        from_bus=new_bus[network.from_bus[branch]],
        to_bus=new_bus[network.to_bus[branch]],
        y_ff=network.y_ff[branch],
        y_ft=network.y_ft[branch],
        y_tf=network.y_tf[branch],
        y_tt=network.y_tt[branch],
        y_shunt=network.y_shunt[bus],
        shift_rad=network.shift_rad[branch],
        bus_row=network.bus_row[bus],
        branch_row=network.branch_row[branch],
    )
