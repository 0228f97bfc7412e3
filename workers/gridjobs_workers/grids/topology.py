"""Buses: nodes that closed switches and conductors without impedance make one."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridjobs_workers.grids.arrays import Bools, Rows
from gridjobs_workers.grids.classes import SWITCHES
from gridjobs_workers.grids.context import Context


@dataclass(frozen=True, slots=True)
class SwitchStates:
    """Switches and where they lie, shape (n_switch,) each; terminals are positions, -1 where missing."""

    row: Rows
    first: Rows
    second: Rows
    is_open: Bools
    retained: Bools


@dataclass(frozen=True, slots=True)
class Topology:
    """Buses as groups of nodes.

    Attributes:
        node: Every node (row of the table), topological nodes first, shape (n_node,).
        bus_of_node: Bus of each node, shape (n_node,).
        main_node: The node that names each bus, shape (n_bus,).
        bus_of_row: Bus of each row of the table that is a node, else -1, shape (table.size,).
        bus_of_terminal: Bus of each terminal, -1 where it has no node, shape (n_terminal,).
    """

    node: Rows
    bus_of_node: Rows
    main_node: Rows
    bus_of_row: Rows
    bus_of_terminal: Rows


def read_switches(context: Context) -> SwitchStates:
    """Read switches: the solution's state, else the set one, else the normal one.

    A switch with a disconnected terminal, or out of service, is open.
    """
    table, terminals = context.table, context.terminals
    row = table.rows(*SWITCHES)
    first, second = terminals.of(row, 0), terminals.of(row, 1)
    stated = table.flag(row, "Switch.open", "Switch.normalOpen", default=False)
    solved = table.rows("SvSwitch")
    switch = table.ref(solved, "SvSwitch.Switch")
    known = np.full(table.size + 1, -1, dtype=np.int8)  # row -1 writes to the spare end
    known[switch] = table.flag(solved, "SvSwitch.open", default=False)
    is_open = np.where(known[row] >= 0, known[row] > 0, stated) | ~context.in_service(row)
    for terminal in (first, second):
        is_open |= (terminal >= 0) & ~terminals.connected[terminal]
    return SwitchStates(row, first, second, is_open, table.flag(row, "Switch.retained", default=False))


def find_buses(context: Context, switches: SwitchStates, shorted: Rows) -> Topology:
    """Group nodes into buses.

    A topological node already holds the connectivity nodes that its own switches join. Where there is no topology
    profile, or between topological nodes, closed switches join nodes here.

    Args:
        context: What is read.
        switches: All switches.
        shorted: Two-terminal equipment without impedance, which joins nodes like a closed switch.
    """
    table, terminals = context.table, context.terminals
    connectivity = table.rows("ConnectivityNode")
    declared = np.concatenate((table.rows("TopologicalNode"), connectivity))
    known = np.zeros(table.size, dtype=np.bool_)
    known[declared] = True
    used = np.unique(terminals.node[terminals.node >= 0])
    node = np.concatenate((declared, used[~known[used]]))
    number = np.full(table.size + 1, -1, dtype=np.intp)
    number[node] = np.arange(len(node))

    closed = ~switches.is_open
    pairs = [
        (connectivity, table.ref(connectivity, "ConnectivityNode.TopologicalNode")),
        (terminals.connectivity, terminals.topological),
        _ends(context, switches.first[closed], switches.second[closed]),
        _ends(context, terminals.of(shorted, 0), terminals.of(shorted, 1)),
    ]
    a = number[np.concatenate([pair[0] for pair in pairs])]
    b = number[np.concatenate([pair[1] for pair in pairs])]
    joined = (a >= 0) & (b >= 0)
    bus_of_node = _groups(len(node), a[joined], b[joined])
    main = np.full(bus_of_node.max(initial=-1) + 1, -1, dtype=np.intp)
    main[bus_of_node[::-1]] = node[::-1]
    bus_of_row = np.full(table.size, -1, dtype=np.intp)
    bus_of_row[node] = bus_of_node
    bus_of_terminal = np.where(terminals.node >= 0, bus_of_row[terminals.node], -1)
    return Topology(node, bus_of_node, main, bus_of_row, bus_of_terminal)


def _ends(context: Context, first: Rows, second: Rows) -> tuple[Rows, Rows]:
    """Nodes at both terminals, -1 where there is none or it is disconnected."""
    terminals = context.terminals
    usable = (first >= 0) & (second >= 0)
    first, second = first[usable], second[usable]
    both = terminals.connected[first] & terminals.connected[second]
    return terminals.node[first[both]], terminals.node[second[both]]


def _groups(size: int, a: Rows, b: Rows) -> Rows:
    """Number groups of joined nodes by their first node."""
    if size == 0:
        return np.empty(0, dtype=np.intp)
    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(size, size))
    _, label = connected_components(graph, directed=False)
    _, first, group = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[group]
