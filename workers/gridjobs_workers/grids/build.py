"""Builds the grid model from an upload."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath

import numpy as np

from gridjobs_workers.grids.arrays import Floats
from gridjobs_workers.grids.buses import build_buses, report_no_voltage, with_reference, with_stars
from gridjobs_workers.grids.checks import report_bad_values, report_left_out, report_switches, report_unplaced
from gridjobs_workers.grids.components import Components, list_components
from gridjobs_workers.grids.conductors import conductor_branches, read_conductors, shorted
from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.conventions import Conventions, Observed, choose, observe
from gridjobs_workers.grids.ends import transformer_ends
from gridjobs_workers.grids.headers import PROFILE_ORDER
from gridjobs_workers.grids.injections import read_injections, solved_injections
from gridjobs_workers.grids.limits import DEFAULT_LIMITS, ImportLimits
from gridjobs_workers.grids.model import Branches, GridModel, Injections, Shunts, Switches
from gridjobs_workers.grids.names import bus_index
from gridjobs_workers.grids.parts import PlacedBranches, joined, picked, placed
from gridjobs_workers.grids.problems import GridRejected, Problems
from gridjobs_workers.grids.ratings import permanent_limits
from gridjobs_workers.grids.reader import read_upload
from gridjobs_workers.grids.regulation import check_controls
from gridjobs_workers.grids.shunts import read_shunts
from gridjobs_workers.grids.table import CimTable
from gridjobs_workers.grids.taps import TapChangers, read_taps
from gridjobs_workers.grids.terminals import read_terminals
from gridjobs_workers.grids.topology import SwitchStates, Topology, find_buses, read_switches
from gridjobs_workers.grids.transformers import transformer_branches
from gridjobs_workers.grids.voltages import base_voltages, solved_voltages, spread_voltages
from gridjobs_workers.grids.windings import Windings, read_windings


@dataclass(frozen=True, slots=True)
class ImportedGrid:
    """A grid and the names of its components."""

    model: GridModel
    components: Components


def import_grid(
    uploads: Iterable[tuple[str, bytes]], *, name: str = "", limits: ImportLimits = DEFAULT_LIMITS
) -> GridModel:
    """Import a grid from CGMES documents.

    Args:
        uploads: Name and content of each file: XML documents or zip archives of them. Taken one by one.
        name: What to call the grid; by default as the equipment's file.
        limits: What is refused for its size.

    Returns:
        The grid, with warnings among its problems.

    Raises:
        GridRejected: The files are refused or do not make a usable grid; its problems are all that was found.
    """
    return import_upload(uploads, name=name, limits=limits).model


def import_upload(
    uploads: Iterable[tuple[str, bytes]], *, name: str = "", limits: ImportLimits = DEFAULT_LIMITS
) -> ImportedGrid:
    """Import a grid as `import_grid` does, and list its components too."""
    problems = Problems(limits.max_problems)
    table = read_upload(uploads, limits, problems)
    context = Context(table, read_terminals(table), problems)
    try:
        imported = build_model(context, name)
    except GridRejected:
        report_bad_values(context)
        raise GridRejected(problems.all()) from None
    report_bad_values(context)
    problems.reject_if_errors()
    return replace(imported, model=replace(imported.model, problems=problems.all()))


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """Everything that does not depend on how transformers are read; base voltages count star points."""

    topology: Topology
    base_kv: Floats
    solution: tuple[Floats, Floats]
    lines: PlacedBranches
    windings: Windings
    taps: TapChangers
    injections: Injections
    shunts: Shunts


def build_model(context: Context, name: str) -> ImportedGrid:
    """Build the model, without its problems.

    Raises:
        GridRejected: There are no nodes.
    """
    table = context.table
    switches = read_switches(context)
    report_switches(context)
    report_left_out(context)
    report_unplaced(context)
    around = _surroundings(context, switches)
    topology, base_kv = around.topology, around.base_kv
    conventions = _conventions(context, around)
    transformers, winding_branch, stars = transformer_branches(
        context, topology, around.windings, len(topology.main_node), conventions
    )
    branches = _with_limits(context, base_kv, placed([around.lines, transformers]))
    buses = build_buses(context, topology, base_kv, around.solution, stars, branches, around.injections)
    injections, references = with_reference(context, topology, around.injections, buses)
    winding_branch = winding_branch + len(around.lines.equipment)
    model = GridModel(
        name=name or _name(table),
        dialect=next((part.dialect for part in table.parts if part.dialect), ""),
        profiles=_profiles(table),
        scenario_time=_scenario_time(table),
        buses=buses,
        branches=branches,
        transformers=transformer_ends(
            context, topology, base_kv, around.windings, around.taps, winding_branch
        ),
        injections=injections,
        shunts=around.shunts,
        switches=_switches(context, topology, switches),
        bus_of=bus_index(context, topology),
        extra={
            "classes": table.classes(),
            "angle_reference_buses": references,
            "transformer_conventions": asdict(conventions),
            "files": [part.file for part in table.parts],
        },
    )
    return ImportedGrid(model, list_components(context, topology, base_kv))


def _surroundings(context: Context, switches: SwitchStates) -> _Surroundings:
    conductors = read_conductors(context)
    is_shorted = shorted(context, conductors)
    topology = find_buses(context, switches, conductors.row[is_shorted])
    if not len(topology.main_node):
        context.problems.error("no_nodes", "no topological and no connectivity nodes: nothing to compute on")
        context.problems.reject_if_errors()
    solution = solved_voltages(context, topology)
    taps = read_taps(context)
    windings = read_windings(context, taps)
    lines = conductor_branches(context, topology, picked(conductors, ~is_shorted))
    base_kv = _base_voltages(context, topology, lines, windings)
    injections = joined(
        Injections,
        [read_injections(context, topology, base_kv, solution[0]), solved_injections(context, topology)],
    )
    check_controls(context, topology, base_kv)
    shunts = read_shunts(context, topology, base_kv)
    return _Surroundings(topology, base_kv, solution, lines, windings, taps, injections, shunts)


def _conventions(context: Context, around: _Surroundings) -> Conventions:
    windings, connected = around.windings, context.terminals.connected
    open_ended = np.unique(windings.transformer[~connected[windings.terminal]])
    closed = ~np.isin(windings.transformer, open_ended) & context.in_service(windings.transformer)
    voltage, needed = observe(around.solution, around.lines.branches, around.injections, around.shunts)
    bus = around.topology.bus_of_terminal[windings.terminal]
    return choose(windings, Observed(voltage, needed, bus, closed))


def _base_voltages(context: Context, topology: Topology, lines: PlacedBranches, windings: Windings) -> Floats:
    base_kv = base_voltages(context, topology)
    base_kv = spread_voltages(base_kv, lines.branches.from_bus, lines.branches.to_bus)
    base_kv = report_no_voltage(context, topology, base_kv)
    return with_stars(base_kv, windings)


def _with_limits(context: Context, base_kv: Floats, both: PlacedBranches) -> Branches:
    table, terminals, branches = context.table, context.terminals, both.branches
    from_kv, to_kv = base_kv[branches.from_bus], base_kv[branches.to_bus]
    return replace(
        branches,
        limit_from_a=permanent_limits(table, terminals, both.first, both.equipment, from_kv),
        limit_to_a=permanent_limits(table, terminals, both.second, both.equipment, to_kv),
    )


def _switches(context: Context, topology: Topology, switches: SwitchStates) -> Switches:
    table, row = context.table, switches.row
    first = np.where(switches.first >= 0, topology.bus_of_terminal[switches.first], -1)
    second = np.where(switches.second >= 0, topology.bus_of_terminal[switches.second], -1)
    return Switches(
        mrid=table.mrid(row),
        name=table.text(row, "IdentifiedObject.name"),
        cim_class=table.class_names(row),
        from_bus=first,
        to_bus=second,
        open=switches.is_open,
        retained=switches.retained,
    )


def _name(table: CimTable) -> str:
    equipment = (part for part in table.parts if "EQ" in part.header.profiles)
    first = next(equipment, table.parts[0])
    return PurePosixPath(first.file).stem


def _profiles(table: CimTable) -> tuple[str, ...]:
    found = {profile for part in table.parts for profile in part.header.profiles}
    return tuple(profile for profile in PROFILE_ORDER if profile in found)


def _scenario_time(table: CimTable) -> str:
    """Of the profile that is applied last: the solution, else the set-points, else the equipment."""
    times = [part.header.scenario_time for part in table.parts if part.header.has_electrical_content]
    return next((time for time in reversed(times) if time), "")
