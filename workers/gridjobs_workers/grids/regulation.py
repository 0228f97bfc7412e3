"""Regulating controls: which of them hold a voltage, where, and at what."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from gridjobs_workers.grids.arrays import Bools, Floats, Rows
from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.table import CimTable
from gridjobs_workers.grids.topology import Topology

CONTROL_CLASSES: Final = ("RegulatingControl", "TapChangerControl")
MODES: Final = (
    "voltage", "activePower", "reactivePower", "currentFlow", "admittance", "timeScheduled", "temperature",
    "powerFactor",
)  # fmt: skip
MULTIPLIERS: Final = {"none": 1e-3, "": 1.0, "k": 1.0, "M": 1e3}
# A target further than this from the base voltage is taken for one in other units, or none at all.
PLAUSIBLE: Final = (0.5, 1.5)


@dataclass(frozen=True, slots=True)
class Targets:
    """What some equipment's control asks for, shape (n,) each.

    Attributes:
        regulates: Whether it holds a voltage.
        bus: Where, -1 where it does not.
        kv: The target [kV], NaN where it does not or the file has none.
        deadband_kv: Width of the band around it [kV], 0 where none is given.
    """

    regulates: Bools
    bus: Rows
    kv: Floats
    deadband_kv: Floats


def read_targets(
    context: Context, topology: Topology, base_kv: Floats, control: Rows, enabled: Bools
) -> Targets:
    """Read the voltage controls of some equipment.

    Args:
        context: What is read.
        topology: Buses.
        base_kv: Base voltage of each bus.
        control: The equipment's control (row of the table), -1 where it has none.
        enabled: Whether the equipment takes part in it.
    """
    table, terminals = context.table, context.terminals
    known = (control >= 0) & (table.enum(control, "RegulatingControl.mode") == "voltage")
    terminal = table.ref(control, "RegulatingControl.Terminal")
    position = np.where(terminal >= 0, terminals.position[terminal], -1)
    bus = np.where(position >= 0, topology.bus_of_terminal[position], -1)
    active = known & enabled & table.flag(control, "RegulatingControl.enabled", default=True)
    base = np.where(bus >= 0, base_kv[bus], np.nan)
    multiplier = _multipliers(table, control)
    raw = table.number(control, "RegulatingControl.targetValue")
    kv = plausible_kv(raw, multiplier, base)
    regulates = active & (bus >= 0) & ~(np.isnan(kv) & ~np.isnan(raw))
    unit = np.divide(kv, raw, out=np.ones_like(kv), where=(raw != 0) & ~np.isnan(kv))
    deadband = table.number(control, "RegulatingControl.targetDeadband", default=0.0) * unit
    return Targets(regulates, np.where(regulates, bus, -1), np.where(regulates, kv, np.nan), deadband)


def plausible_kv(value: Floats, multiplier: Floats, base_kv: Floats) -> Floats:
    """Read a voltage target in the unit given, in kV, or in V: whichever is near the base voltage; else NaN."""
    result = np.full(len(value), np.nan)
    for candidate in (value * 1e-3, value, value * multiplier):
        near = (candidate > PLAUSIBLE[0] * base_kv) & (candidate < PLAUSIBLE[1] * base_kv)
        result[near] = candidate[near]
    return np.where(np.isnan(base_kv), value * multiplier, result)


def _multipliers(table: CimTable, control: Rows) -> Floats:
    name = table.enum(control, "RegulatingControl.targetValueUnitMultiplier")
    return np.array([MULTIPLIERS.get(text, 1.0) for text in name.tolist()], dtype=np.float64)


def check_controls(context: Context, topology: Topology, base_kv: Floats) -> None:
    """Report enabled controls that cannot be followed: unknown modes, impossible targets, no terminal."""
    table, terminals = context.table, context.terminals
    control = table.rows(*CONTROL_CLASSES)
    mode = table.enum(control, "RegulatingControl.mode")
    enabled = table.flag(control, "RegulatingControl.enabled", default=True)
    terminal = table.ref(control, "RegulatingControl.Terminal")
    position = np.where(terminal >= 0, terminals.position[terminal], -1)
    bus = np.where(position >= 0, topology.bus_of_terminal[position], -1)
    by_voltage = mode == "voltage"
    context.warning("control_mode", "its mode is unknown: not followed", control[~np.isin(mode, MODES)])
    others = enabled & np.isin(mode, MODES[4:])
    context.warning("control_mode", "its mode cannot be followed in a power flow", control[others])
    context.warning(
        "control_terminal", "regulates at no node: not followed", control[enabled & by_voltage & (bus < 0)]
    )
    raw = table.number(control, "RegulatingControl.targetValue")
    base = np.where(bus >= 0, base_kv[bus], np.nan)
    kv = plausible_kv(raw, _multipliers(table, control), base)
    wrong = enabled & by_voltage & (bus >= 0) & np.isnan(kv) & ~np.isnan(raw)
    context.warning(
        "control_target", "its voltage target is far from the base voltage: not followed", control[wrong]
    )
    _check_mode_fits(context)


def _check_mode_fits(context: Context) -> None:
    """Report ratio tap changers that say they control one thing under a control of another."""
    table = context.table
    changer = table.rows("RatioTapChanger")
    said = table.enum(changer, "RatioTapChanger.tculControlMode")
    owner = table.ref(changer, "TapChanger.TapChangerControl")
    actual = table.enum(owner, "RegulatingControl.mode")
    wrong = (owner >= 0) & (
        ((said == "volt") & (actual != "voltage")) | ((said == "reactive") & (actual == "voltage"))
    )
    context.warning("control_mode", "its control mode and its control disagree", changer[wrong])
    equipment = table.rows("SynchronousMachine", "StaticVarCompensator", "ExternalNetworkInjection")
    owner = table.ref(equipment, "RegulatingCondEq.RegulatingControl")
    wrong = (owner >= 0) & ~np.isin(
        table.enum(owner, "RegulatingControl.mode"), ("voltage", "reactivePower", "")
    )
    context.warning("control_mode", "its control holds neither voltage nor reactive power", equipment[wrong])
