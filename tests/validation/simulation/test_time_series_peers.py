"""Time series against power-grid-model's batch on the same network."""

import numpy as np
from power_grid_model import CalculationMethod, ComponentType, PowerGridModel, initialize_array
from support.cases import load_case

from gridjobs_workers.simulation.limits import no_limits
from gridjobs_workers.simulation.time_series import SeriesOptions, run_series, series_of


def test_baran_and_wu_over_a_day_agrees_with_power_grid_model() -> None:
    case = load_case("baran_wu_33")
    network, steps = case.network, 96
    swing = 1 + 0.5 * np.sin(np.arange(steps) / 15)[None, :] * np.linspace(0.5, 1, network.n_bus)[:, None]
    power = case.point.s_pu[:, None] * swing

    volt = network.base_kv * 1e3
    node = initialize_array("input", ComponentType.node, network.n_bus)
    node["id"], node["u_rated"] = np.arange(network.n_bus), volt
    source = initialize_array("input", ComponentType.source, 1)
    source["id"], source["node"], source["status"], source["u_ref"], source["sk"] = 900, 0, 1, 1.0, 1e20
    line = initialize_array("input", ComponentType.line, network.n_branch)
    z = -1 / network.y_ft * volt[0] ** 2 / (network.base_mva * 1e6)
    line["id"], line["from_node"], line["to_node"] = (
        100 + np.arange(network.n_branch),
        network.from_bus,
        network.to_bus,
    )
    line["from_status"] = line["to_status"] = 1
    line["r1"], line["x1"], line["c1"], line["tan1"], line["i_n"] = z.real, z.imag, 0, 0, 1000
    load = initialize_array("input", ComponentType.sym_load, network.n_bus)
    load["id"], load["node"], load["status"], load["type"] = 200 + np.arange(network.n_bus), node["id"], 1, 0
    load["p_specified"] = load["q_specified"] = 0
    update = initialize_array("update", ComponentType.sym_load, (steps, network.n_bus))
    update["id"] = load["id"]
    update["p_specified"], update["q_specified"] = (
        -w.T * network.base_mva * 1e6 for w in (power.real, power.imag)
    )
    model = PowerGridModel({"node": node, "source": source, "line": line, "sym_load": load})
    peer = model.calculate_power_flow(
        update_data={ComponentType.sym_load: update},
        calculation_method=CalculationMethod.newton_raphson,
        error_tolerance=1e-11,
    )

    chunks = []
    run_series(
        network,
        case.point,
        series_of(power),
        no_limits(network),
        SeriesOptions(record_v=True, record_angle=True),
        chunks.append,
    )
    v = np.concatenate([chunk.v_pu for chunk in chunks], axis=1)
    angle = np.concatenate([chunk.angle_rad for chunk in chunks], axis=1)
    np.testing.assert_allclose(v, peer[ComponentType.node]["u_pu"].T, atol=3e-7)
    np.testing.assert_allclose(angle, peer[ComponentType.node]["u_angle"].T, atol=3e-7)
