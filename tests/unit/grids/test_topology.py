import numpy as np
import pytest
from support.cgmes import Enum, Grid, Ref, two_buses

from gridjobs_workers.grids.build import import_grid
from gridjobs_workers.grids.problems import GridRejected
from gridjobs_workers.grids.reduce import to_network


def node_breaker(*, is_open: bool, with_switch_state: bool = True) -> Grid:
    """Feeder - a - breaker - b - line - c - load, connectivity nodes only (no topology profile)."""
    grid = Grid()
    grid.add("EQ", "BaseVoltage", "kv", BaseVoltage__nominalVoltage=20)
    grid.add("EQ", "VoltageLevel", "level", VoltageLevel__BaseVoltage=Ref("kv"))
    grid.add("EQ", "Bay", "bay", Bay__VoltageLevel=Ref("level"))
    for node, container in (("a", "level"), ("b", "bay"), ("c", "level")):
        grid.add("EQ", "ConnectivityNode", node, ConnectivityNode__ConnectivityNodeContainer=Ref(container))
    grid.add("EQ", "ExternalNetworkInjection", "source")
    grid.add("EQ", "Breaker", "breaker", Switch__normalOpen=not is_open, Switch__retained=True)
    if with_switch_state:
        grid.add("SSH", "Breaker", "breaker", Switch__open=is_open)
    grid.add("EQ", "ACLineSegment", "line", ACLineSegment__r=1, ACLineSegment__x=2)
    grid.add("EQ", "EnergyConsumer", "load")
    for equipment, nodes in (("source", "a"), ("breaker", "ab"), ("line", "bc"), ("load", "c")):
        for number, node in enumerate(nodes, 1):
            grid.add(
                "EQ",
                "Terminal",
                f"{equipment}-{number}",
                ACDCTerminal__sequenceNumber=number,
                Terminal__ConductingEquipment=Ref(equipment),
                Terminal__ConnectivityNode=Ref(node),
            )
    return grid


def test_connectivity_nodes_become_buses_without_a_topology_profile() -> None:
    model = import_grid(node_breaker(is_open=False).documents())

    assert model.bus_of["a"] == model.bus_of["b"] != model.bus_of["c"]
    assert model.buses.base_kv.tolist() == [20.0, 20.0]
    assert model.buses.energised.all()


def test_an_open_switch_divides_the_grid() -> None:
    model = import_grid(node_breaker(is_open=True).documents())

    assert len({model.bus_of[node] for node in "abc"}) == 3
    assert model.buses.energised[[model.bus_of[node] for node in "abc"]].tolist() == [True, False, False]
    assert to_network(model).n_bus == 1


def test_a_switch_without_a_state_is_in_its_normal_one() -> None:
    model = import_grid(node_breaker(is_open=False, with_switch_state=False).documents())

    assert model.switches.open.tolist() == [True]  # normalOpen


def test_the_solutions_switch_state_wins() -> None:
    grid = node_breaker(is_open=False)
    grid.add("SV", "SvSwitch", "state", SvSwitch__Switch=Ref("breaker"), SvSwitch__open=True)

    assert import_grid(grid.documents()).switches.open.tolist() == [True]


def test_a_closed_switch_joins_topological_nodes() -> None:
    grid = two_buses()
    grid.node("c")
    grid.add("EQ", "Disconnector", "switch", Switch__normalOpen=False)
    grid.terminals("switch", "b", "c")

    model = import_grid(grid.documents())

    assert len(model.buses.mrid) == 2
    assert model.bus_of["b"] == model.bus_of["c"]
    assert (model.switches.from_bus == model.switches.to_bus).all()


@pytest.mark.parametrize("false", ["false", "0", "False"])
def test_a_disconnected_terminal_opens_its_end(false: str) -> None:
    grid = two_buses()
    grid.add("SSH", "Terminal", "line-2", ACDCTerminal__connected=false)

    model = import_grid(grid.documents())

    assert model.branches.from_closed.tolist() == [True]
    assert model.branches.to_closed.tolist() == [False]
    assert model.buses.energised.tolist() == [True, False]


def test_an_open_line_loads_its_near_end_with_its_charging() -> None:
    # By hand: far end open, seen from near: y + b/2 - y²/(y + b/2), with y = 1/(1 + 2j) and jb/2 = 0.05j S.
    grid = Grid()
    grid.node("a")
    grid.node("b")
    grid.feeder("source", "a")
    grid.line("line", "a", "b", ACLineSegment__bch=0.1)
    grid.add("SSH", "Terminal", "line-2", ACDCTerminal__connected=False)
    y, half = 1 / (1 + 2j), 0.05j
    seen = y + half - y * y / (y + half)

    network = to_network(import_grid(grid.documents()), base_mva=100.0)

    assert network.n_branch == 0
    np.testing.assert_allclose(network.y_shunt, [seen * 20**2 / 100])


def test_equipment_out_of_service_is_open_at_both_ends() -> None:
    grid = two_buses()
    grid.add("SSH", "ACLineSegment", "line", Equipment__inService=False)

    model = import_grid(grid.documents())

    assert not model.branches.from_closed.any()
    assert not model.branches.to_closed.any()


def test_a_line_without_impedance_joins_its_nodes_and_is_told() -> None:
    grid = two_buses()
    grid.node("c")
    grid.line("jumper", "b", "c", r=0, x=0)

    model = import_grid(grid.documents())

    assert model.bus_of["b"] == model.bus_of["c"]
    assert [problem.mrid for problem in model.problems if problem.code == "zero_impedance"] == ["jumper"]


def test_islands_are_numbered_from_the_largest() -> None:
    grid = two_buses()
    for name in "cde":
        grid.node(name)
    grid.feeder("other", "c")
    grid.line("line2", "c", "d")
    grid.line("line3", "d", "e")

    model = import_grid(grid.documents())

    assert [int(model.buses.island[model.bus_of[node]]) for node in "abcde"] == [1, 1, 0, 0, 0]


def test_an_island_of_loads_is_not_energised() -> None:
    grid = two_buses()
    grid.node("c")
    grid.load("lonely", "c", 1, 0)

    model = import_grid(grid.documents())

    assert model.buses.energised.tolist() == [True, True, False]
    assert model.buses.island.tolist() == [0, 0, -1]


def test_nodes_are_found_under_every_form_of_their_name() -> None:
    model = import_grid(two_buses().documents())

    bus = model.bus_of["b"]
    assert all(model.bus_of[name] == bus for name in ("_b", "#_b", "urn:uuid:b", "load", "load-1", "line-2"))
    assert "line" not in model.bus_of  # which of its ends?
    assert "nowhere" not in model.bus_of


def test_an_mrid_that_differs_from_the_identifier_is_known_under_both() -> None:
    grid = two_buses()
    grid.about("EQ", "EnergyConsumer", "load", IdentifiedObject__mRID="0815")

    model = import_grid(grid.documents())

    assert model.injections.mrid.tolist() == ["0815", "source"]
    assert model.bus_of["0815"] == model.bus_of["load"]


def test_nodes_of_different_voltages_cannot_be_joined() -> None:
    grid = two_buses()
    grid.node("c", kv=110)
    grid.add("EQ", "Breaker", "switch")
    grid.terminals("switch", "b", "c")

    with pytest.raises(GridRejected) as rejected:
        import_grid(grid.documents())

    assert "voltage_levels_joined" in [problem.code for problem in rejected.value.problems]


def test_the_phase_of_an_enumeration_does_not_matter_here() -> None:
    grid = two_buses()
    grid.about("EQ", "Terminal", "line-1", Terminal__phases=Enum("PhaseCode.ABC"))

    assert not import_grid(grid.documents()).problems


def unplaced_line(*, connected: bool) -> Grid:
    """A line from node a whose second terminal has no node, as exporters leave what is switched off."""
    grid = two_buses()
    grid.add("EQ", "ACLineSegment", "off", ACLineSegment__r=1, ACLineSegment__x=2)
    grid.terminals("off", "a")
    grid.add(
        "EQ", "Terminal", "off-2", ACDCTerminal__sequenceNumber=2, Terminal__ConductingEquipment=Ref("off")
    )
    grid.add("SSH", "Terminal", "off-2", ACDCTerminal__connected=connected)
    return grid


def test_a_disconnected_terminal_needs_no_node() -> None:
    model = import_grid(unplaced_line(connected=False).documents())

    row = model.branches.mrid.tolist().index("off")
    assert not model.problems
    assert (model.branches.from_closed[row], model.branches.to_closed[row]) == (True, False)
    assert not model.buses.energised[model.branches.to_bus[row]]
    assert to_network(model).n_bus == 2


def test_a_connected_terminal_without_a_node_is_remarked() -> None:
    model = import_grid(unplaced_line(connected=True).documents())

    assert [(problem.code, problem.mrid) for problem in model.problems] == [("node_missing", "off-2")]


def test_without_any_topology_the_grid_is_rejected() -> None:
    grid = two_buses()
    grid.bodies["TP"] = [body for body in grid.bodies["TP"] if "cim:Terminal " not in body]

    with pytest.raises(GridRejected) as rejected:
        import_grid(grid.documents())

    assert "topology_missing" in [problem.code for problem in rejected.value.problems]
