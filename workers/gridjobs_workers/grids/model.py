"""The grid model: every piece of equipment of one grid as plain arrays, in CIM units.

CIM units are kV, MW, Mvar, ohm, siemens, ampere and degree. Loads count positive as consumption. Buses are
what is left when closed switches have been merged; `bus_of` maps every mRID that users may name (topological
node, connectivity node, busbar section, terminal, single-terminal equipment) to its bus.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Strings = NDArray[np.str_]
Complexes = NDArray[np.complex128]


class BranchKind(IntEnum):
    """What a branch is in CIM."""

    LINE = 0
    SERIES_COMPENSATOR = 1
    EQUIVALENT_BRANCH = 2
    TRANSFORMER = 3
    WINDING = 4  # one end of a three-winding transformer, from its bus to the star point


class InjectionKind(IntEnum):
    """What an injection is in CIM."""

    LOAD = 0
    MACHINE = 1
    EXTERNAL = 2  # ExternalNetworkInjection, EnergySource
    EQUIVALENT = 3
    CONVERTER = 4  # PowerElectronicsConnection
    SV_INJECTION = 5
    STATIC_VAR = 6  # StaticVarCompensator


@dataclass(frozen=True, slots=True)
class Buses:
    """Buses, shape (n_bus,) each; star points of three-winding transformers come last."""

    mrid: Strings
    name: Strings
    base_kv: Floats
    is_star: Bools
    energised: Bools  # connected by in-service branches to some source
    island: Ints  # electrical island, -1 where de-energised
    sv_kv: Floats  # magnitude of the file's solution [kV], NaN where it has none
    sv_deg: Floats  # its angle [deg]


@dataclass(frozen=True, slots=True)
class Branches:
    """Two-terminal branches as two-ports in siemens, shape (n_branch,) each.

    I_from = y_ff V_from + y_ft V_to and I_to = y_tf V_from + y_tt V_to, for phase-to-ground voltages; taps,
    phase shifts, the nominal ratio and magnetising shunts are inside. An open end is `from_closed` or
    `to_closed` False.
    """

    mrid: Strings  # of the equipment; a winding has the mRID of its PowerTransformer
    name: Strings
    kind: Ints  # BranchKind
    from_bus: Ints
    to_bus: Ints
    from_terminal: Strings  # mRID
    to_terminal: Strings  # mRID, "" at a star point
    from_closed: Bools
    to_closed: Bools
    y_ff: Complexes
    y_ft: Complexes
    y_tf: Complexes
    y_tt: Complexes
    limit_from_a: Floats  # permanent current limit [A], inf where none
    limit_to_a: Floats
    s_rated_mva: Floats  # NaN where none
    length_km: Floats  # Conductor.length, NaN where none (CGMES gives km)
    # As published, before taps: [ohm] and [S] at the from side, for three-phase and short-circuit studies.
    r: Floats
    x: Floats
    g: Floats
    b: Floats
    r0: Floats  # zero sequence, NaN where the file has none
    x0: Floats
    g0: Floats
    b0: Floats


@dataclass(frozen=True, slots=True)
class Transformers:
    """Windings and tap changers, one row per PowerTransformerEnd, shape (n_end,) each."""

    mrid: Strings  # of the PowerTransformer
    end_mrid: Strings
    end_number: Ints
    branch: Ints  # row in Branches
    rated_kv: Floats
    rated_mva: Floats
    r: Floats  # [ohm] at the end's own voltage
    x: Floats
    g: Floats  # [S]
    b: Floats
    r0: Floats
    x0: Floats
    connection: Strings  # D, Y, Yn, Z, Zn ...
    clock: Ints  # phaseAngleClock
    grounded: Bools
    tap_mrid: Strings  # "" where the end has no tap changer
    tap_kind: (
        Strings  # "", "ratio", "phase_linear", "phase_symmetrical", "phase_asymmetrical", "phase_tabular"
    )
    tap_position: Floats  # in use: SV step, else SSH step, else the normal step
    tap_neutral: Floats
    tap_low: Floats
    tap_high: Floats
    tap_step_percent: Floats  # stepVoltageIncrement
    tap_ratio: Floats  # off-nominal magnitude at the position in use
    tap_shift_rad: Floats  # phase shift at the position in use
    regulates: Bools  # voltage control enabled
    regulated_bus: Ints  # -1 where none
    target_kv: Floats
    deadband_kv: Floats


@dataclass(frozen=True, slots=True)
class Injections:
    """Single-terminal equipment that draws or feeds power, shape (n_injection,) each; consumption positive."""

    mrid: Strings
    name: Strings
    kind: Ints  # InjectionKind
    cim_class: Strings
    terminal: Strings
    bus: Ints
    in_service: Bools
    p_mw: Floats  # set-point (SSH, else EQ), NaN where the file has none
    q_mvar: Floats
    sv_p_mw: Floats  # solution (SvPowerFlow), NaN where the file has none
    sv_q_mvar: Floats
    regulates: Bools  # voltage control enabled
    regulated_bus: Ints  # -1 where none
    target_kv: Floats
    q_min_mvar: Floats  # as generation; NaN where none
    q_max_mvar: Floats
    p_min_mw: Floats
    p_max_mw: Floats
    rated_mva: Floats
    slack_priority: Ints  # referencePriority; 0 where not a reference, 1 is first
    participation: Floats  # GeneratingUnit.normalPF, 0 where none


@dataclass(frozen=True, slots=True)
class Shunts:
    """Shunt compensators, shape (n_shunt,) each; values are for the sections in use [S]."""

    mrid: Strings
    name: Strings
    terminal: Strings
    bus: Ints
    in_service: Bools
    g: Floats
    b: Floats
    sections: Floats
    b_per_section: Floats
    max_sections: Ints
    regulates: Bools
    regulated_bus: Ints
    target_kv: Floats


@dataclass(frozen=True, slots=True)
class Switches:
    """Switches, shape (n_switch,) each; closed ones have both ends on one bus."""

    mrid: Strings
    name: Strings
    cim_class: Strings
    from_bus: Ints
    to_bus: Ints
    open: Bools
    retained: Bools


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong or remarkable in the files."""

    code: str
    severity: str  # "error" or "warning"
    detail: str
    file: str = ""
    line: int = 0
    mrid: str = ""


@dataclass(frozen=True, slots=True)
class GridModel:
    """One imported grid."""

    name: str
    dialect: str  # "cgmes_2.4.15", "cgmes_3.0", "neplan_2012"
    profiles: tuple[str, ...]  # of EQ, TP, SSH, SV, DL, GL, DY, EQ_BD, TP_BD
    scenario_time: str  # ISO 8601, "" where the header has none
    buses: Buses
    branches: Branches
    transformers: Transformers
    injections: Injections
    shunts: Shunts
    switches: Switches
    bus_of: Mapping[str, int]
    problems: tuple[Problem, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
