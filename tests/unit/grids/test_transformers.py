import cmath
import math
from typing import Any

import numpy as np
import pytest
from support.cgmes import Grid, Ref

from gridjobs_workers.grids.build import import_grid
from gridjobs_workers.grids.model import BranchKind, GridModel
from gridjobs_workers.grids.reduce import to_network

HV, MV = 110.0, 20.0
R1, X1 = 0.5, 58.0


def two_windings(**ends: dict[str, Any]) -> Grid:
    """A feeder at 110 kV, a transformer, and a load at 20 kV; `end1` and `end2` add to the windings."""
    grid = Grid()
    grid.node("hv", HV)
    grid.node("mv", MV)
    grid.feeder("source", "hv")
    grid.load("load", "mv", 1, 0)
    grid.add("EQ", "PowerTransformer", "t")
    grid.terminals("t", "hv", "mv")
    for number, (kv, r, x) in enumerate(((HV, R1, X1), (MV, 0.0, 0.0)), 1):
        more = {"PowerTransformerEnd__r": r, "PowerTransformerEnd__x": x} | ends.get(f"end{number}", {})
        grid.add(
            "EQ",
            "PowerTransformerEnd",
            f"end{number}",
            TransformerEnd__endNumber=number,
            TransformerEnd__Terminal=Ref(f"t-{number}"),
            PowerTransformerEnd__PowerTransformer=Ref("t"),
            PowerTransformerEnd__ratedU=kv,
            PowerTransformerEnd__ratedS=25,
            **more,
        )
    return grid


def tap(grid: Grid, cim_class: str, end: str, step: float, **more: Any) -> Grid:
    """Add a tap changer with 21 steps around 0, at `step`."""
    association = "RatioTapChanger" if cim_class == "RatioTapChanger" else "PhaseTapChanger"
    grid.add(
        "EQ",
        cim_class,
        "tap",
        TapChanger__lowStep=-10,
        TapChanger__highStep=10,
        TapChanger__neutralStep=0,
        TapChanger__normalStep=0,
        **{f"{association}__TransformerEnd": Ref(end)},
        **more,
    )
    grid.add("SSH", cim_class, "tap", TapChanger__step=step)
    return grid


def open_circuit_ratio(model: GridModel) -> complex:
    """V_to / V_from with nothing connected at the to side."""
    return complex(-model.branches.y_tf[0] / model.branches.y_tt[0])


def test_a_transformer_is_its_impedance_behind_its_ratio() -> None:
    # By hand: with y = 1/z at 110 kV and n = 110/20, y_ff = y, y_ft = -n y, y_tt = n² y.
    y, n = 1 / complex(R1, X1), HV / MV

    model = import_grid(two_windings().documents())

    assert model.branches.kind.tolist() == [BranchKind.TRANSFORMER]
    np.testing.assert_allclose(model.branches.y_ff, [y])
    np.testing.assert_allclose(model.branches.y_ft, [-n * y])
    np.testing.assert_allclose(model.branches.y_tf, [-n * y])
    np.testing.assert_allclose(model.branches.y_tt, [n * n * y])
    assert model.branches.s_rated_mva.tolist() == [25.0]


def test_impedance_at_the_second_end_is_the_same_referred() -> None:
    k = (MV / HV) ** 2
    none = {"PowerTransformerEnd__r": 0, "PowerTransformerEnd__x": 0}
    moved = {"PowerTransformerEnd__r": R1 * k, "PowerTransformerEnd__x": X1 * k}

    first = import_grid(two_windings().documents()).branches
    second = import_grid(two_windings(end1=none, end2=moved).documents()).branches

    np.testing.assert_allclose(second.y_tf, first.y_tf)
    np.testing.assert_allclose([second.r, second.x], [first.r, first.x])


def test_a_ratio_tap_changer_turns_its_own_side() -> None:
    # 4 steps of 1.5 % more turns at 110 kV: the voltage at no load is 1/1.06 of the nominal ratio.
    grid = tap(two_windings(), "RatioTapChanger", "end1", 4, RatioTapChanger__stepVoltageIncrement=1.5)

    model = import_grid(grid.documents())

    assert open_circuit_ratio(model) == pytest.approx(MV / HV / 1.06)
    assert model.transformers.tap_ratio.tolist() == pytest.approx([1.06, 1.0])
    assert model.transformers.tap_kind.tolist() == ["ratio", ""]


def test_the_solutions_step_wins_over_the_set_one() -> None:
    grid = tap(two_windings(), "RatioTapChanger", "end2", 4, RatioTapChanger__stepVoltageIncrement=1.5)
    grid.add("SV", "SvTapStep", "solved", SvTapStep__TapChanger=Ref("tap"), SvTapStep__position=-2)

    model = import_grid(grid.documents())

    assert model.transformers.tap_position[1] == -2
    assert open_circuit_ratio(model) == pytest.approx(MV / HV * 0.97)


@pytest.mark.parametrize(
    ("cim_class", "more", "ratio"),
    [
        (
            "PhaseTapChangerLinear",
            {"PhaseTapChangerLinear__stepPhaseShiftIncrement": 2.0},
            cmath.rect(1, math.radians(6)),
        ),
        (
            "PhaseTapChangerSymmetrical",
            {"PhaseTapChangerNonLinear__voltageStepIncrement": 2.0},
            cmath.rect(1, 2 * math.atan(0.03)),
        ),
        ("PhaseTapChangerAsymmetrical", {"PhaseTapChangerNonLinear__voltageStepIncrement": 2.0}, 1 + 0.06j),
        (
            "PhaseTapChangerAsymmetrical",
            {
                "PhaseTapChangerNonLinear__voltageStepIncrement": 2.0,
                "PhaseTapChangerAsymmetrical__windingConnectionAngle": 60,
            },
            1 + cmath.rect(0.06, math.radians(60)),
        ),
    ],
)
def test_phase_shifters_add_a_voltage_at_their_angle(
    cim_class: str, more: dict[str, Any], ratio: complex
) -> None:
    # Equations of ENTSO-E, Phase Shift Transformers Modelling, 2014; three steps of 2 % (or 2 degrees).
    model = import_grid(tap(two_windings(), cim_class, "end1", 3, **more).documents())

    assert open_circuit_ratio(model) == pytest.approx(MV / HV / ratio)
    assert to_network(model).shift_rad.tolist() == pytest.approx([cmath.phase(ratio)])


def test_the_reactance_of_a_phase_shifter_grows_with_its_angle() -> None:
    # xMin in the middle, xMax at the end of the range, with the square of sin(α/2): half way at linear steps.
    more = {
        "PhaseTapChangerLinear__stepPhaseShiftIncrement": 2.0,
        "PhaseTapChangerLinear__xMin": X1,
        "PhaseTapChangerLinear__xMax": 2 * X1,
    }
    share = (math.sin(math.radians(5)) / math.sin(math.radians(10))) ** 2

    model = import_grid(tap(two_windings(), "PhaseTapChangerLinear", "end1", 5, **more).documents())

    assert model.branches.x.tolist() == pytest.approx([X1 * (1 + share)])


def test_a_table_gives_ratio_angle_and_changes_of_impedance() -> None:
    grid = tap(
        two_windings(),
        "PhaseTapChangerTabular",
        "end1",
        1,
        PhaseTapChangerTabular__PhaseTapChangerTable=Ref("points"),
    )
    grid.add("EQ", "PhaseTapChangerTable", "points")
    for step in range(-10, 11):
        grid.add(
            "EQ",
            "PhaseTapChangerTablePoint",
            f"point{step}",
            PhaseTapChangerTablePoint__PhaseTapChangerTable=Ref("points"),
            TapChangerTablePoint__step=step,
            TapChangerTablePoint__ratio=1 + 0.01 * step,
            TapChangerTablePoint__x=5 * step,
            PhaseTapChangerTablePoint__angle=3 * step,
        )

    model = import_grid(grid.documents())

    assert open_circuit_ratio(model) == pytest.approx(MV / HV / cmath.rect(1.01, math.radians(3)))
    assert model.branches.x.tolist() == pytest.approx([X1 * 1.05])
    assert not model.problems


def test_a_table_without_the_step_in_use_is_reported_and_the_nearest_step_taken() -> None:
    grid = tap(
        two_windings(), "RatioTapChanger", "end1", 4, RatioTapChanger__RatioTapChangerTable=Ref("points")
    )
    grid.add("EQ", "RatioTapChangerTable", "points")
    for step, ratio in ((0, 1.0), (3, 1.03)):
        grid.add(
            "EQ",
            "RatioTapChangerTablePoint",
            f"point{step}",
            RatioTapChangerTablePoint__RatioTapChangerTable=Ref("points"),
            TapChangerTablePoint__step=step,
            TapChangerTablePoint__ratio=ratio,
        )

    model = import_grid(grid.documents())

    assert {problem.code for problem in model.problems} == {"tap_table_incomplete", "tap_step_missing"}
    assert open_circuit_ratio(model) == pytest.approx(MV / HV / 1.03)


def test_half_the_magnetising_lies_at_each_side_of_two_windings() -> None:
    b, g = -2e-4, 3e-5
    plain = import_grid(two_windings().documents()).branches
    more = {"PowerTransformerEnd__b": b, "PowerTransformerEnd__g": g}

    branches = import_grid(two_windings(end1=more).documents()).branches

    np.testing.assert_allclose(branches.y_ff - plain.y_ff, [complex(g, b) / 2])
    np.testing.assert_allclose(branches.y_tt - plain.y_tt, [complex(g, b) / 2 * (HV / MV) ** 2])


def test_a_transformer_without_impedance_gets_a_very_small_one_and_is_told() -> None:
    model = import_grid(
        two_windings(end1={"PowerTransformerEnd__r": 0, "PowerTransformerEnd__x": 0}).documents()
    )

    assert [problem.code for problem in model.problems] == ["zero_impedance"]
    assert np.isfinite(model.branches.y_ff).all()
    assert open_circuit_ratio(model) == pytest.approx(MV / HV)


def three_windings() -> Grid:
    grid = two_windings()
    grid.node("tertiary", 10.0)
    grid.about("TP", "Terminal", "t-3", Terminal__TopologicalNode=Ref("tertiary"))
    grid.add("EQ", "Terminal", "t-3", ACDCTerminal__sequenceNumber=3, Terminal__ConductingEquipment=Ref("t"))
    grid.add(
        "EQ",
        "PowerTransformerEnd",
        "end3",
        TransformerEnd__endNumber=3,
        TransformerEnd__Terminal=Ref("t-3"),
        PowerTransformerEnd__PowerTransformer=Ref("t"),
        PowerTransformerEnd__ratedU=10,
        PowerTransformerEnd__r=0.01,
        PowerTransformerEnd__x=0.3,
    )
    return grid


def test_three_windings_meet_at_a_star_point_of_the_first_ones_voltage() -> None:
    model = import_grid(three_windings().documents())

    assert model.branches.kind.tolist() == [BranchKind.WINDING] * 3
    assert model.buses.is_star.tolist() == [False, False, False, True]
    assert model.branches.to_bus.tolist() == [3, 3, 3]
    assert model.buses.base_kv[3] == HV
    # By hand: an ideal 10/110 kV ratio, and z at 10 kV.
    z, n = complex(0.01, 0.3), 10 / HV
    np.testing.assert_allclose(model.branches.y_ff[2], 1 / z)
    np.testing.assert_allclose(model.branches.y_tt[2], n * n / z)


def test_a_winding_that_is_open_leaves_the_others() -> None:
    grid = three_windings()
    grid.add("SSH", "Terminal", "t-3", ACDCTerminal__connected=False)

    model = import_grid(grid.documents())

    assert model.branches.from_closed.tolist() == [True, True, False]
    assert model.buses.energised.tolist() == [True, True, False, True]


def test_a_regulating_tap_changer_tells_where_and_what_it_holds() -> None:
    grid = tap(
        two_windings(),
        "RatioTapChanger",
        "end1",
        0,
        RatioTapChanger__stepVoltageIncrement=1.5,
        TapChanger__TapChangerControl=Ref("control"),
    )
    from support.cgmes import Enum

    grid.add(
        "EQ",
        "TapChangerControl",
        "control",
        RegulatingControl__mode=Enum("RegulatingControlModeKind.voltage"),
        RegulatingControl__Terminal=Ref("t-2"),
    )
    grid.add("SSH", "RatioTapChanger", "tap", TapChanger__controlEnabled=True)
    grid.add(
        "SSH",
        "TapChangerControl",
        "control",
        RegulatingControl__enabled=True,
        RegulatingControl__targetValue=20.4,
        RegulatingControl__targetDeadband=0.4,
        RegulatingControl__targetValueUnitMultiplier=Enum("UnitMultiplier.k"),
    )

    ends = import_grid(grid.documents()).transformers

    assert ends.regulates.tolist() == [True, False]
    assert ends.target_kv[0] == 20.4
    assert ends.deadband_kv[0] == pytest.approx(0.4)
    assert ends.regulated_bus[0] == 1
