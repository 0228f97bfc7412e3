"""Problems that show only once everything is read."""

import numpy as np

from gridjobs_workers.grids.classes import MODELLED, SWITCHES, WITHOUT_EFFECT
from gridjobs_workers.grids.context import Context


def report_left_out(context: Context) -> None:
    """Report classes of equipment with terminals that the model does not know."""
    equipment = np.unique(context.terminals.equipment)
    names, count = np.unique(context.table.class_names(equipment[equipment >= 0]), return_counts=True)
    for name, number in zip(names.tolist(), count.tolist(), strict=True):
        if name and name not in (*MODELLED, *WITHOUT_EFFECT):
            context.problems.warning("unsupported_equipment", f"{number} of class {name} are left out")


def report_switches(context: Context) -> None:
    """Report switches that cannot be placed."""
    table, terminals = context.table, context.terminals
    row = table.rows(*SWITCHES)
    grounding = np.isin(table.class_names(row), ("GroundDisconnector",))
    lacking = (terminals.count(row) < 2) & ~grounding
    context.error("terminal_missing", "fewer than two terminals", row[lacking])


def report_unplaced(context: Context) -> None:
    """Report connected terminals without a node: they hang in the air, as if they were open.

    When no terminal at all has a node the topology is missing, which is an error.
    """
    terminals = context.terminals
    unplaced = terminals.node == terminals.row
    if unplaced.any() and (unplaced | (terminals.node < 0)).all():
        detail = "no terminal has a node: the topology profile is missing, or the connectivity nodes are"
        context.problems.error("topology_missing", detail)
        return
    detail = "is connected, but to no node: taken as open"
    context.warning("node_missing", detail, terminals.row[unplaced & terminals.connected])


def report_bad_values(context: Context) -> None:
    """Report values that are no finite numbers or no booleans, where they were needed.

    In a solution they are warnings: it says less, but the grid stands without it.
    """
    table, problems = context.table, context.problems
    for bad in table.bad_values.values():
        file, line = table.line_at(bad.at)
        mrid = str(table.mrid(np.array([bad.row]))[0])
        report = problems.warning if bad.name.startswith("Sv") else problems.error
        report("invalid_value", f"{bad.name} cannot be {bad.text!r}", file=file, line=line, mrid=mrid)
