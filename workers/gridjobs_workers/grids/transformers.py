"""Power transformers with two or more windings as branches."""

from dataclasses import replace

import numpy as np

from gridjobs_workers.grids.arrays import Bools, Complexes, Floats, Rows, Strings, complexes
from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.conventions import Conventions, placed_magnetising
from gridjobs_workers.grids.model import Branches, BranchKind
from gridjobs_workers.grids.parts import Admittances, PlacedBranches, ideal_ratio, picked, placed
from gridjobs_workers.grids.table import CimTable
from gridjobs_workers.grids.topology import Topology
from gridjobs_workers.grids.windings import Windings


def transformer_branches(
    context: Context, topology: Topology, windings: Windings, first_star: int, conventions: Conventions
) -> tuple[PlacedBranches, Rows, Rows]:
    """Build branches: one for each two-winding transformer, one for each winding of the others.

    Args:
        context: What is read.
        topology: Buses.
        windings: All windings.
        first_star: Bus of the first star point; the others follow.
        conventions: How to read them.

    Returns:
        The branches, the branch of each winding, and the transformer of each star point.
    """
    at_end, at_star = placed_magnetising(windings, conventions)
    windings = replace(windings, ratio=conventions.turned(windings))
    two = np.flatnonzero(windings.count == 2)
    first, second = two[0::2], two[1::2]
    many = np.flatnonzero(windings.count > 2)
    stars, star = np.unique(windings.transformer[many], return_inverse=True)
    branches = placed(
        [
            _two_winding(context, topology, windings, at_end, first, second),
            _star_winding(
                context, topology, windings, (at_end[many], at_star[many]), many, first_star + star
            ),
        ]
    )
    branch = np.empty(len(windings.row), dtype=np.intp)
    branch[first] = branch[second] = np.arange(len(first))
    branch[many] = len(first) + np.arange(len(many))
    return branches, branch, stars


def _two_winding(
    context: Context, topology: Topology, windings: Windings, at_end: Complexes, first: Rows, second: Rows
) -> PlacedBranches:
    """Both windings' impedances in series, each referred by its rated voltage."""
    one, two = picked(windings, first), picked(windings, second)
    turns_one, turns_two = one.ratio * one.rated_kv, two.ratio * two.rated_kv
    z = complexes(one.r, one.x) / one.rated_kv**2 + complexes(two.r, two.x) / two.rated_kv**2
    y = ideal_ratio(1 / z, at_end[first], at_end[second], turns_one, turns_two)
    square = (one.rated_kv / two.rated_kv) ** 2
    zero = _zero_sequence(context.table, one.row), _zero_sequence(context.table, two.row)
    branches = _branches(
        context,
        topology,
        one,
        y,
        kind=BranchKind.TRANSFORMER,
        to_bus=topology.bus_of_terminal[two.terminal],
        to_terminal=context.table.mrid(context.terminals.row[two.terminal]),
        to_closed=context.terminals.connected[two.terminal] & context.in_service(two.transformer),
        s_rated_mva=np.fmin(one.rated_mva, two.rated_mva),
        r=one.r + two.r * square,
        x=one.x + two.x * square,
        g=one.g + two.g / square,
        b=one.b + two.b / square,
        r0=_sum_known(zero[0]["r0"], zero[1]["r0"] * square),
        x0=_sum_known(zero[0]["x0"], zero[1]["x0"] * square),
        g0=_sum_known(zero[0]["g0"], zero[1]["g0"] / square),
        b0=_sum_known(zero[0]["b0"], zero[1]["b0"] / square),
    )
    return PlacedBranches(branches, one.terminal, two.terminal, one.transformer)


def _star_winding(
    context: Context,
    topology: Topology,
    windings: Windings,
    magnetising: tuple[Complexes, Complexes],
    many: Rows,
    star: Rows,
) -> PlacedBranches:
    """One winding, from its bus to a star point at the rated voltage of the first winding."""
    one = picked(windings, many)
    first = np.searchsorted(windings.transformer, one.transformer, side="left")
    star_kv = windings.rated_kv[first]
    z = complexes(one.r, one.x) / one.rated_kv**2
    y = ideal_ratio(1 / z, *magnetising, one.ratio * one.rated_kv, star_kv.astype(np.complex128))
    zero = _zero_sequence(context.table, one.row)
    branches = _branches(
        context,
        topology,
        one,
        y,
        kind=BranchKind.WINDING,
        to_bus=star,
        to_terminal=np.full(len(many), ""),
        to_closed=context.in_service(one.transformer),
        s_rated_mva=one.rated_mva,
        r=one.r,
        x=one.x,
        g=one.g,
        b=one.b,
        **zero,
    )
    return PlacedBranches(branches, one.terminal, np.full(len(many), -1, dtype=np.intp), one.transformer)


def _branches(
    context: Context,
    topology: Topology,
    one: Windings,
    y: Admittances,
    *,
    kind: BranchKind,
    to_bus: Rows,
    to_terminal: Strings,
    to_closed: Bools,
    s_rated_mva: Floats,
    **impedances: Floats,
) -> Branches:
    table, terminals = context.table, context.terminals
    return Branches(
        mrid=table.mrid(one.transformer),
        name=table.text(one.transformer, "IdentifiedObject.name"),
        kind=np.full(len(one.row), int(kind), dtype=np.intp),
        from_bus=topology.bus_of_terminal[one.terminal],
        to_bus=to_bus,
        from_terminal=table.mrid(terminals.row[one.terminal]),
        to_terminal=to_terminal,
        from_closed=terminals.connected[one.terminal] & context.in_service(one.transformer),
        to_closed=to_closed,
        y_ff=y.ff,
        y_ft=y.ft,
        y_tf=y.tf,
        y_tt=y.tt,
        limit_from_a=np.full(len(one.row), np.inf),
        limit_to_a=np.full(len(one.row), np.inf),
        s_rated_mva=s_rated_mva,
        length_km=np.full(len(one.row), np.nan),
        **impedances,
    )


def _zero_sequence(table: CimTable, row: Rows) -> dict[str, Floats]:
    return {name: table.number(row, f"PowerTransformerEnd.{name}") for name in ("r0", "x0", "g0", "b0")}


def _sum_known(a: Floats, b: Floats) -> Floats:
    """Sum, with a missing value counted as 0 unless both are missing."""
    return np.where(np.isnan(a) & np.isnan(b), np.nan, np.nan_to_num(a) + np.nan_to_num(b))
