"""Three phases from an imported grid, against power-grid-model's asymmetric power flow of the same grid."""

import numpy as np
import pytest
from numpy.typing import NDArray
from support.cgmes import Enum, Grid, Ref
from support.pgm_phases import BASE_VA, DELTA, WYE_N, ZIGZAG_N, Data, lv_grid, power_flow

from gridjobs_workers.grids.build import import_grid
from gridjobs_workers.grids.model import GridModel, Problem
from gridjobs_workers.grids.reduce import to_network
from gridjobs_workers.grids.three_phase import ThreePhaseNetwork, to_three_phase

NAMES = {0: "Y", WYE_N: "Yn", DELTA: "D", ZIGZAG_N: "Zn"}
MV_KV, LV_KV = 10.0, 0.4
# uk and pk of `lv_grid`'s transformer as impedance at the low-voltage side [ohm].
Z_ABS = 0.04 * 400.0**2 / 250e3
R_LV = 3.25e3 * 400.0**2 / 250e3**2
X_LV = np.sqrt(Z_ABS**2 - R_LV**2)


def document(data: Data, *, zero: tuple[float, float] | None = (1.0, 1.0), lines_zero: bool = True) -> Grid:
    """The grid of `lv_grid` as CGMES; `zero` are R0/R1 and X0/X1 of the transformer."""
    grid = Grid()
    for node in data["node"]:
        grid.node(f"n{node['id']}", node["u_rated"] / 1e3)
    grid.feeder("source", "n0")
    transformer = data["transformer"][0]
    grid.add("EQ", "PowerTransformer", "t")
    grid.terminals("t", "n0", "n1")
    connections = (transformer["winding_from"], transformer["winding_to"])
    for number, (connection, kv) in enumerate(zip(connections, (MV_KV, LV_KV), strict=True), 1):
        at_lv = number == 2
        more = {}
        if zero is not None:
            more = {
                "PowerTransformerEnd__r0": zero[0] * R_LV * at_lv,
                "PowerTransformerEnd__x0": zero[1] * X_LV * at_lv,
            }
        grid.add(
            "EQ",
            "PowerTransformerEnd",
            f"t-end{number}",
            TransformerEnd__endNumber=number,
            TransformerEnd__Terminal=Ref(f"t-{number}"),
            TransformerEnd__grounded=NAMES[connection].endswith("n"),
            PowerTransformerEnd__PowerTransformer=Ref("t"),
            PowerTransformerEnd__ratedU=kv,
            PowerTransformerEnd__ratedS=0.25,
            PowerTransformerEnd__r=R_LV * at_lv,
            PowerTransformerEnd__x=X_LV * at_lv,
            PowerTransformerEnd__connectionKind=Enum(f"WindingConnection.{NAMES[connection]}"),
            PowerTransformerEnd__phaseAngleClock=transformer["clock"] if at_lv else 0,
            **more,
        )
    for line in data["line"]:
        more = {"ACLineSegment__r0": line["r0"], "ACLineSegment__x0": line["x0"]} if lines_zero else {}
        ends = (f"n{line['from_node']}", f"n{line['to_node']}")
        grid.line(f"l{line['id']}", *ends, line["r1"], line["x1"], **more)
    for load in data["asym_load"]:
        total = sum(load["p_specified"]) / 1e6, sum(load["q_specified"]) / 1e6
        grid.load(f"c{load['id']}", f"n{load['node']}", *total)
    return grid


def imported(grid: Grid) -> tuple[GridModel, ThreePhaseNetwork, tuple[Problem, ...]]:
    found = import_grid(grid.documents())
    model = getattr(found, "model", found)
    return model, *to_three_phase(model, to_network(model, base_mva=BASE_VA / 1e6))


def at_buses(model: GridModel, network: ThreePhaseNetwork, data: Data, values: NDArray) -> NDArray:
    """Values by node of the data, by bus of the network."""
    rows = [model.bus_of[f"n{node['id']}"] for node in data["node"]]
    by_row = dict(zip(rows, values, strict=True))
    return np.array([by_row[k] for k in network.bus_row])


GROUPS = {
    "Dyn5": ((DELTA, WYE_N), 5, (1.0, 1.0)),
    "Dyn11": ((DELTA, WYE_N), 11, (1.0, 1.0)),
    "Yzn5": ((0, ZIGZAG_N), 5, (0.1, 0.1)),
    "YNyn0": ((WYE_N, WYE_N), 0, (1.0, 1.0)),
    "YNyn6": ((WYE_N, WYE_N), 6, (1.0, 1.0)),
}


@pytest.mark.parametrize("group", GROUPS)
def test_the_network_carries_the_power_flow_of_the_same_grid(group: str) -> None:
    windings, clock, zero = GROUPS[group]
    data = lv_grid(2, 5, seed=4, windings=windings, clock=clock)
    v = power_flow(data)
    # The file has no solution, so its angles leave the clock out: low voltage is seen in a frame that turns with it.
    v[1:] = v[1:] * np.exp(1j * np.pi / 6 * clock)
    loads = np.zeros((len(data["node"]), 3), complex)
    for load in data["asym_load"]:
        loads[load["node"]] = -(np.array(load["p_specified"]) + 1j * np.array(load["q_specified"])) / (
            BASE_VA / 3
        )
    model, network, problems = imported(document(data, zero=zero))
    at = np.zeros((network.n_bus, 4), complex)
    at[:, :3] = at_buses(model, network, data, v)
    s = at * np.conj((network.admittance() @ at.ravel()).reshape(-1, 4))

    expected = at_buses(model, network, data, loads)
    fed = np.arange(network.n_bus) != int(np.flatnonzero(network.base_kv == MV_KV)[0])
    np.testing.assert_allclose(s[fed, :3], expected[fed], atol=1e-9)
    assert problems == ()


def test_missing_zero_sequence_values_take_the_documented_ratio_with_a_warning() -> None:
    data = lv_grid(1, 3, seed=1)
    _, given, _ = imported(document(data))
    _, assumed, problems = imported(document(data, zero=None, lines_zero=False))
    line = int(np.flatnonzero(given.base_kv[given.from_bus] == given.base_kv[given.to_bus])[0])
    z = np.linalg.inv(assumed.y_ff[line, :3, :3])
    z1, z0 = z[0, 0] - z[0, 1], z[0, 0] + 2 * z[0, 1]

    assert z0 / z1 == pytest.approx(4.0)  # four equal conductors up to 1 kV
    assert {problem.code for problem in problems} == {"zero_sequence_assumed"}
    assert len(problems) == assumed.n_branch
    assert all(problem.severity == "warning" and problem.mrid for problem in problems)


def test_the_positive_sequence_stays_that_of_the_network() -> None:
    model, network, _ = imported(document(lv_grid(2, 4, seed=2)))
    before, after = to_network(model, base_mva=BASE_VA / 1e6), network.positive_sequence()
    for name in ("y_ff", "y_ft", "y_tf", "y_tt", "y_shunt"):
        np.testing.assert_allclose(getattr(after, name), getattr(before, name), rtol=1e-12, atol=1e-12)
