"""Base voltages of buses, and the voltages of the file's own solution."""

from typing import Final

import numpy as np

from gridjobs_workers.grids.arrays import Floats, Rows
from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.table import CimTable
from gridjobs_workers.grids.topology import Topology

# Two base voltages that closed switches join may differ by this much: 220 and 225 kV are one voltage level.
SAME_LEVEL: Final = 0.15


def nominal_kv(table: CimTable, base_voltage: Rows) -> Floats:
    """Nominal voltage of BaseVoltage objects [kV], NaN where there is none or it is not positive."""
    kv = table.number(base_voltage, "BaseVoltage.nominalVoltage")
    return np.where(kv > 0, kv, np.nan)


def container_kv(table: CimTable, container: Rows) -> Floats:
    """Base voltage of containers [kV]: of a voltage level, or of the voltage level of a bay."""
    level = table.ref(container, "Bay.VoltageLevel")
    level = np.where(level >= 0, level, container)
    return nominal_kv(table, table.ref(level, "VoltageLevel.BaseVoltage"))


def base_voltages(context: Context, topology: Topology) -> Floats:
    """Base voltage of each bus [kV], shape (n_bus,); NaN where nothing in the file says it.

    The topological node says it, else the container of a node, else equipment at the bus, else a winding.
    """
    table = context.table
    by_bus = np.full(len(topology.main_node), np.nan)
    kv = nominal_kv(table, table.ref(topology.node, "TopologicalNode.BaseVoltage"))
    _report_mixed(context, topology, kv)
    _fill(by_bus, topology.bus_of_node, kv)
    for name in ("ConnectivityNode.ConnectivityNodeContainer", "TopologicalNode.ConnectivityNodeContainer"):
        _fill(by_bus, topology.bus_of_node, container_kv(table, table.ref(topology.node, name)))
    if np.isnan(by_bus).any():
        _fill_from_equipment(context, topology, by_bus)
    if np.isnan(by_bus).any():
        _fill_from_windings(context, topology, by_bus)
    return by_bus


def _fill(by_bus: Floats, bus: Rows, kv: Floats) -> None:
    """Give buses that have none their first known voltage."""
    known = np.flatnonzero((bus >= 0) & ~np.isnan(kv))
    known = known[np.isnan(by_bus[bus[known]])][::-1]
    by_bus[bus[known]] = kv[known]


def _fill_from_equipment(context: Context, topology: Topology, by_bus: Floats) -> None:
    table, terminals = context.table, context.terminals
    is_transformer = np.isin(table.class_names(terminals.equipment), ("PowerTransformer",))
    equipment = np.where(is_transformer, -1, terminals.equipment)
    _fill(
        by_bus,
        topology.bus_of_terminal,
        nominal_kv(table, table.ref(equipment, "ConductingEquipment.BaseVoltage")),
    )
    _fill(
        by_bus,
        topology.bus_of_terminal,
        container_kv(table, table.ref(equipment, "Equipment.EquipmentContainer")),
    )


def _fill_from_windings(context: Context, topology: Topology, by_bus: Floats) -> None:
    table = context.table
    end = table.rows("PowerTransformerEnd")
    terminal = context.terminals.position[table.ref(end, "TransformerEnd.Terminal")]
    bus = np.where(terminal >= 0, topology.bus_of_terminal[terminal], -1)
    _fill(by_bus, bus, nominal_kv(table, table.ref(end, "TransformerEnd.BaseVoltage")))
    guessed = np.isnan(by_bus)
    _fill(by_bus, bus, table.number(end, "PowerTransformerEnd.ratedU"))
    guessed &= ~np.isnan(by_bus)
    detail = "base voltage unknown: taken from a winding's rated voltage"
    context.warning("base_voltage_guessed", detail, topology.main_node[guessed])


def spread_voltages(by_bus: Floats, from_bus: Rows, to_bus: Rows) -> Floats:
    """Carry base voltages along conductors to buses that have none; returns the new array."""
    by_bus = by_bus.copy()
    while True:
        before = int(np.isnan(by_bus).sum())
        _fill(by_bus, to_bus, by_bus[from_bus])
        _fill(by_bus, from_bus, by_bus[to_bus])
        if int(np.isnan(by_bus).sum()) == before:
            return by_bus


def _report_mixed(context: Context, topology: Topology, kv: Floats) -> None:
    known = np.flatnonzero(~np.isnan(kv))
    low = np.full(len(topology.main_node), np.inf)
    high = np.zeros(len(topology.main_node))
    np.minimum.at(low, topology.bus_of_node[known], kv[known])
    np.maximum.at(high, topology.bus_of_node[known], kv[known])
    mixed = high > low * (1 + SAME_LEVEL)
    detail = "closed switches join nodes of different base voltages"
    context.error("voltage_levels_joined", detail, topology.main_node[mixed])


def solved_voltages(context: Context, topology: Topology) -> tuple[Floats, Floats]:
    """Voltage of each bus in the file's solution, magnitude [kV] and angle [deg], NaN where it has none."""
    table = context.table
    row = table.rows("SvVoltage")
    node = table.ref(row, "SvVoltage.TopologicalNode")
    kv = table.number(row, "SvVoltage.v")
    bus = np.where(node >= 0, topology.bus_of_row[node], -1)
    kv_by_bus = np.full(len(topology.main_node), np.nan)
    deg_by_bus = kv_by_bus.copy()
    _fill(kv_by_bus, bus, kv)
    _fill(deg_by_bus, bus, np.where(np.isnan(kv), np.nan, table.number(row, "SvVoltage.angle")))
    wrong = kv < 0
    context.error("invalid_voltage", "a voltage magnitude cannot be negative", row[wrong])
    return kv_by_bus, deg_by_bus
