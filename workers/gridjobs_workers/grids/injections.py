"""Single-terminal equipment that draws or feeds power."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from gridjobs_workers.grids.arrays import Bools, Floats, Rows
from gridjobs_workers.grids.classes import INJECTIONS
from gridjobs_workers.grids.context import Context
from gridjobs_workers.grids.model import InjectionKind, Injections
from gridjobs_workers.grids.regulation import Targets, plausible_kv, read_targets
from gridjobs_workers.grids.table import CimTable
from gridjobs_workers.grids.topology import Topology

ACTIVE: Final = (
    "EnergyConsumer.p", "RotatingMachine.p", "ExternalNetworkInjection.p", "EnergySource.activePower",
    "EquivalentInjection.p", "PowerElectronicsConnection.p", "ACDCConverter.p", "EnergyConsumer.pfixed",
)  # fmt: skip
REACTIVE: Final = (
    "EnergyConsumer.q", "RotatingMachine.q", "ExternalNetworkInjection.q", "EnergySource.reactivePower",
    "EquivalentInjection.q", "PowerElectronicsConnection.q", "ACDCConverter.q", "StaticVarCompensator.q",
    "EnergyConsumer.qfixed",
)  # fmt: skip
MIN_Q: Final = (
    "SynchronousMachine.minQ", "ExternalNetworkInjection.minQ", "EquivalentInjection.minQ",
    "PowerElectronicsConnection.minQ",
)  # fmt: skip
MAX_Q: Final = (
    "SynchronousMachine.maxQ", "ExternalNetworkInjection.maxQ", "EquivalentInjection.maxQ",
    "PowerElectronicsConnection.maxQ",
)  # fmt: skip
RATED: Final = ("RotatingMachine.ratedS", "PowerElectronicsConnection.ratedS", "ACDCConverter.baseS")


@dataclass(frozen=True, slots=True)
class PowerFlows:
    """The solution's power at terminals, by row of the table: consumption positive, NaN where it has none."""

    p_mw: Floats
    q_mvar: Floats


def read_power_flows(table: CimTable) -> PowerFlows:
    """Read SvPowerFlow."""
    row = table.rows("SvPowerFlow")
    terminal = table.ref(row, "SvPowerFlow.Terminal")
    p, q = np.full(table.size + 1, np.nan), np.full(table.size + 1, np.nan)  # row -1 writes to the spare end
    p[terminal] = table.number(row, "SvPowerFlow.p")
    q[terminal] = table.number(row, "SvPowerFlow.q")
    p[-1] = q[-1] = np.nan
    return PowerFlows(p, q)


def read_injections(context: Context, topology: Topology, base_kv: Floats, sv_kv: Floats) -> Injections:
    """Read everything that draws or feeds power at one terminal, and the solution's bus injections."""
    table, terminals = context.table, context.terminals
    rows = [table.rows(name) for name in INJECTIONS]
    row = np.concatenate(rows)
    kind = np.repeat([int(kind) for kind in INJECTIONS.values()], [len(part) for part in rows])
    position = terminals.of(row, 0)
    without = position < 0
    context.error("terminal_missing", "has no terminal", row[without])
    row, kind, position = row[~without], kind[~without], position[~without]
    bus = topology.bus_of_terminal[position]
    flows = read_power_flows(table)
    targets = _targets(context, topology, base_kv, sv_kv, row, kind, bus)
    p_mw = _active(table, row)
    q_min, q_max = _reactive_limits(table, row, p_mw, base_kv[bus])
    unit = table.ref(row, "RotatingMachine.GeneratingUnit")
    priority = table.number(
        row, "SynchronousMachine.referencePriority", "ExternalNetworkInjection.referencePriority", default=0.0
    )
    _report_ignored(context, row)
    return Injections(
        mrid=table.mrid(row),
        name=table.text(row, "IdentifiedObject.name"),
        kind=kind,
        cim_class=table.class_names(row),
        terminal=table.mrid(terminals.row[position]),
        bus=bus,
        in_service=terminals.connected[position] & context.in_service(row),
        p_mw=p_mw,
        q_mvar=table.number(row, *REACTIVE),
        sv_p_mw=flows.p_mw[terminals.row[position]],
        sv_q_mvar=flows.q_mvar[terminals.row[position]],
        regulates=targets.regulates,
        regulated_bus=targets.bus,
        target_kv=targets.kv,
        q_min_mvar=q_min,
        q_max_mvar=q_max,
        p_min_mw=_first_known(
            table.number(unit, "GeneratingUnit.minOperatingP"),
            table.number(row, "ExternalNetworkInjection.minP", "EquivalentInjection.minP"),
        ),
        p_max_mw=_first_known(
            table.number(unit, "GeneratingUnit.maxOperatingP"),
            table.number(row, "ExternalNetworkInjection.maxP", "EquivalentInjection.maxP"),
        ),
        rated_mva=table.number(row, *RATED),
        slack_priority=priority.astype(np.intp),
        participation=table.number(unit, "GeneratingUnit.normalPF", default=0.0),
    )


def _active(table: CimTable, row: Rows) -> Floats:
    """Set-point, else what the generating unit starts from (which counts generation positive)."""
    unit = table.ref(row, "RotatingMachine.GeneratingUnit")
    return _first_known(table.number(row, *ACTIVE), -table.number(unit, "GeneratingUnit.initialP"))


def _first_known(first: Floats, second: Floats) -> Floats:
    return np.where(np.isnan(first), second, first)


def _targets(
    context: Context, topology: Topology, base_kv: Floats, sv_kv: Floats, row: Rows, kind: Rows, bus: Rows
) -> Targets:
    """Voltage control by a regulating control, by an equivalent's own target, or by being a network feeder."""
    table = context.table
    enabled = table.flag(row, "RegulatingCondEq.controlEnabled", default=True)
    targets = read_targets(
        context, topology, base_kv, table.ref(row, "RegulatingCondEq.RegulatingControl"), enabled
    )
    own = table.number(row, "EquivalentInjection.regulationTarget", "EnergySource.voltageMagnitude")
    own_kv = plausible_kv(own, np.ones(len(row)), base_kv[bus])
    holds = table.flag(row, "EquivalentInjection.regulationStatus", default=False) & ~np.isnan(own_kv)
    is_feeder = (kind == InjectionKind.EXTERNAL) & enabled & ~targets.regulates
    regulates = targets.regulates | holds | is_feeder
    at = np.where(targets.regulates, targets.bus, np.where(holds | is_feeder, bus, -1))
    kv = np.where(targets.regulates, targets.kv, np.where(holds | is_feeder, own_kv, np.nan))
    # A file without set-points (NEPLAN) still tells in its solution which voltage was held.
    kv = np.where(regulates & np.isnan(kv), sv_kv[at], kv)
    return Targets(regulates, at, kv, targets.deadband_kv)


def _reactive_limits(table: CimTable, row: Rows, p_mw: Floats, base_kv: Floats) -> tuple[Floats, Floats]:
    """Limits as generation: from the capability curve where there is one, else constant."""
    low, high = table.number(row, *MIN_Q), table.number(row, *MAX_Q)
    _apply_curves(table, row, p_mw, low, high)
    # A static var compensator's ratings are reactances at base voltage (IEC 61970-301).
    inductive = table.number(row, "StaticVarCompensator.inductiveRating")
    capacitive = table.number(row, "StaticVarCompensator.capacitiveRating")
    with np.errstate(divide="ignore"):
        low = _first_known(low, np.where(inductive < 0, base_kv**2 / inductive, np.nan))
        high = _first_known(high, np.where(capacitive > 0, base_kv**2 / capacitive, np.nan))
    return low, high


def _apply_curves(table: CimTable, row: Rows, p_mw: Floats, low: Floats, high: Floats) -> None:
    curve = table.ref(row, "SynchronousMachine.InitialReactiveCapabilityCurve")
    with_curve = np.flatnonzero(curve >= 0)
    if not len(with_curve):
        return
    point = table.rows("CurveData")
    owner = table.ref(point, "CurveData.Curve")
    x, y1, y2 = (table.number(point, f"CurveData.{name}") for name in ("xvalue", "y1value", "y2value"))
    usable = np.flatnonzero(~np.isnan(x) & ~np.isnan(y1) & ~np.isnan(y2) & (owner >= 0))
    usable = usable[np.lexsort((x[usable], owner[usable]))]
    first = np.searchsorted(owner[usable], curve[with_curve], side="left")
    last = np.searchsorted(owner[usable], curve[with_curve], side="right")
    for k, start, stop in zip(with_curve.tolist(), first.tolist(), last.tolist(), strict=True):
        points = usable[start:stop]
        if len(points) and not np.isnan(p_mw[k]):
            low[k] = np.interp(-p_mw[k], x[points], y1[points])
            high[k] = np.interp(-p_mw[k], x[points], y2[points])


def _report_ignored(context: Context, row: Rows) -> None:
    """Report loads that depend on voltage, and direct current, which a power flow here does not know."""
    table = context.table
    dependent = int(_depends_on_voltage(table, table.ref(row, "EnergyConsumer.LoadResponse")).sum())
    if dependent:
        detail = f"{dependent} loads depend on voltage by a load response: taken as constant power"
        context.problems.warning("load_response_ignored", detail)
    converters = table.rows("CsConverter", "VsConverter")
    context.warning(
        "converter_as_injection", "direct current is not modelled: taken as an injection", converters
    )


def _depends_on_voltage(table: CimTable, response: Rows) -> Bools:
    """Whether a load response is other than constant power: by exponents, or by parts (ZIP)."""

    def number(name: str, default: float) -> Floats:
        return table.number(response, f"LoadResponseCharacteristic.{name}", default=default)

    by_exponent = table.flag(response, "LoadResponseCharacteristic.exponentModel", default=False)
    exponents = (number("pVoltageExponent", 0.0) != 0) | (number("qVoltageExponent", 0.0) != 0)
    parts = [number(f"{p}Constant{kind}", 0.0) != 0 for p in "pq" for kind in ("Current", "Impedance")]
    depends: Bools = (response >= 0) & np.where(by_exponent, exponents, np.any(parts, axis=0))
    return depends


def solved_injections(context: Context, topology: Topology) -> Injections:
    """The solution's bus injections (SvInjection), which belong to the solution only."""
    table = context.table
    row = table.rows("SvInjection")
    node = table.ref(row, "SvInjection.TopologicalNode")
    bus = np.where(node >= 0, topology.bus_of_row[node], -1)
    context.warning("node_missing", "is at no node: ignored", row[bus < 0])
    row, bus = row[bus >= 0], bus[bus >= 0]
    none, unknown = np.zeros(len(row), dtype=np.bool_), np.full(len(row), np.nan)
    nowhere = np.full(len(row), -1, dtype=np.intp)
    zeros = np.zeros(len(row), dtype=np.intp)
    return Injections(
        mrid=table.mrid(row),
        name=table.text(row, "IdentifiedObject.name"),
        kind=np.full(len(row), int(InjectionKind.SV_INJECTION), dtype=np.intp),
        cim_class=table.class_names(row),
        terminal=np.full(len(row), ""),
        bus=bus,
        in_service=~none,
        p_mw=np.zeros(len(row)),
        q_mvar=np.zeros(len(row)),
        sv_p_mw=-table.number(row, "SvInjection.pInjection", default=0.0),
        sv_q_mvar=-table.number(row, "SvInjection.qInjection", default=0.0),
        regulates=none,
        regulated_bus=nowhere,
        target_kv=unknown,
        q_min_mvar=unknown,
        q_max_mvar=unknown,
        p_min_mw=unknown,
        p_max_mw=unknown,
        rated_mva=unknown,
        slack_priority=zeros,
        participation=np.zeros(len(row)),
    )
