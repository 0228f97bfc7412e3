"""Three-phase power flows: the IEEE 4-node test feeder and power-grid-model."""

import numpy as np
import pytest
from power_grid_model import ComponentType, PowerGridModel, initialize_array

from gridjobs_workers.grids.sequence import from_sequences
from gridjobs_workers.grids.three_phase import ThreePhaseNetwork, series_two_port
from gridjobs_workers.simulation.power_flow import NotConverged
from gridjobs_workers.simulation.three_phase import ThreePhasePoint, solve_three_phase

MILE_FT = 5280
# Configuration of the IEEE 4-node feeder, four wires after Kron reduction [ohm/mile].
OHM_PER_MILE = np.array(
    [
        [0.4576 + 1.0780j, 0.1559 + 0.5017j, 0.1535 + 0.3849j],
        [0.1559 + 0.5017j, 0.4666 + 1.0482j, 0.1580 + 0.4236j],
        [0.1535 + 0.3849j, 0.1580 + 0.4236j, 0.4615 + 1.0651j],
    ]
)
Z1, Z0 = np.full(2, 0.02 + 0.03j), np.full(2, 0.06 + 0.09j)
TWO_LINES = from_sequences(Z0, Z1, Z1)
BASE_MVA, KV = 6.0, np.array([12.47, 12.47, 4.16, 4.16])


def network_of(
    base_kv: np.ndarray, base_mva: float, ends: list[tuple[int, int]], z_pu: np.ndarray
) -> ThreePhaseNetwork:
    n = len(base_kv)
    own, across = series_two_port(z_pu)
    present = np.ones((n, 4), dtype=bool)
    present[:, 3] = False
    f, t = np.array(ends).T
    shunt = np.zeros((n, 4, 4), dtype=complex)
    every = np.arange(len(f))
    return ThreePhaseNetwork(
        base_mva,
        base_kv,
        present,
        f,
        t,
        own,
        across,
        across,
        own,
        shunt,
        np.zeros(len(f)),
        np.arange(n),
        every,
    )


def ieee_4_node() -> ThreePhaseNetwork:
    """2,000 ft of 12.47 kV, a grounded wye - grounded wye transformer of 6 MVA (1 + j6 %), 2,500 ft of 4.16 kV."""
    base_ohm = KV**2 / BASE_MVA
    first = OHM_PER_MILE * 2000 / MILE_FT / base_ohm[0]
    second = OHM_PER_MILE * 2500 / MILE_FT / base_ohm[2]
    transformer = np.eye(3) * (0.01 + 0.06j)
    return network_of(KV, BASE_MVA, [(0, 1), (1, 2), (2, 3)], np.stack((first, transformer, second)))


def loaded(kw: list[float], power_factor: list[float]) -> ThreePhasePoint:
    pf, star = np.array(power_factor), np.zeros((4, 3), dtype=complex)
    mw = np.array(kw) / 1e3
    star[3] = -(mw + 1j * mw * np.tan(np.arccos(pf))) / (BASE_MVA / 3)
    return ThreePhasePoint(star, np.array([0]), np.ones(1, dtype=complex))


@pytest.mark.parametrize(
    ("kw", "power_factor", "volts", "degrees"),
    [
        (
            [1800, 1800, 1800],
            [0.9, 0.9, 0.9],
            [[7107, 7140, 7121], [2247.6, 2269, 2256], [1918, 2061, 1981]],
            [[-0.3, -120.3, 119.6], [-3.7, -123.5, 116.4], [-9.1, -128.3, 110.9]],
        ),
        (
            [1275, 1800, 2375],
            [0.85, 0.9, 0.95],
            [[7164, 7110, 7082], [2305, 2255, 2203], [2175, 1930, 1833]],
            [[-0.1, -120.2, 119.3], [-2.3, -123.6, 114.8], [-4.1, -126.8, 102.8]],
        ),
    ],
)
def test_the_ieee_4_node_feeder_has_its_published_voltages(
    kw: list[float], power_factor: list[float], volts: list[list[float]], degrees: list[list[float]]
) -> None:
    # IEEE PES Distribution Test Feeder Working Group, 4-bus feeder, step-down grounded wye - grounded wye;
    # printed to 1 V and 0.1°.
    flow = solve_three_phase(ieee_4_node(), loaded(kw, power_factor))
    v = flow.v[1:, :3] * KV[1:, None] * 1e3 / np.sqrt(3)
    np.testing.assert_allclose(np.abs(v), volts, atol=1.0)
    np.testing.assert_allclose(np.rad2deg(np.angle(v)), degrees, atol=0.1)


def test_an_unbalanced_feeder_agrees_with_power_grid_model() -> None:
    rng = np.random.default_rng(3)
    n, base_mva, kv = 12, 0.4, 0.4
    z1 = (0.05 + 0.02j) * (0.5 + rng.random(n - 1))
    z0 = 3.5 * z1
    ends = [(int(rng.integers(max(0, k - 3), k)), k) for k in range(1, n)]
    base_ohm = kv**2 / base_mva
    network = network_of(np.full(n, kv), base_mva, ends, from_sequences(z0, z1, z1) / base_ohm)
    kw = rng.uniform(0, 6, (n, 3))
    kw[0] = 0
    kvar = 0.3 * kw

    node = initialize_array("input", ComponentType.node, n)
    node["id"], node["u_rated"] = np.arange(n), kv * 1e3
    source = initialize_array("input", ComponentType.source, 1)
    source["id"], source["node"], source["status"], source["u_ref"] = 900, 0, 1, 1.02
    source["sk"], source["z01_ratio"] = 1e20, 1.0
    line = initialize_array("input", ComponentType.line, n - 1)
    line["id"] = 100 + np.arange(n - 1)
    line["from_node"], line["to_node"] = np.array(ends).T
    line["from_status"] = line["to_status"] = 1
    line["r1"], line["x1"], line["r0"], line["x0"] = z1.real, z1.imag, z0.real, z0.imag
    line["c1"] = line["c0"] = line["tan1"] = line["tan0"] = 0
    load = initialize_array("input", ComponentType.asym_load, n)
    load["id"], load["node"], load["status"], load["type"] = 200 + np.arange(n), np.arange(n), 1, 0
    load["p_specified"], load["q_specified"] = kw * 1e3, kvar * 1e3
    peer = PowerGridModel(
        {"node": node, "source": source, "line": line, "asym_load": load}
    ).calculate_power_flow(symmetric=False, error_tolerance=1e-11, max_iterations=100)[ComponentType.node]

    star = -(kw + 1j * kvar) / 1e3 / (base_mva / 3)
    flow = solve_three_phase(network, ThreePhasePoint(star, np.array([0]), np.array([1.02 + 0j])))
    np.testing.assert_allclose(np.abs(flow.v[:, :3]), peer["u_pu"], atol=1e-8)
    angle = np.angle(flow.v[:, :3] * np.exp(-1j * peer["u_angle"]))
    np.testing.assert_allclose(angle, 0, atol=1e-8)
    assert flow.unbalance().max() > 1e-3


def test_balanced_loads_give_the_one_phase_solution() -> None:
    network = network_of(
        np.full(3, 20.0),
        1.0,
        [(0, 1), (1, 2)],
        TWO_LINES,
    )
    star = np.zeros((3, 3), dtype=complex)
    star[1], star[2] = -0.5 - 0.2j, -0.7 - 0.1j
    flow = solve_three_phase(network, ThreePhasePoint(star, np.array([0]), np.ones(1, dtype=complex)))
    np.testing.assert_allclose(np.abs(flow.v[:, :3]).std(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(np.abs(flow.sequences()[:, [0, 2]]), 0, atol=1e-12)


def test_delta_loads_leave_no_zero_sequence() -> None:
    network = ieee_4_node()
    delta = np.zeros((4, 3), dtype=complex)
    delta[3, 0] = -0.5 - 0.2j
    point = ThreePhasePoint(np.zeros((4, 3), dtype=complex), np.array([0]), np.ones(1, dtype=complex), delta)
    flow = solve_three_phase(network, point)
    into, _ = network.end_currents()
    current = (into @ flow.v.ravel()).reshape(-1, 4)[2, :3]
    assert abs(current.sum()) < 1e-9
    across = flow.v[3, 0] - flow.v[3, 1]
    assert across * np.conj(current[0]) == pytest.approx(0.5 + 0.2j, abs=1e-8)


def test_a_machine_holds_its_positive_sequence_and_feeds_all_phases_alike() -> None:
    network = network_of(
        np.full(3, 20.0),
        1.0,
        [(0, 1), (1, 2)],
        TWO_LINES,
    )
    star = np.zeros((3, 3), dtype=complex)
    star[1] = [-0.5 - 0.2j, -0.1, -0.9 - 0.5j]
    star[2] = 0.3
    point = ThreePhasePoint(
        star,
        np.array([0]),
        np.ones(1, dtype=complex),
        machine_bus=np.array([2]),
        machine_target_pu=np.array([1.01]),
    )
    flow = solve_three_phase(network, point)
    assert abs(flow.sequences()[2, 1]) == pytest.approx(1.01, abs=1e-9)
    _, out_of = network.end_currents()
    s = flow.v[2, :3] * np.conj((out_of @ flow.v.ravel()).reshape(-1, 4)[1, :3])
    np.testing.assert_allclose(s, 0.3 + 1j * flow.machine_q_pu[0], atol=1e-8)


def test_a_floating_neutral_shifts_under_unbalanced_load() -> None:
    # One phase loaded over a four-wire line, the far neutral not earthed: its voltage is what the current leaves on
    # the neutral conductor.
    z = np.diag([0.05 + 0.02j] * 4)
    own, across = series_two_port(z[None])
    network = ThreePhaseNetwork(
        1.0, np.full(2, 0.4), np.array([[1, 1, 1, 1], [1, 1, 1, 1]], dtype=bool), np.array([0]), np.array([1]),
        own, across, across, own, np.zeros((2, 4, 4), dtype=complex), np.zeros(1), np.arange(2), np.arange(1),
    )  # fmt: skip
    star = np.zeros((2, 3), dtype=complex)
    star[1, 0] = -1.0
    flow = solve_three_phase(network, ThreePhasePoint(star, np.array([0]), np.ones(1, dtype=complex)))
    current = np.conj(1.0 / (flow.v[1, 0] - flow.v[1, 3]))
    assert flow.v[1, 3] == pytest.approx(current * (0.05 + 0.02j), abs=1e-9)


def test_too_much_load_is_said_to_be_too_much() -> None:
    with pytest.raises(NotConverged):
        solve_three_phase(ieee_4_node(), loaded([9000, 9000, 9000], [0.9, 0.9, 0.9]))
