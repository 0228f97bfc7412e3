"""Lines, series compensators and equivalent branches."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.grids.arrays import Bools, Floats, Rows, complexes
from gridjobs_workers.grids.classes import CONDUCTORS
from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.model import Branches, BranchKind
from gridjobs_workers.grids.parts import PlacedBranches, pi_admittances
from gridjobs_workers.grids.table import CimTable
from gridjobs_workers.grids.topology import Topology


@dataclass(frozen=True, slots=True)
class Conductors:
    """Two-terminal equipment with series impedance [ohm], shape (n,) each; terminals are positions."""

    row: Rows
    kind: Rows
    first: Rows
    second: Rows
    r: Floats
    x: Floats


def read_conductors(context: Context) -> Conductors:
    """Read all conductors that have two terminals; the others are errors."""
    table, terminals = context.table, context.terminals
    rows = [table.rows(name) for name in CONDUCTORS]
    row = np.concatenate(rows)
    kind = np.repeat([int(kind) for kind in CONDUCTORS.values()], [len(part) for part in rows])
    first, second = terminals.of(row, 0), terminals.of(row, 1)
    incomplete = (first < 0) | (second < 0)
    context.error("terminal_missing", "fewer than two terminals", row[incomplete])
    row, kind, first, second = (values[~incomplete] for values in (row, kind, first, second))
    # SSH of CGMES 3 repeats lines without values, so what no class gives is missing.
    r = context.required(row, *(f"{name}.r" for name in CONDUCTORS))
    x = context.required(row, *(f"{name}.x" for name in CONDUCTORS))
    return Conductors(row, kind, first, second, r, x)


def shorted(context: Context, conductors: Conductors) -> Bools:
    """Which conductors have no impedance at all and so join their nodes; each is reported."""
    none: Bools = (conductors.r == 0) & (conductors.x == 0)
    context.warning("zero_impedance", "no impedance: treated as a closed switch", conductors.row[none])
    negative = (conductors.kind == BranchKind.LINE) & ((conductors.r < 0) | (conductors.x < 0))
    context.warning(
        "negative_impedance", "a line has a negative resistance or reactance", conductors.row[negative]
    )
    return none


def conductor_branches(context: Context, topology: Topology, conductors: Conductors) -> PlacedBranches:
    """Build branches: pi circuits with half the charging at each end (IEC 61970-301, ACLineSegment)."""
    table, terminals, row = context.table, context.terminals, conductors.row
    g = table.number(row, "ACLineSegment.gch", default=0.0)
    b = table.number(row, "ACLineSegment.bch", default=0.0)
    y = pi_admittances(1 / complexes(conductors.r, conductors.x), complexes(g, b))
    in_service = context.in_service(row)
    zero = zero_sequence(table, row)
    branches = Branches(
        mrid=table.mrid(row),
        name=table.text(row, "IdentifiedObject.name"),
        kind=conductors.kind,
        from_bus=topology.bus_of_terminal[conductors.first],
        to_bus=topology.bus_of_terminal[conductors.second],
        from_terminal=table.mrid(terminals.row[conductors.first]),
        to_terminal=table.mrid(terminals.row[conductors.second]),
        from_closed=terminals.connected[conductors.first] & in_service,
        to_closed=terminals.connected[conductors.second] & in_service,
        y_ff=y.ff,
        y_ft=y.ft,
        y_tf=y.tf,
        y_tt=y.tt,
        limit_from_a=np.full(len(row), np.inf),
        limit_to_a=np.full(len(row), np.inf),
        s_rated_mva=np.full(len(row), np.nan),
        length_km=table.number(row, "Conductor.length"),
        r=conductors.r,
        x=conductors.x,
        g=g,
        b=b,
        r0=zero["r0"],
        x0=zero["x0"],
        g0=zero["g0ch"],
        b0=zero["b0ch"],
    )
    return PlacedBranches(branches, conductors.first, conductors.second, row)


def zero_sequence(table: CimTable, row: Rows) -> dict[str, Floats]:
    """Zero-sequence values of conductors, NaN where the file has none."""
    names = {
        "r0": ("ACLineSegment.r0", "SeriesCompensator.r0", "EquivalentBranch.zeroR12"),
        "x0": ("ACLineSegment.x0", "SeriesCompensator.x0", "EquivalentBranch.zeroX12"),
        "g0ch": ("ACLineSegment.g0ch",),
        "b0ch": ("ACLineSegment.b0ch",),
    }
    return {key: table.number(row, *properties) for key, properties in names.items()}
