"""Permanent limits of branches."""

from typing import Final

import numpy as np

from gridjobs_workers.grids.arrays import Bools, Floats, Rows
from gridjobs_workers.grids.table import CimTable
from gridjobs_workers.grids.terminals import Terminals

KILO: Final = 1e3


def permanent_limits(
    table: CimTable, terminals: Terminals, terminal: Rows, equipment: Rows, base_kv: Floats
) -> Floats:
    """Permanent current limit at one side of some branches [A], inf where none, shape (n,).

    A limit given as apparent power counts at base voltage. Limits of 0 mean none (NEPLAN).

    Args:
        table: All objects.
        terminals: All terminals.
        terminal: Position of the branch's terminal at this side, -1 at a star point.
        equipment: Row of the branch's equipment.
        base_kv: Base voltage at this side.
    """
    row = table.rows("CurrentLimit", "ApparentPowerLimit")
    kind = table.ref(row, "OperationalLimit.OperationalLimitType")
    row = row[_is_permanent(table, kind)]
    amperes = table.number(row, "CurrentLimit.value", "CurrentLimit.normalValue")
    mva = table.number(row, "ApparentPowerLimit.value", "ApparentPowerLimit.normalValue")
    owner = table.ref(row, "OperationalLimit.OperationalLimitSet")
    at_terminal = table.ref(owner, "OperationalLimitSet.Terminal")
    # NEPLAN names both; the terminal is the more precise.
    at_equipment = np.where(at_terminal >= 0, -1, table.ref(owner, "OperationalLimitSet.Equipment"))
    terminal_row = np.where(terminal >= 0, terminals.row[terminal], -1)
    least_a = _least(table.size, (at_terminal, at_equipment), amperes)
    least_mva = _least(table.size, (at_terminal, at_equipment), mva)
    as_amperes = np.minimum(least_mva[terminal_row], least_mva[equipment]) * KILO / (np.sqrt(3) * base_kv)
    limits: Floats = np.fmin(np.minimum(least_a[terminal_row], least_a[equipment]), as_amperes)
    return limits


def _is_permanent(table: CimTable, kind: Rows) -> Bools:
    """Permanently admissible by its type's kind, its name, or, where neither says anything, because it is all."""
    said = table.enum(kind, "OperationalLimitType.limitType")
    said = np.where(said != "", said, table.enum(kind, "OperationalLimitType.kind"))
    name = np.strings.upper(table.text(kind, "IdentifiedObject.name"))
    infinite = table.flag(kind, "OperationalLimitType.isInfiniteDuration", default=False)
    silent = (said == "") & ~np.isin(name, ("PATL", "TATL", "TC"))
    permanent: Bools = (
        (said == "patl") | ((said == "") & ((name == "PATL") | infinite)) | (silent & (name == ""))
    )
    return permanent


def _least(size: int, places: tuple[Rows, Rows], limits: Floats) -> Floats:
    """Smallest positive limit at each row of the table, inf where none; the last entry stands for row -1."""
    least = np.full(size + 1, np.inf)
    usable = limits > 0
    for place in places:
        np.minimum.at(least, place[usable], limits[usable])
    least[-1] = np.inf
    return least
