"""Every published grid imports, with the components it has and the problems it has."""

import io
import json
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from lxml import etree
from support.data import shared
from validation.grids.cases import FOLDERS, MALFORMED, TELEMARK, upload

from gridjobs_workers.grids.build import import_grid
from gridjobs_workers.grids.model import BranchKind, GridModel, InjectionKind
from gridjobs_workers.grids.problems import GridRejected

RDF_ID = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}ID"


def counted(name: str) -> Counter[str]:
    """How many objects of each class the files define, counted with another parser."""
    found: Counter[str] = Counter()
    for _, content in upload(name):
        root = etree.fromstring(content)
        found.update(etree.QName(element).localname for element in root.iterfind("*") if element.get(RDF_ID))
    return found


@pytest.mark.parametrize("name", list(FOLDERS))
def test_every_conductor_transformer_load_and_machine_is_in_the_model(name: str) -> None:
    model, classes = import_grid(upload(name)), counted(name)

    kind = Counter(BranchKind(k).name for k in model.branches.kind.tolist())
    assert kind["LINE"] == classes["ACLineSegment"]
    assert kind["SERIES_COMPENSATOR"] == classes["SeriesCompensator"]
    assert len(set(model.transformers.mrid.tolist())) == classes["PowerTransformer"]
    assert len(model.transformers.mrid) == classes["PowerTransformerEnd"]
    kind = Counter(InjectionKind(k).name for k in model.injections.kind.tolist())
    assert kind["LOAD"] == sum(
        classes[c] for c in ("EnergyConsumer", "ConformLoad", "NonConformLoad", "StationSupply")
    )
    assert kind["MACHINE"] == classes["SynchronousMachine"] + classes["AsynchronousMachine"]
    assert kind["EXTERNAL"] == classes["ExternalNetworkInjection"]
    assert kind["EQUIVALENT"] == classes["EquivalentInjection"]
    assert len(model.shunts.mrid) == sum(classes[c] for c in classes if c.endswith("ShuntCompensator"))


# Buses, buses with voltage, islands. By hand: topological nodes, plus those of the boundary, less those that closed
# switches join; MicroGrid's border node for direct current has no voltage, the switches' grid no source.
BUSES = {
    "cigre_neplan": (15, 15, 1),
    "cigre_powerfactory": (16, 16, 1),
    "cigre_cimpy": (15, 15, 1),
    "switches_bus_branch": (7, 0, 0),
    "switches_node_breaker": (7, 0, 0),
    "small_grid": (115 + 3, 118, 1),
    "micro_grid_belgium": (6 + 6, 11, 1),
    "micro_grid_without_boundary": (6 + 5, 11, 1),  # five border nodes are referred to
    "micro_grid_assembled": (6 + 5 + 6 - 1, 15, 1),
    "micro_grid_cgmes_3": (18 - 1, 16, 1),
    "micro_grid_single_file": (6 + 6, 11, 1),
    "full_grid": (21, 21, 1),
    "telemark": (40 - 2, 38, 1),
}


@pytest.mark.parametrize("name", list(BUSES))
def test_buses_and_islands(name: str) -> None:
    buses = import_grid(upload(name)).buses

    real = ~buses.is_star
    islands = len(set(buses.island[buses.island >= 0].tolist()))
    assert (int(real.sum()), int((real & buses.energised).sum()), islands) == BUSES[name]


def test_a_bus_branch_and_a_node_breaker_export_of_one_grid_are_one_grid() -> None:
    branch, breaker = import_grid(upload("switches_bus_branch")), import_grid(upload("switches_node_breaker"))

    def conductors(model: GridModel) -> list[tuple[str, complex]]:
        return sorted(zip(model.branches.name.tolist(), model.branches.y_ff.tolist(), strict=True))

    assert conductors(branch) == conductors(breaker)


@pytest.mark.parametrize("name", ["cigre_neplan", "cigre_cimpy", "small_grid", "cigre_powerfactory"])
def test_counts_agree_with_cimpy(name: str) -> None:
    # cimpy reads these four; on MicroGrid, FullGrid and RealGrid it raises ValueError (see the methods page).
    import logging

    import cimpy

    logging.disable(logging.CRITICAL)
    try:
        documents = [
            io.BytesIO(content) for file, content in upload(name) if "_DI" not in file and "_DL" not in file
        ]
        topology = cimpy.cim_import(documents, "cgmes_v2_4_15")["topology"]
    finally:
        logging.disable(logging.NOTSET)
    classes = Counter(type(thing).__name__ for thing in topology.values())
    model = import_grid(upload(name))

    # Border nodes of SmallGrid are in the boundary's topology profile.
    joined = int((~model.switches.open & (model.switches.from_bus == model.switches.to_bus)).sum())
    assert len(model.buses.mrid) == classes["TopologicalNode"] - joined
    assert len(model.branches.mrid) == classes["ACLineSegment"] + classes["PowerTransformer"]
    assert (
        int((model.injections.kind == InjectionKind.LOAD).sum())
        == classes["EnergyConsumer"] + classes["ConformLoad"]
    )


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("cigre_neplan", set()),
        ("cigre_cimpy", {"dangling_reference"}),  # limits of a type that the file does not have
        ("switches_node_breaker", set()),
        ("small_grid", set()),
        ("micro_grid_belgium", set()),
        ("micro_grid_single_file", set()),
        (
            "micro_grid_without_boundary",
            {"missing_dependency", "dangling_reference", "base_voltage_guessed"},
        ),
        ("micro_grid_cgmes_3", {"missing_dependency", "tap_table_in_ohms", "load_response_ignored"}),
        ("micro_grid_assembled", {"load_response_ignored"}),
        ("cigre_powerfactory", {"load_response_ignored"}),
        (
            "modified/BC_BE_v2_incorrect_date_and_version",
            {"invalid_date", "invalid_version"},
        ),
        (
            "modified/BC_BE_v2_invalid_regulating_control",
            {"control_mode", "control_target"},
        ),
        (
            "modified/BC_BE_v2_invalid_sv_injection",
            {"dangling_reference", "node_missing"},
        ),
        ("modified/BC_BE_v2_invalid_voltage_bus", {"sv_voltage_zero"}),
        ("modified/BC_BE_v2_measurements", {"dangling_reference"}),
        (
            "modified/BC_BE_v2_rtc_ptc_faulty_tabular",
            {"tap_table_incomplete", "tap_step_missing", "tap_position_outside"},
        ),
    ],
)
def test_what_is_remarked(name: str, codes: set[str]) -> None:
    assert {problem.code for problem in import_grid(upload(name)).problems} == codes


@pytest.mark.parametrize(
    ("variant", "code", "file", "line"),
    [
        ("BC_BE_v2_invalid_voltage_bus", "sv_voltage_zero", "MicroGridTestConfiguration_BC_BE_SV_V2.xml", 14),
        (
            "BC_BE_v2_invalid_sv_injection",
            "dangling_reference",
            "MicroGridTestConfiguration_BC_BE_SV_V2.xml",
            156,
        ),
        (
            "BC_BE_v2_incorrect_date_and_version",
            "invalid_version",
            "MicroGridTestConfiguration_BC_BE_SV_V2.xml",
            3,
        ),
    ],
)
def test_problems_name_file_and_line(variant: str, code: str, file: str, line: int) -> None:
    # Lines by hand, from `diff` with the original files.
    problems = import_grid(upload(f"modified/{variant}")).problems

    assert (file, line) in [(problem.file, problem.line) for problem in problems if problem.code == code]


def test_the_broken_file_is_rejected_with_the_line_where_it_breaks_off() -> None:
    file = shared("cgmes", "negative", "Broken_CIM.xml")

    with pytest.raises(GridRejected) as rejected:
        import_grid([(file.name, file.read_bytes())])

    [problem] = rejected.value.problems
    assert (problem.code, problem.file, problem.line) == ("malformed_xml", "Broken_CIM.xml", 13)


def test_telemark_is_rejected_for_its_malformed_file_and_imports_without_it() -> None:
    files = [(file.name, file.read_bytes()) for file in sorted(shared(*TELEMARK).glob("*.xml"))]

    with pytest.raises(GridRejected) as rejected:
        import_grid(files)

    # Line 125 opens a Breaker, line 129 closes a Fuse.
    errors = [problem for problem in rejected.value.problems if problem.severity == "error"]
    assert [(problem.code, problem.file, problem.line) for problem in errors] == [
        ("malformed_xml", MALFORMED, 129)
    ]

    model = import_grid(upload("telemark"))

    assert model.dialect == "cgmes_3.0"
    assert sorted(set(model.buses.base_kv.tolist())) == [0.23, 0.4, 22.0, 132.0, 420.0]


def test_an_archive_of_archives_gives_the_same_grid() -> None:
    def archive(*members: tuple[str, bytes]) -> bytes:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as opened:
            for name, content in members:
                opened.writestr(name, content)
        return target.getvalue()

    [(name, content)] = upload("full_grid")

    plain, nested = import_grid([(name, content)]), import_grid([("all.zip", archive((name, content)))])

    np.testing.assert_array_equal(plain.branches.y_ff, nested.branches.y_ff)
    assert plain.buses.mrid.tolist() == nested.buses.mrid.tolist()


def test_full_grid_knows_nearly_every_class() -> None:
    model = import_grid(upload("full_grid"))

    assert Counter(BranchKind(k).name for k in model.branches.kind.tolist()) == {
        "LINE": 11,
        "SERIES_COMPENSATOR": 1,
        "EQUIVALENT_BRANCH": 1,
        "TRANSFORMER": 10,
        "WINDING": 3,
    }
    kinds = Counter(InjectionKind(k).name for k in model.injections.kind.tolist())
    assert kinds["CONVERTER"] == 4
    assert kinds["STATIC_VAR"] == kinds["SV_INJECTION"] == 1
    assert set(model.transformers.tap_kind.tolist()) == {
        "", "ratio", "phase_linear", "phase_symmetrical", "phase_asymmetrical", "phase_tabular",
    }  # fmt: skip


def test_the_order_of_files_does_not_matter() -> None:
    files = upload("micro_grid_assembled")

    forward, backward = import_grid(files), import_grid(files[::-1])

    assert sorted(forward.buses.mrid.tolist()) == sorted(backward.buses.mrid.tolist())
    assert sorted(forward.branches.y_ft.tolist(), key=abs) == pytest.approx(
        sorted(backward.branches.y_ft.tolist(), key=abs)
    )


def test_published_voltages_of_cigre_mv() -> None:
    # NEPLAN's own result, printed to 1 V and 0.1 degrees (dpsim-simulator/reference-results).
    published = json.loads(shared("reference_values.json").read_text())["cigre_mv_notap_neplan"]
    buses = import_grid(upload("cigre_neplan")).buses

    for name, kv, deg in zip(buses.name.tolist(), buses.sv_kv.tolist(), buses.sv_deg.tolist(), strict=True):
        assert kv == pytest.approx(published["kV"][name], abs=0.6e-3)
        assert deg == pytest.approx(published["deg"][name], abs=0.06)


def test_our_cigre_mv_example_solves_to_the_published_voltages() -> None:
    # pandapower 3.5.6 on its own CIGRE MV network; its angles hold the transformers' vector group, 30 degrees.
    folder = Path(__file__).parents[3] / "examples" / "cigre_mv"
    published = json.loads(shared("reference_values.json").read_text())["pf_cigre_mv_pandapower_3_5_6"]

    model = import_grid([(file.name, file.read_bytes()) for file in sorted(folder.glob("*.xml"))])

    assert not model.problems
    buses = model.buses
    for number, (v, degrees) in enumerate(zip(published["V"], published["theta"], strict=True)):
        row = buses.name.tolist().index(f"N{number}")
        shift = 0 if number == 0 else 30
        assert buses.sv_kv[row] / buses.base_kv[row] == pytest.approx(v, abs=1e-6)
        assert buses.sv_deg[row] == pytest.approx(degrees + shift, abs=1e-4)
