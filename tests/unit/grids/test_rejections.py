from typing import Any

import pytest
from support.cgmes import CIM, Grid, Ref, two_buses

from gridjobs_workers.grids.build import import_grid
from gridjobs_workers.grids.limits import ImportLimits
from gridjobs_workers.grids.model import Problem
from gridjobs_workers.grids.problems import GridRejected


def reasons(grid: Grid | list[tuple[str, bytes]], limits: ImportLimits | None = None) -> list[Problem]:
    """The errors for which a grid is rejected."""
    uploads = grid.documents() if isinstance(grid, Grid) else grid
    with pytest.raises(GridRejected) as rejected:
        import_grid(uploads, limits=limits or ImportLimits())
    return [problem for problem in rejected.value.problems if problem.severity == "error"]


def codes(grid: Grid | list[tuple[str, bytes]], limits: ImportLimits | None = None) -> list[str]:
    return [problem.code for problem in reasons(grid, limits)]


def warnings(grid: Grid) -> list[str]:
    return [problem.code for problem in import_grid(grid.documents()).problems]


@pytest.mark.parametrize("text", ["NaN", "INF", "-INF", "1e999", "many", "", "1,5"])
def test_a_value_that_is_no_finite_number_is_named_with_its_line(text: str) -> None:
    grid = two_buses()
    grid.node("c")
    grid.line("bad", "b", "c", r=text)  # type: ignore[arg-type]

    [problem] = reasons(grid)

    line = (
        grid.document("EQ").decode().split("\n").index(f"  <cim:ACLineSegment.r>{text}</cim:ACLineSegment.r>")
        + 1
    )
    assert (problem.code, problem.file, problem.line, problem.mrid) == (
        "invalid_value",
        "grid_EQ.xml",
        line,
        "bad",
    )


def test_a_truth_that_is_none_is_named() -> None:
    grid = two_buses()
    grid.add("SSH", "Terminal", "line-1", ACDCTerminal__connected="perhaps")

    assert codes(grid) == ["invalid_value"]


def test_in_a_solution_such_values_are_warnings() -> None:
    grid = two_buses()
    grid.add(
        "SV", "SvVoltage", "v", SvVoltage__TopologicalNode=Ref("a"), SvVoltage__v="NaN", SvVoltage__angle=0
    )

    assert "invalid_value" in warnings(grid)


def test_all_reasons_are_told_at_once() -> None:
    grid = two_buses()
    grid.add("EQ", "ACLineSegment", "lost", ACLineSegment__r=1, ACLineSegment__x="nan")
    grid.add("EQ", "ACLineSegment", "hollow")
    grid.terminals("hollow", "a", "b")
    grid.add("EQ", "PowerTransformer", "bare")

    assert sorted(codes(grid)) == ["missing_value", "missing_value", "terminal_missing", "winding_missing"]


def test_a_line_without_values_says_which_are_missing() -> None:
    grid = two_buses()
    grid.add("EQ", "ACLineSegment", "hollow", ACLineSegment__r=1)
    grid.terminals("hollow", "a", "b")

    [problem] = reasons(grid)

    assert (problem.code, problem.mrid) == ("missing_value", "hollow")
    assert "x is missing" in problem.detail


def test_a_terminal_at_a_node_that_nobody_has_is_an_error_in_a_complete_upload() -> None:
    grid = two_buses()
    grid.line("astray", "a", "nowhere")

    [problem] = reasons(grid)

    assert (problem.code, problem.file, problem.mrid) == ("dangling_reference", "grid_TP.xml", "astray-2")


def test_a_dangling_reference_that_no_equipment_needs_is_a_warning() -> None:
    grid = two_buses()
    grid.add("EQ", "Analog", "meter", Measurement__PowerSystemResource=Ref("nothing"))

    assert warnings(grid) == ["dangling_reference"]


def test_without_the_boundary_its_nodes_are_known_by_name_only() -> None:
    grid = two_buses()
    grid.line("tie", "b", "border", ConductingEquipment__BaseVoltage=Ref("base-20"))
    uploads = [
        (
            name,
            content.replace(
                b"</md:FullModel>", b'<md:Model.DependentOn rdf:resource="urn:uuid:x"/></md:FullModel>'
            ),
        )
        for name, content in grid.documents()
    ]

    model = import_grid(uploads)

    assert {problem.code for problem in model.problems} == {"missing_dependency", "dangling_reference"}
    assert model.buses.mrid.tolist() == ["a", "b", "border"]
    assert model.buses.energised.all()


def test_an_identifier_given_twice_in_one_document_is_an_error() -> None:
    grid = two_buses()
    grid.add("EQ", "EnergyConsumer", "load")

    [problem] = reasons(grid)

    assert (problem.code, problem.mrid) == ("duplicate_id", "load")


def test_the_same_document_twice_is_read_once() -> None:
    grid = two_buses()
    name, content = grid.documents()[0]

    model = import_grid([*grid.documents(), (f"copy of {name}", content)])

    assert [problem.code for problem in model.problems] == ["repeated_document"]
    assert len(model.branches.mrid) == 1


def test_two_versions_of_a_model_do_not_go_together() -> None:
    grid = two_buses()
    name, content = grid.documents()[0]
    changed = content.replace(b"<cim:ACLineSegment.r>1.0", b"<cim:ACLineSegment.r>1.10")

    assert "repeated_model" in codes([*grid.documents(), (f"new {name}", changed)])


def test_two_profiles_under_one_mrid_are_remarked() -> None:
    uploads = [(name, content.replace(b"model-TP", b"model-EQ")) for name, content in two_buses().documents()]

    assert [problem.code for problem in import_grid(uploads).problems] == ["repeated_model"]


def test_dialects_are_not_mixed() -> None:
    older, newer = two_buses(), two_buses()
    newer.cim = "http://iec.ch/TC57/CIM100#"

    assert codes([older.documents()[0], newer.documents()[1]]) == ["mixed_dialects"]


def test_a_dialect_that_nobody_here_speaks_is_named() -> None:
    grid = two_buses()
    grid.cim = CIM.replace("2013/CIM-schema-cim16", "2009/CIM-schema-cim14")

    assert set(codes(grid)) == {"unsupported_dialect"}


def test_an_upload_without_equipment_is_rejected() -> None:
    assert codes([two_buses().documents()[1]]) == ["profile_missing"]


@pytest.mark.parametrize("uploads", [[], [("a.txt", b"hello")]])
def test_an_upload_without_documents_is_rejected(uploads: list[tuple[str, bytes]]) -> None:
    assert codes(uploads) in (["no_documents"], ["not_xml"])


def test_a_grid_without_nodes_is_rejected() -> None:
    grid = Grid()
    grid.add("EQ", "BaseVoltage", "kv", BaseVoltage__nominalVoltage=20)

    assert codes(grid) == ["no_nodes"]


@pytest.mark.parametrize("kv", [0, -20, "nan"])
def test_a_base_voltage_that_cannot_be_is_rejected(kv: Any) -> None:
    grid = two_buses()
    grid.add("EQ", "BaseVoltage", "bad", BaseVoltage__nominalVoltage=kv)
    grid.add("TP", "TopologicalNode", "d", TopologicalNode__BaseVoltage=Ref("bad"))
    grid.load("load2", "d", 1, 0)

    assert {"no_base_voltage", "invalid_value"}.intersection(codes(grid))


def test_a_negative_resistance_of_a_line_is_remarked() -> None:
    grid = two_buses()
    grid.node("c")
    grid.line("odd", "b", "c", r=-1)

    assert warnings(grid) == ["negative_impedance"]


def test_a_voltage_of_zero_is_remarked_and_not_used() -> None:
    grid = two_buses()
    for node, kv in (("a", 20), ("b", 0)):
        grid.add(
            "SV",
            "SvVoltage",
            f"v{node}",
            SvVoltage__TopologicalNode=Ref(node),
            SvVoltage__v=kv,
            SvVoltage__angle=0,
        )

    model = import_grid(grid.documents())

    assert [(problem.code, problem.mrid) for problem in model.problems] == [("sv_voltage_zero", "vb")]
    assert model.buses.sv_kv.tolist()[0] == 20
    assert model.buses.sv_kv[1] != model.buses.sv_kv[1]


def test_a_header_with_impossible_values_is_a_warning() -> None:
    uploads = [
        (name, content.replace(b"2026-01-01T00:00:00Z", b"this is not a date"))
        for name, content in two_buses().documents()
    ]

    model = import_grid(uploads)

    assert {problem.code for problem in model.problems} == {"invalid_date"}
    assert model.scenario_time == ""


def test_a_difference_model_is_rejected() -> None:
    name, content = two_buses().documents()[0]

    assert "difference_model" in codes([(name, content.replace(b"FullModel", b"DifferenceModel"))])


def test_problems_beyond_the_limit_are_counted() -> None:
    grid = two_buses()
    for k in range(30):
        grid.add("EQ", "Analog", f"meter{k}", Measurement__PowerSystemResource=Ref(f"nothing{k}"))

    problems = import_grid(grid.documents(), limits=ImportLimits(max_problems=10)).problems

    assert len(problems) == 11
    assert problems[-1].code == "too_many_problems"


def test_an_upload_over_a_limit_is_rejected_with_the_limit() -> None:
    assert codes(two_buses(), ImportLimits(max_xml_bytes=1000)) == ["too_large"]
    assert set(codes(two_buses(), ImportLimits(max_objects=5))) == {"too_many_objects"}
    assert codes(two_buses(), ImportLimits(max_files=1)) == ["too_large"]


def test_classes_that_are_not_modelled_are_named() -> None:
    grid = two_buses()
    grid.add("EQ", "WaveTrap", "trap")
    grid.terminals("trap", "b")

    [problem] = import_grid(grid.documents()).problems

    assert problem.code == "unsupported_equipment"
    assert "WaveTrap" in problem.detail
