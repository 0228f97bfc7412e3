"""Shunt compensators and equivalent shunts."""

import numpy as np

from gridjobs_workers.grids.arrays import Floats, Rows
from gridjobs_workers.grids.classes import SHUNTS
from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.model import Shunts
from gridjobs_workers.grids.regulation import read_targets
from gridjobs_workers.grids.table import CimTable
from gridjobs_workers.grids.topology import Topology


def read_shunts(context: Context, topology: Topology, base_kv: Floats) -> Shunts:
    """Read shunts at the sections in use: the solution's, else the set ones, else the normal ones."""
    table, terminals = context.table, context.terminals
    row = table.rows(*SHUNTS)
    position = terminals.of(row, 0)
    without = position < 0
    context.error("terminal_missing", "has no terminal", row[without])
    row, position = row[~without], position[~without]
    sections = _sections(table, row)
    g, b = _admittance(table, row, sections)
    control = table.ref(row, "RegulatingCondEq.RegulatingControl")
    enabled = table.flag(row, "RegulatingCondEq.controlEnabled", default=True)
    targets = read_targets(context, topology, base_kv, control, enabled)
    most = table.number(row, "ShuntCompensator.maximumSections", default=1.0)
    context.warning("sections_outside", "more sections in use than there are", row[sections > most])
    return Shunts(
        mrid=table.mrid(row),
        name=table.text(row, "IdentifiedObject.name"),
        terminal=table.mrid(terminals.row[position]),
        bus=topology.bus_of_terminal[position],
        in_service=terminals.connected[position] & context.in_service(row),
        g=g,
        b=b,
        sections=sections,
        b_per_section=_per_section(table, row, b, sections),
        max_sections=most.astype(np.intp),
        regulates=targets.regulates,
        regulated_bus=targets.bus,
        target_kv=targets.kv,
    )


def _sections(table: CimTable, row: Rows) -> Floats:
    solved = table.rows("SvShuntCompensatorSections")
    by_row = np.full(table.size + 1, np.nan)  # row -1 writes to the spare end
    by_row[table.ref(solved, "SvShuntCompensatorSections.ShuntCompensator")] = table.number(
        solved, "SvShuntCompensatorSections.sections", "SvShuntCompensatorSections.continuousSections"
    )
    stated = table.number(row, "ShuntCompensator.sections", "ShuntCompensator.normalSections", default=1.0)
    return np.where(np.isnan(by_row[row]), stated, by_row[row])


def _admittance(table: CimTable, row: Rows, sections: Floats) -> tuple[Floats, Floats]:
    """Conductance and susceptance of the sections in use [S]."""
    g = (
        table.number(row, "LinearShuntCompensator.gPerSection", "ShuntCompensator.gPerSection", default=0.0)
        * sections
    )
    b = (
        table.number(row, "LinearShuntCompensator.bPerSection", "ShuntCompensator.bPerSection", default=0.0)
        * sections
    )
    g += table.number(row, "EquivalentShunt.g", default=0.0)
    b += table.number(row, "EquivalentShunt.b", default=0.0)
    _add_points(table, row, sections, g, b)
    return g, b


def _add_points(table: CimTable, row: Rows, sections: Floats, g: Floats, b: Floats) -> None:
    """Add, in place, nonlinear sections: each point is one more section, and those up to the one in use count."""
    point = table.rows("NonlinearShuntCompensatorPoint")
    owner = table.ref(point, "NonlinearShuntCompensatorPoint.NonlinearShuntCompensator")
    number = table.number(point, "NonlinearShuntCompensatorPoint.sectionNumber", default=1.0)
    at = np.full(table.size + 1, -1, dtype=np.intp)
    at[row] = np.arange(len(row))
    shunt = at[owner]
    used = (shunt >= 0) & (number <= sections[shunt]) if len(row) else np.zeros(len(point), dtype=np.bool_)
    np.add.at(g, shunt[used], table.number(point, "NonlinearShuntCompensatorPoint.g", default=0.0)[used])
    np.add.at(b, shunt[used], table.number(point, "NonlinearShuntCompensatorPoint.b", default=0.0)[used])


def _per_section(table: CimTable, row: Rows, b: Floats, sections: Floats) -> Floats:
    stated = table.number(row, "LinearShuntCompensator.bPerSection", "ShuntCompensator.bPerSection")
    mean = np.divide(b, sections, out=np.zeros_like(b), where=sections > 0)
    return np.where(np.isnan(stated), mean, stated)
