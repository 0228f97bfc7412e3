"""The grid that an outage leaves, as a network of its own."""

from dataclasses import replace

import numpy as np

from gridjobs_workers.grids.network import Ints, Network
from gridjobs_workers.simulation.contingency.outage import Outage
from gridjobs_workers.simulation.contingency.situation import Situation
from gridjobs_workers.simulation.power_flow import OperatingPoint, TapChangers, VoltageControls


def reduced(
    network: Network, point: OperatingPoint, outage: Outage, situation: Situation
) -> tuple[Network, OperatingPoint, Ints]:
    """Network and operating point without what is lost or dark, and the bus of each of its buses."""
    kept = np.flatnonzero(~situation.dark)
    number = np.full(network.n_bus, -1)
    number[kept] = np.arange(len(kept))
    branches = np.setdiff1d(np.flatnonzero(~situation.dark[network.from_bus]), outage.branches)
    left = replace(
        network,
        base_kv=network.base_kv[kept],
        from_bus=number[network.from_bus[branches]],
        to_bus=number[network.to_bus[branches]],
        y_shunt=network.y_shunt[kept],
        bus_row=network.bus_row[kept],
        **{
            name: getattr(network, name)[branches]
            for name in ("y_ff", "y_ft", "y_tf", "y_tt", "shift_rad", "branch_row")
        },
    )
    return left, _point(point, outage, situation, kept, number), kept


def _point(
    point: OperatingPoint, outage: Outage, situation: Situation, kept: Ints, number: Ints
) -> OperatingPoint:
    s = point.s_pu.copy()
    np.subtract.at(s, outage.buses, outage.s_lost_pu)
    participation = point.participation.copy()
    if participation.size:
        np.subtract.at(participation, outage.buses, outage.participation_lost)
    angles = np.zeros(len(number))
    angles[point.reference_bus] = point.reference_rad
    return replace(
        point,
        s_pu=s[kept],
        reference_bus=number[situation.reference_bus],
        reference_rad=angles[situation.reference_bus],
        controls=_controls(point.controls, situation, number),
        participation=participation[kept] if participation.size else participation,
        s_current_pu=point.s_current_pu[kept] if point.s_current_pu.size else point.s_current_pu,
        s_impedance_pu=point.s_impedance_pu[kept] if point.s_impedance_pu.size else point.s_impedance_pu,
        taps=TapChangers(),
    )


def _controls(controls: VoltageControls, situation: Situation, number: Ints) -> VoltageControls:
    """Controls that remain; one whose remote bus is gone or elsewhere holds its own."""
    rows = situation.controls[~situation.dark[controls.bus[situation.controls]]]
    bus, regulated = controls.bus[rows], controls.regulated_bus[rows]
    own = situation.dark[regulated] | (situation.island[regulated] != situation.island[bus])
    own |= np.isin(bus, situation.reference_bus)
    return VoltageControls(
        bus=number[bus],
        regulated_bus=number[np.where(own, bus, regulated)],
        target_pu=controls.target_pu[rows],
        q_min_pu=controls.q_min_pu[rows],
        q_max_pu=controls.q_max_pu[rows],
        share=controls.share[rows],
    )
