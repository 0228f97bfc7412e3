"""Buses of the model, star points included, and the ones that hold the angle."""

from dataclasses import replace

import numpy as np

from gridjobs_workers.grids.arrays import Floats, Rows
from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.islands import find_islands
from gridjobs_workers.grids.model import Branches, Buses, Injections
from gridjobs_workers.grids.topology import Topology
from gridjobs_workers.grids.windings import Windings


def with_stars(base_kv: Floats, windings: Windings) -> Floats:
    """Add star points: each has the rated voltage of its transformer's first winding as base."""
    stars = np.unique(windings.transformer[windings.count > 2])
    first = np.searchsorted(windings.transformer, stars, side="left")
    return np.concatenate((base_kv, windings.rated_kv[first]))


def build_buses(
    context: Context,
    topology: Topology,
    base_kv: Floats,
    solution: tuple[Floats, Floats],
    stars: Rows,
    branches: Branches,
    injections: Injections,
) -> Buses:
    """Build the buses; `base_kv` counts star points, `solution` (kV, degrees) does not."""
    table = context.table
    unsolved = np.full(len(stars), np.nan)
    sv_kv, sv_deg = (np.concatenate((values, unsolved)) for values in solution)
    islands = find_islands(len(base_kv), branches, injections, sv_kv)
    lonely = np.unique(islands.island[islands.without_source])
    if len(lonely):
        count = int(islands.without_source.sum())
        detail = f"{len(lonely)} islands ({count} buses) have a solved voltage but no source"
        context.problems.warning("island_without_source", detail)
    _check_solution(context, topology, sv_kv, islands.energised)
    dead = ~(sv_kv > 0)
    return Buses(
        mrid=np.concatenate((table.mrid(topology.main_node), table.mrid(stars))),
        name=np.concatenate((_names(context, topology), table.text(stars, "IdentifiedObject.name"))),
        base_kv=base_kv,
        is_star=np.arange(len(base_kv)) >= len(topology.main_node),
        energised=islands.energised,
        island=islands.island,
        sv_kv=np.where(dead, np.nan, sv_kv),
        sv_deg=np.where(dead, np.nan, sv_deg),
    )


def _names(context: Context, topology: Topology) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """Name of the node, else of a busbar section at the bus, else "" ."""
    table, terminals = context.table, context.terminals
    name = table.text(topology.main_node, "IdentifiedObject.name")
    bar = table.rows("BusbarSection")
    position = terminals.of(bar, 0)
    bus = np.where(position >= 0, topology.bus_of_terminal[position], -1)
    by_bus = np.full(len(name), -1, dtype=np.intp)
    by_bus[bus[bus >= 0][::-1]] = bar[bus >= 0][::-1]
    return np.where(name == "", table.text(by_bus, "IdentifiedObject.name"), name)


def _check_solution(context: Context, topology: Topology, sv_kv: Floats, energised: np.ndarray) -> None:
    table = context.table
    row = table.rows("SvVoltage")
    node = table.ref(row, "SvVoltage.TopologicalNode")
    bus = np.where(node >= 0, topology.bus_of_row[node], -1)
    live = (bus >= 0) & energised[bus]
    wrong = live & (table.number(row, "SvVoltage.v") == 0)
    context.warning("sv_voltage_zero", "an energised node is solved to 0 kV: ignored", row[wrong])
    missing = energised[: len(topology.main_node)] & np.isnan(sv_kv[: len(topology.main_node)])
    if len(row) and missing.any():
        context.problems.warning(
            "sv_incomplete", f"{int(missing.sum())} energised buses have no solved voltage"
        )


def report_no_voltage(context: Context, topology: Topology, base_kv: Floats) -> Floats:
    """Report buses that equipment uses but whose base voltage nothing tells; returns 1 kV for all unknown ones."""
    unknown = np.isnan(base_kv)
    used = np.zeros(len(base_kv), dtype=np.bool_)
    bus = topology.bus_of_terminal
    used[bus[bus >= 0]] = True
    context.error(
        "no_base_voltage", "its base voltage is not in the files", topology.main_node[unknown & used]
    )
    context.warning(
        "no_base_voltage", "an unused node without a base voltage", topology.main_node[unknown & ~used]
    )
    return np.where(unknown, 1.0, base_kv)


def with_reference(
    context: Context, topology: Topology, injections: Injections, buses: Buses
) -> tuple[Injections, list[int]]:
    """Let the solution's angle reference lead its island where no equipment is a reference there.

    Returns:
        The injections, and the buses at which the solution has its angle reference.
    """
    table = context.table
    row = table.rows("TopologicalIsland")
    node = table.ref(row, "TopologicalIsland.AngleRefTopologicalNode")
    bus = np.unique(np.where(node >= 0, topology.bus_of_row[node], -1))
    bus = bus[bus >= 0]
    priority = injections.slack_priority.copy()
    active = injections.in_service & injections.regulates
    for reference in bus.tolist():
        inside = buses.island[injections.bus] == buses.island[reference]
        here = np.flatnonzero(active & (injections.bus == reference))
        if len(here) and not (inside & injections.in_service & (priority > 0)).any():
            priority[here[0]] = 1
    return replace(injections, slack_priority=priority), bus.tolist()
