"""Windings of power transformers, at the taps in use."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gridjobs_workers.grids.arrays import Complexes, Floats, Rows, complexes
from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.parts import picked
from gridjobs_workers.grids.table import CimTable
from gridjobs_workers.grids.taps import TapChangers

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
    ratio: Complexes
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
    return _with_impedance(context, _only_complete(context, windings))


@dataclass(frozen=True, slots=True)
class _Factors:
    ratio: Complexes
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
    """Leave out, with an error, transformers with too few windings or a winding that has no terminal."""
    placed = windings.terminal >= 0
    context.error("terminal_missing", "the winding has no terminal", windings.row[~placed])
    alone = windings.count < 2
    context.error("winding_missing", "fewer than two windings", np.unique(windings.transformer[alone]))
    without = np.setdiff1d(context.table.rows("PowerTransformer"), windings.transformer)
    context.error("winding_missing", "no windings", without)
    incomplete = np.unique(windings.transformer[~placed | alone])
    return picked(windings, ~np.isin(windings.transformer, incomplete))


def _with_impedance(context: Context, windings: Windings) -> Windings:
    """Give transformers, or windings at a star point, that have no impedance a very small one."""
    per_unit = np.abs(complexes(windings.r, windings.x)) / windings.rated_kv**2
    total = np.zeros(context.table.size)
    np.add.at(total, windings.transformer, per_unit)
    none = (per_unit == 0) & ((windings.count > 2) | (total[windings.transformer] == 0))
    # One small reactance for both ends of a two-winding transformer.
    leads = np.searchsorted(windings.transformer, windings.transformer, side="left") == np.arange(len(none))
    given = none & ((windings.count > 2) | leads)
    whole = np.unique(windings.transformer[none & (windings.count == 2)])
    context.warning("zero_impedance", "no impedance: a very small one is taken", whole)
    return replace(windings, x=np.where(given, LEAST_X_PU * windings.rated_kv**2 / BASE_MVA, windings.x))
