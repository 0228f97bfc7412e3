import math
from typing import Any

import numpy as np
import pytest
from support.cgmes import Enum, Grid, Ref, two_buses

from gridjobs_workers.grids.build import import_grid
from gridjobs_workers.grids.model import InjectionKind
from gridjobs_workers.grids.reduce import to_network
from gridjobs_workers.grids.state import injections_pu, sv_voltage


def machine(grid: Grid, **more: Any) -> Grid:
    grid.add("EQ", "SynchronousMachine", "g", RotatingMachine__ratedS=10, **more)
    grid.terminals("g", "b")
    return grid


def control(grid: Grid, target: float, multiplier: str = "k", mode: str = "voltage", **more: Any) -> Grid:
    grid.add(
        "EQ",
        "RegulatingControl",
        "control",
        RegulatingControl__mode=Enum(f"RegulatingControlModeKind.{mode}"),
        RegulatingControl__Terminal=Ref("line-2"),
    )
    unit = Enum(f"UnitMultiplier.{multiplier}")
    grid.add(
        "SSH",
        "RegulatingControl",
        "control",
        RegulatingControl__targetValue=target,
        RegulatingControl__targetValueUnitMultiplier=unit,
        **more,
    )
    return grid


def test_set_points_count_consumption_positive() -> None:
    grid = machine(two_buses())
    grid.add("SSH", "SynchronousMachine", "g", RotatingMachine__p=-3, RotatingMachine__q=0.5)

    model = import_grid(grid.documents())
    network = to_network(model, base_mva=10.0)

    assert dict(zip(model.injections.mrid.tolist(), model.injections.p_mw.tolist(), strict=True))["g"] == -3
    # Load 1 + 0.5j, machine feeds 3 - 0.5j: 2 - 1j MVA of generation, on 10 MVA.
    assert injections_pu(model, network)[model.bus_of["b"]] == pytest.approx(0.2 - 0.1j)


def test_a_file_without_set_points_speaks_through_its_solution() -> None:
    # As NEPLAN writes it: no SSH, loads without values, SvPowerFlow.
    grid = Grid()
    grid.node("a")
    grid.node("b")
    grid.feeder("source", "a", ExternalNetworkInjection__referencePriority=1)
    grid.line("line", "a", "b")
    grid.add("EQ", "EnergyConsumer", "load")
    grid.terminals("load", "b")
    grid.add(
        "SV", "SvPowerFlow", "flow", SvPowerFlow__Terminal=Ref("load-1"), SvPowerFlow__p=2, SvPowerFlow__q=1
    )
    for node, kv, angle in (("a", 20.4, 0), ("b", 20.0, -1)):
        grid.add(
            "SV",
            "SvVoltage",
            f"v{node}",
            SvVoltage__TopologicalNode=Ref(node),
            SvVoltage__v=kv,
            SvVoltage__angle=angle,
        )

    model = import_grid(grid.documents())
    network = to_network(model, base_mva=1.0)

    assert math.isnan(model.injections.p_mw[0])
    assert injections_pu(model, network, "ssh").tolist() == [0, -2 - 1j]
    assert injections_pu(model, network, "sv").tolist() == [0, -2 - 1j]
    np.testing.assert_allclose(sv_voltage(model, network), [1.02, np.exp(-1j * math.radians(1))])
    feeder = model.injections.mrid.tolist().index("source")
    assert model.injections.regulates[feeder]
    assert model.injections.target_kv[feeder] == 20.4
    assert model.injections.slack_priority[feeder] == 1


def test_a_machine_without_set_points_starts_from_its_generating_unit() -> None:
    grid = machine(two_buses(), RotatingMachine__GeneratingUnit=Ref("unit"))
    grid.add(
        "EQ",
        "ThermalGeneratingUnit",
        "unit",
        GeneratingUnit__initialP=4,
        GeneratingUnit__minOperatingP=1,
        GeneratingUnit__maxOperatingP=8,
        GeneratingUnit__normalPF=0.7,
    )

    found = import_grid(grid.documents()).injections
    row = found.mrid.tolist().index("g")

    assert (found.p_mw[row], found.p_min_mw[row], found.p_max_mw[row]) == (-4, 1, 8)
    assert found.participation[row] == 0.7


@pytest.mark.parametrize(
    ("target", "multiplier"), [(20.6, "k"), (20600, "none"), (20.6, "none"), (0.0206, "M"), (20600, "k")]
)
def test_a_voltage_target_is_understood_in_every_unit(target: float, multiplier: str) -> None:
    grid = control(
        machine(two_buses(), RegulatingCondEq__RegulatingControl=Ref("control")), target, multiplier
    )

    found = import_grid(grid.documents()).injections
    row = found.mrid.tolist().index("g")

    assert found.regulates[row]
    assert found.target_kv[row] == pytest.approx(20.6)
    assert found.regulated_bus[row] == 1


@pytest.mark.parametrize(
    "grid",
    [
        control(
            machine(two_buses(), RegulatingCondEq__RegulatingControl=Ref("control")), 20, mode="reactivePower"
        ),
        control(
            machine(two_buses(), RegulatingCondEq__RegulatingControl=Ref("control")),
            20,
            RegulatingControl__enabled=False,
        ),
        control(
            machine(
                two_buses(),
                RegulatingCondEq__RegulatingControl=Ref("control"),
                RegulatingCondEq__controlEnabled=False,
            ),
            20,
        ),
    ],
    ids=["reactive", "off", "machine off"],
)
def test_a_control_that_does_not_hold_a_voltage_is_none(grid: Grid) -> None:
    found = import_grid(grid.documents()).injections

    assert not found.regulates[found.mrid.tolist().index("g")]


def test_a_target_that_cannot_be_is_reported_and_not_followed() -> None:
    grid = control(machine(two_buses(), RegulatingCondEq__RegulatingControl=Ref("control")), 0)

    model = import_grid(grid.documents())

    assert [(problem.code, problem.mrid) for problem in model.problems] == [("control_target", "control")]
    assert not model.injections.regulates[model.injections.mrid.tolist().index("g")]


def test_reactive_limits_come_from_the_capability_curve() -> None:
    # Between (0 MW, ±4) and (10 MW, ±2) at 5 MW: ±3 Mvar.
    grid = machine(
        two_buses(),
        SynchronousMachine__minQ=-9,
        SynchronousMachine__maxQ=9,
        SynchronousMachine__InitialReactiveCapabilityCurve=Ref("curve"),
    )
    grid.add("SSH", "SynchronousMachine", "g", RotatingMachine__p=-5, RotatingMachine__q=0)
    grid.add("EQ", "ReactiveCapabilityCurve", "curve")
    for x, q in ((0, 4), (10, 2)):
        grid.add(
            "EQ", "CurveData", f"p{x}", CurveData__Curve=Ref("curve"), CurveData__xvalue=x,
            CurveData__y1value=-q, CurveData__y2value=q,
        )  # fmt: skip

    found = import_grid(grid.documents()).injections
    row = found.mrid.tolist().index("g")

    assert (found.q_min_mvar[row], found.q_max_mvar[row]) == (-3, 3)


def test_a_static_var_compensator_is_limited_by_its_reactances() -> None:
    # U²/X: 20² / 100 = 4 Mvar, 20² / -200 = -2 Mvar.
    grid = two_buses()
    grid.add(
        "EQ",
        "StaticVarCompensator",
        "svc",
        StaticVarCompensator__capacitiveRating=100,
        StaticVarCompensator__inductiveRating=-200,
    )
    grid.add("SSH", "StaticVarCompensator", "svc", StaticVarCompensator__q=-1)
    grid.terminals("svc", "b")

    found = import_grid(grid.documents()).injections
    row = found.mrid.tolist().index("svc")

    assert found.kind[row] == InjectionKind.STATIC_VAR
    assert (found.q_min_mvar[row], found.q_max_mvar[row], found.q_mvar[row]) == (-2, 4, -1)


def test_every_kind_of_injection_finds_its_place() -> None:
    grid = two_buses()
    classes = {
        "ConformLoad": (InjectionKind.LOAD, "EnergyConsumer__p"),
        "NonConformLoad": (InjectionKind.LOAD, "EnergyConsumer__p"),
        "StationSupply": (InjectionKind.LOAD, "EnergyConsumer__p"),
        "AsynchronousMachine": (InjectionKind.MACHINE, "RotatingMachine__p"),
        "ExternalNetworkInjection": (InjectionKind.EXTERNAL, "ExternalNetworkInjection__p"),
        "EnergySource": (InjectionKind.EXTERNAL, "EnergySource__activePower"),
        "EquivalentInjection": (InjectionKind.EQUIVALENT, "EquivalentInjection__p"),
        "PowerElectronicsConnection": (InjectionKind.CONVERTER, "PowerElectronicsConnection__p"),
        "VsConverter": (InjectionKind.CONVERTER, "ACDCConverter__p"),
    }
    for name, (_, power) in classes.items():
        grid.add("EQ", name, name)
        grid.add("SSH", name, name, **{power: 7})
        grid.terminals(name, "b")

    found = import_grid(grid.documents()).injections

    rows = {mrid: row for row, mrid in enumerate(found.mrid.tolist())}
    for name, (kind, _) in classes.items():
        assert (found.kind[rows[name]], found.p_mw[rows[name]], found.cim_class[rows[name]]) == (
            kind,
            7,
            name,
        )


def test_an_equivalent_that_regulates_holds_its_own_bus() -> None:
    grid = two_buses()
    grid.add("EQ", "EquivalentInjection", "eq", EquivalentInjection__maxQ=5, EquivalentInjection__minQ=-5)
    grid.add(
        "SSH",
        "EquivalentInjection",
        "eq",
        EquivalentInjection__p=-1,
        EquivalentInjection__regulationStatus=True,
        EquivalentInjection__regulationTarget=20.2,
    )
    grid.terminals("eq", "b")

    found = import_grid(grid.documents()).injections
    row = found.mrid.tolist().index("eq")

    assert (found.regulates[row], found.target_kv[row], found.regulated_bus[row]) == (True, 20.2, 1)


def test_bus_injections_of_the_solution_count_only_in_the_solution() -> None:
    grid = two_buses()
    grid.add("SV", "SvInjection", "rest", SvInjection__TopologicalNode=Ref("b"), SvInjection__pInjection=0.25)

    model = import_grid(grid.documents())
    network = to_network(model, base_mva=1.0)

    assert injections_pu(model, network, "ssh")[1] == -1 - 0.5j
    assert injections_pu(model, network, "sv")[1] == -0.75 - 0.5j


def test_the_solutions_angle_reference_leads_where_nobody_else_does() -> None:
    grid = two_buses()
    grid.add("SV", "TopologicalIsland", "island", TopologicalIsland__AngleRefTopologicalNode=Ref("a"))

    model = import_grid(grid.documents())

    assert model.extra["angle_reference_buses"] == [0]
    assert model.injections.slack_priority[model.injections.mrid.tolist().index("source")] == 1


def test_linear_shunts_count_the_sections_in_use() -> None:
    grid = two_buses()
    grid.add(
        "EQ",
        "LinearShuntCompensator",
        "c",
        LinearShuntCompensator__bPerSection=0.001,
        LinearShuntCompensator__gPerSection=0.0001,
        ShuntCompensator__maximumSections=5,
        ShuntCompensator__normalSections=1,
    )
    grid.add("SSH", "LinearShuntCompensator", "c", ShuntCompensator__sections=3)
    grid.terminals("c", "b")

    model = import_grid(grid.documents())

    assert model.shunts.sections.tolist() == [3]
    assert model.shunts.b.tolist() == pytest.approx([0.003])
    assert model.shunts.b_per_section.tolist() == [0.001]
    # 0.0003 + 0.003j S at 20 kV on 1 MVA.
    assert to_network(model, base_mva=1.0).y_shunt[1] == pytest.approx(0.12 + 1.2j)


def test_nonlinear_shunts_add_their_sections_up_to_the_one_in_use() -> None:
    grid = two_buses()
    grid.add("EQ", "NonlinearShuntCompensator", "c", ShuntCompensator__maximumSections=3)
    grid.add("SSH", "NonlinearShuntCompensator", "c", ShuntCompensator__sections=1)
    grid.add(
        "SV",
        "SvShuntCompensatorSections",
        "s",
        SvShuntCompensatorSections__ShuntCompensator=Ref("c"),
        SvShuntCompensatorSections__sections=2,
    )
    for number, b in ((1, 0.001), (2, 0.002), (3, 0.004)):
        grid.add(
            "EQ",
            "NonlinearShuntCompensatorPoint",
            f"point{number}",
            NonlinearShuntCompensatorPoint__NonlinearShuntCompensator=Ref("c"),
            NonlinearShuntCompensatorPoint__sectionNumber=number,
            NonlinearShuntCompensatorPoint__b=b,
        )
    grid.terminals("c", "b")

    assert import_grid(grid.documents()).shunts.b.tolist() == pytest.approx([0.003])


def test_equivalent_shunts_are_shunts() -> None:
    grid = two_buses()
    grid.add("EQ", "EquivalentShunt", "e", EquivalentShunt__g=0.0, EquivalentShunt__b=-0.002)
    grid.terminals("e", "b")

    assert import_grid(grid.documents()).shunts.b.tolist() == [-0.002]


@pytest.mark.parametrize(
    "kind",
    [
        {"OperationalLimitType__limitType": Enum("LimitTypeKind.patl")},
        {"OperationalLimitType__kind": Enum("LimitKind.patl")},
        {"IdentifiedObject__name": "PATL"},
        {"OperationalLimitType__isInfiniteDuration": True},
    ],
    ids=["2.4.15", "3.0", "neplan", "infinite"],
)
@pytest.mark.parametrize("value", ["CurrentLimit__value", "CurrentLimit__normalValue"])
def test_permanent_limits_are_found_in_every_dialect(kind: dict[str, Any], value: str) -> None:
    grid = two_buses()
    grid.add("EQ", "OperationalLimitType", "permanent", **kind)
    grid.add(
        "EQ", "OperationalLimitType", "temporary", OperationalLimitType__limitType=Enum("LimitTypeKind.tatl")
    )
    for side in (1, 2):
        grid.add("EQ", "OperationalLimitSet", f"set{side}", OperationalLimitSet__Terminal=Ref(f"line-{side}"))
        for which, amperes in (("permanent", 300 + side), ("temporary", 100)):
            links = {
                "OperationalLimit__OperationalLimitSet": Ref(f"set{side}"),
                "OperationalLimit__OperationalLimitType": Ref(which),
            }
            grid.add("EQ", "CurrentLimit", f"{which}{side}", **links, **{value: amperes})

    branches = import_grid(grid.documents()).branches

    assert branches.limit_from_a.tolist() == [301]
    assert branches.limit_to_a.tolist() == [302]


def test_a_limit_of_equipment_holds_at_both_ends_and_apparent_power_counts_at_base_voltage() -> None:
    # 10 MVA at 20 kV: 10e3 / (√3 · 20) A.
    grid = two_buses()
    grid.add("EQ", "OperationalLimitType", "permanent", IdentifiedObject__name="PATL")
    grid.add("EQ", "OperationalLimitSet", "set", OperationalLimitSet__Equipment=Ref("line"))
    links = {
        "OperationalLimit__OperationalLimitSet": Ref("set"),
        "OperationalLimit__OperationalLimitType": Ref("permanent"),
    }
    grid.add("EQ", "ApparentPowerLimit", "limit", ApparentPowerLimit__value=10, **links)
    grid.add("EQ", "CurrentLimit", "none", CurrentLimit__value=0, **links)

    branches = import_grid(grid.documents()).branches

    assert (
        branches.limit_from_a.tolist()
        == branches.limit_to_a.tolist()
        == pytest.approx([10e3 / math.sqrt(3) / 20])
    )
