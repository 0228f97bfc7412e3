"""Problems that show only once everything is read."""

from typing import Final

import numpy as np

from gridjobs_workers.grids.conductors import KINDS as CONDUCTORS
from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.injections import KINDS as INJECTIONS
from gridjobs_workers.grids.shunts import CLASSES as SHUNTS
from gridjobs_workers.grids.topology import SWITCH_CLASSES

# Equipment with terminals that a balanced power flow does not see.
WITHOUT_EFFECT: Final = (
    "BusbarSection", "Junction", "Connector", "Ground", "PetersenCoil", "GroundingImpedance",
    "EarthFaultCompensator", "Clamp",
)  # fmt: skip
MODELLED: Final = (
    *CONDUCTORS,
    *INJECTIONS,
    *SHUNTS,
    *SWITCH_CLASSES,
    *WITHOUT_EFFECT,
    "PowerTransformer",
    "",
)


def report_left_out(context: Context) -> None:
    """Report classes of equipment with terminals that the model does not know."""
    equipment = np.unique(context.terminals.equipment)
    names, count = np.unique(context.table.class_names(equipment[equipment >= 0]), return_counts=True)
    for name, number in zip(names.tolist(), count.tolist(), strict=True):
        if name not in MODELLED:
            context.problems.warning("unsupported_equipment", f"{number} of class {name} are left out")


def report_switches(context: Context) -> None:
    """Report switches that cannot be placed."""
    table, terminals = context.table, context.terminals
    row = table.rows(*SWITCH_CLASSES)
    grounding = np.isin(table.class_names(row), ("GroundDisconnector",))
    lacking = (terminals.count(row) < 2) & ~grounding
    context.error("terminal_missing", "fewer than two terminals", row[lacking])
    first, second = terminals.of(row, 0), terminals.of(row, 1)
    lost = ~lacking & ~grounding & ((terminals.node[first] < 0) | (terminals.node[second] < 0))
    context.error("node_missing", "a terminal has no node", row[lost])


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
