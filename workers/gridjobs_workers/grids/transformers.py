"""Power transformers with two or more windings."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.model import Branches, BranchKind
from gridjobs_workers.grids.parts import Admittances, PlacedBranches, ideal_ratio, picked, placed
from gridjobs_workers.grids.table import Bools, CimTable, Floats, Rows, Strings
from gridjobs_workers.grids.taps import TapChangers
from gridjobs_workers.grids.topology import Topology

# A winding without impedance gets this much, on 100 MVA: too little to matter, enough to solve for.
LEAST_X_PU: Final = 1e-6
BASE_MVA: Final = 100.0


@dataclass(frozen=True, slots=True)
class Windings:
    """Transformer ends sorted by transformer and end number, shape (n_end,) each.

    r, x, g and b are in ohm and siemens at the end's own rated voltage and at the taps in use.
    """

    row: Rows
    transformer: Rows
    number: Rows
    terminal: Rows  # position among the terminals
    rated_kv: Floats
    rated_mva: Floats
    r: Floats
    x: Floats
    g: Floats
    b: Floats
    ratio: NDArray[np.complex128]
    clock: Rows
    count: Rows  # windings of the same transformer


def read_windings(context: Context, taps: TapChangers) -> Windings:
    """Read all windings that can be placed; the others are errors."""
    table = context.table
    row = table.rows("PowerTransformerEnd")
    transformer = table.ref(row, "PowerTransformerEnd.PowerTransformer")
    number = table.number(row, "TransformerEnd.endNumber", default=99.0).astype(np.intp)
    known = np.isin(transformer, table.rows("PowerTransformer"))
    context.error("transformer_missing", "belongs to no power transformer", row[~known])
    order = np.flatnonzero(known)
    order = order[np.lexsort((number[order], transformer[order]))]
    row, transformer, number = row[order], transformer[order], number[order]
    windings = _windings(context, row, transformer, number, _tap_factors(table, row, taps))
    return _only_complete(context, windings)


@dataclass(frozen=True, slots=True)
class _Factors:
    ratio: NDArray[np.complex128]
    r: Floats
    x: Floats
    g: Floats
    b: Floats


def _tap_factors(table: CimTable, row: Rows, taps: TapChangers) -> _Factors:
    """What the tap changers of each winding do together."""
    size = table.size + 1  # a tap changer without a winding (-1) writes to the spare end
    ratio = np.ones(size, dtype=np.complex128)
    np.multiply.at(ratio, taps.end, taps.ratio)
    factors = []
    for factor in (taps.r_factor, taps.x_factor, taps.g_factor, taps.b_factor):
        product = np.ones(size)
        np.multiply.at(product, taps.end, factor)
        factors.append(product[row])
    return _Factors(ratio[row], *factors)


def _windings(context: Context, row: Rows, transformer: Rows, number: Rows, factors: _Factors) -> Windings:
    table, terminals = context.table, context.terminals
    terminal = table.ref(row, "TransformerEnd.Terminal")
    terminal = np.where(terminal >= 0, terminals.position[terminal], -1)
    first = np.searchsorted(transformer, transformer, side="left")
    last = np.searchsorted(transformer, transformer, side="right")
    by_order = np.full(len(row), -1, dtype=np.intp)
    for k in range(int((last - first).max(initial=0))):
        here = np.arange(len(row)) - first == k
        by_order[here] = terminals.of(transformer[here], k)
    rated_kv = context.required(row, "PowerTransformerEnd.ratedU")
    context.error("invalid_value", "ratedU is not positive", row[~(rated_kv > 0)])
    return Windings(
        row,
        transformer,
        number,
        np.where(terminal >= 0, terminal, by_order),
        np.where(rated_kv > 0, rated_kv, 1.0),
        table.number(row, "PowerTransformerEnd.ratedS"),
        table.number(row, "PowerTransformerEnd.r", default=0.0) * factors.r,
        table.number(row, "PowerTransformerEnd.x", default=0.0) * factors.x,
        table.number(row, "PowerTransformerEnd.g", default=0.0) * factors.g,
        table.number(row, "PowerTransformerEnd.b", default=0.0) * factors.b,
        factors.ratio,
        table.number(row, "PowerTransformerEnd.phaseAngleClock", default=0.0).astype(np.intp) % 12,
        last - first,
    )


def _only_complete(context: Context, windings: Windings) -> Windings:
    """Leave out, with an error, transformers with too few windings or a winding that has no node."""
    terminals = context.terminals
    placed = (windings.terminal >= 0) & (terminals.node[windings.terminal] >= 0)
    context.error("node_missing", "the winding has no terminal with a node", windings.row[~placed])
    alone = windings.count < 2
    context.error("winding_missing", "fewer than two windings", np.unique(windings.transformer[alone]))
    without = np.setdiff1d(context.table.rows("PowerTransformer"), windings.transformer)
    context.error("winding_missing", "no windings", without)
    incomplete = np.unique(windings.transformer[~placed | alone])
    return picked(windings, ~np.isin(windings.transformer, incomplete))


def transformer_branches(
    context: Context, topology: Topology, windings: Windings, first_star: int, *, with_clocks: bool
) -> tuple[PlacedBranches, Rows, Rows]:
    """Build branches: one for each two-winding transformer, one for each winding of the others.

    Args:
        context: What is read.
        topology: Buses.
        windings: All windings.
        first_star: Bus of the first star point; the others follow.
        with_clocks: Whether vector groups shift the phase.

    Returns:
        The branches, the branch of each winding, and the transformer of each star point.
    """
    windings = _with_impedance(context, windings)
    if with_clocks:
        windings = replace(windings, ratio=windings.ratio * np.exp(-1j * np.pi / 6 * windings.clock))
    two = np.flatnonzero(windings.count == 2)
    first, second = two[0::2], two[1::2]
    many = np.flatnonzero(windings.count > 2)
    stars, star = np.unique(windings.transformer[many], return_inverse=True)
    branches = placed(
        [
            _two_winding(context, topology, windings, first, second),
            _star_winding(context, topology, windings, many, first_star + star),
        ]
    )
    branch = np.empty(len(windings.row), dtype=np.intp)
    branch[first] = branch[second] = np.arange(len(first))
    branch[many] = len(first) + np.arange(len(many))
    return branches, branch, stars


def _with_impedance(context: Context, windings: Windings) -> Windings:
    """Give transformers, or windings at a star point, that have no impedance a very small one."""
    per_unit = np.abs(windings.r + 1j * windings.x) / windings.rated_kv**2
    total = np.zeros(context.table.size)
    np.add.at(total, windings.transformer, per_unit)
    none = (per_unit == 0) & ((windings.count > 2) | (total[windings.transformer] == 0))
    # One small reactance for both ends of a two-winding transformer.
    leads = np.searchsorted(windings.transformer, windings.transformer, side="left") == np.arange(len(none))
    given = none & ((windings.count > 2) | leads)
    whole = np.unique(windings.transformer[none & (windings.count == 2)])
    context.warning("zero_impedance", "no impedance: a very small one is taken", whole)
    return replace(windings, x=np.where(given, LEAST_X_PU * windings.rated_kv**2 / BASE_MVA, windings.x))


def _two_winding(
    context: Context, topology: Topology, windings: Windings, first: Rows, second: Rows
) -> PlacedBranches:
    """Both windings' impedances in series, each referred by its rated voltage, magnetising at its own side."""
    one, two = picked(windings, first), picked(windings, second)
    turns_one, turns_two = one.ratio * one.rated_kv, two.ratio * two.rated_kv
    z = (one.r + 1j * one.x) / one.rated_kv**2 + (two.r + 1j * two.x) / two.rated_kv**2
    y = ideal_ratio(1 / z, _magnetising(one), _magnetising(two), turns_one, turns_two)
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
    context: Context, topology: Topology, windings: Windings, many: Rows, star: Rows
) -> PlacedBranches:
    """One winding, from its bus to a star point at the rated voltage of the first winding."""
    one = picked(windings, many)
    first = np.searchsorted(windings.transformer, one.transformer, side="left")
    star_kv = windings.rated_kv[first]
    z = (one.r + 1j * one.x) / one.rated_kv**2
    none = np.zeros(len(many), dtype=np.complex128)
    y = ideal_ratio(1 / z, _magnetising(one), none, one.ratio * one.rated_kv, star_kv.astype(np.complex128))
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


def _magnetising(windings: Windings) -> NDArray[np.complex128]:
    return np.asarray((windings.g + 1j * windings.b) * windings.rated_kv**2)


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
