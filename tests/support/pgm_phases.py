"""power-grid-model's data as three-phase networks and measurements, and its asymmetric power flow as an oracle.

Formulas are those of its documentation (user manual, components), written out again here.
"""

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from power_grid_model import CalculationMethod, PowerGridModel
from power_grid_model.utils import json_deserialize

from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.three_phase.measurements import PhaseMeasurements, no_injection_at
from gridjobs_workers.grids.sequence import from_sequences
from gridjobs_workers.grids.three_phase import ThreePhaseNetwork, four_wire

Complexes = NDArray[np.complex128]
Data = dict[str, list[dict[str, Any]]]

BASE_VA = 1e6
OMEGA = 2 * math.pi * 50
WYE, WYE_N, DELTA, ZIGZAG, ZIGZAG_N = range(5)
LINK_PU = 1e6 + 1e6j


def network_of(data: Data) -> tuple[ThreePhaseNetwork, dict[int, int]]:
    """The network, transformers first, and the bus of each node id. Branches must be closed at both ends."""
    bus = {node["id"]: k for k, node in enumerate(data["node"])}
    kv = np.array([node["u_rated"] / 1e3 for node in data["node"]])
    ends: list[tuple[int, int]] = []
    blocks: list[list[Complexes]] = [[], [], [], []]
    shift: list[float] = []

    def add(branch: dict[str, Any], zero: list[complex], positive: list[complex], lead: float = 0.0) -> None:
        assert branch["from_status"] == branch["to_status"] == 1
        ends.append((bus[branch["from_node"]], bus[branch["to_node"]]))
        swapped = [positive[0], positive[2], positive[1], positive[3]]
        for k in range(4):
            phases = from_sequences(*(np.array([y[k]], complex) for y in (zero, positive, swapped)))
            blocks[k].append(four_wire(phases)[0])
        shift.append(lead)

    for transformer in data.get("transformer", []):
        from_kv, to_kv = kv[bus[transformer["from_node"]]], kv[bus[transformer["to_node"]]]
        add(transformer, *_transformer(transformer, from_kv, to_kv), transformer["clock"] * math.pi / 6)
    for line in data.get("line", []):
        base = kv[bus[line["from_node"]]] ** 2 * 1e6 / BASE_VA
        add(line, _pi(line, "0", base), _pi(line, "1", base))
    for link in data.get("link", []):
        y = [LINK_PU, -LINK_PU, -LINK_PU, LINK_PU]
        add(link, y, y)
    y_shunt = np.zeros((len(bus), 4, 4), complex)
    for shunt in data.get("shunt", []):
        at = bus[shunt["node"]]
        base = kv[at] ** 2 * 1e6 / BASE_VA
        y0, y1 = (np.array([complex(shunt[f"g{k}"], shunt[f"b{k}"]) * base]) for k in "01")
        y_shunt[at] += shunt["status"] * four_wire(from_sequences(y0, y1, y1))[0]
    present = np.ones((len(bus), 4), bool)
    present[:, 3] = False
    f, t = (np.array([end[k] for end in ends], np.intp) for k in (0, 1))
    stacked = [np.array(part).reshape(-1, 4, 4) for part in blocks]
    network = ThreePhaseNetwork(
        BASE_VA / 1e6,
        kv,
        present,
        f,
        t,
        *stacked,
        y_shunt,
        np.array(shift),
        np.arange(len(bus)),
        np.arange(len(f)),
    )
    return network, bus


def _pi(line: dict[str, Any], k: str, base: float) -> list[complex]:
    y = base / complex(line[f"r{k}"], line[f"x{k}"])
    charging = OMEGA * line[f"c{k}"] * complex(line[f"tan{k}"], 1) * base / 2
    return [y + charging, -y, -y, y + charging]


def _transformer(t: dict[str, Any], from_kv: float, to_kv: float) -> tuple[list[complex], list[complex]]:
    """Zero- and positive-sequence two-ports, with earthed star points and no neutral impedance."""
    direction = 1 if t["tap_max"] > t["tap_min"] else -1
    change = direction * (t["tap_pos"] - t.get("tap_nom", 0)) * t["tap_size"]
    u1, u2 = t["u1"] + change * (t["tap_side"] == 0), t["u2"] + change * (t["tap_side"] == 1)
    k = (u1 / u2) / (from_kv / to_kv)
    r, z = t["pk"] * u2**2 / t["sn"] ** 2, t["uk"] * u2**2 / t["sn"]
    base = (to_kv * 1e3) ** 2 / BASE_VA
    y = base / complex(r, math.sqrt(z**2 - r**2))
    g, magnetising = t["p0"] / u2**2, t["i0"] * t["sn"] / u2**2
    half = complex(g, -math.sqrt(max(0.0, magnetising**2 - g**2))) * base / 2

    def port(series: complex, ratio: complex) -> list[complex]:
        own = series + half
        return [own / abs(ratio) ** 2, -series / ratio.conjugate(), -series / ratio, own]

    positive = port(y, k * np.exp(1j * t["clock"] * math.pi / 6))
    zero = [0j, 0j, 0j, 0j]
    windings = (t["winding_from"], t["winding_to"])
    if windings == (WYE_N, WYE_N):
        zero = port(y, complex(-k if t["clock"] % 12 in (2, 6, 10) else k))
    elif windings[0] == WYE_N and windings[1] == DELTA:
        zero[0] = (y + 2 * half) / k**2
    elif windings[0] == DELTA and windings[1] == WYE_N:
        zero[3] = y + 2 * half
    if windings[0] == ZIGZAG_N:
        zero[0] = 10 * y / k**2
    if windings[1] == ZIGZAG_N:
        zero[3] = 10 * y
    return zero, positive


def measurements_of(data: Data, network: ThreePhaseNetwork, bus: dict[int, int]) -> PhaseMeasurements:
    """Sensors as power-grid-model counts them: a symmetric one stands for the three phases, appliances of a node add
    up if each is measured, a node without appliances injects nothing."""
    branch_bus: dict[int, int] = {}
    for name in ("transformer", "line", "link"):
        for branch in data.get(name, []):
            branch_bus[branch["id"]] = len(branch_bus)
    parts = [_voltages(data, network, bus)]
    sensors = [s for name in ("sym_power_sensor", "asym_power_sensor") for s in data.get(name, [])]
    appliances: dict[int, dict[int, list[tuple[Complexes, float]]]] = {}
    for name in ("source", "sym_load", "asym_load", "sym_gen", "asym_gen", "shunt"):
        for one in data.get(name, []):
            if one["status"] and name != "shunt":
                appliances.setdefault(bus[one["node"]], {})[one["id"]] = []
    for sensor in sensors:
        kind = sensor["measured_terminal_type"]
        share = np.size(sensor["p_measured"]) == 1
        s = (
            (np.array(sensor["p_measured"]) + 1j * np.array(sensor["q_measured"]))
            * np.ones(3)
            / (3 if share else 1)
        )
        s = s / (BASE_VA / 3)
        sigma = float(sensor["power_sigma"]) / BASE_VA * (1 if share else 3) / math.sqrt(2)
        if kind in (0, 1):
            parts.append(
                _powers(Kind.P_FLOW, Kind.Q_FLOW, branch_bus[sensor["measured_object"]], s, sigma, kind)
            )
        elif kind == 9:
            parts.append(_powers(Kind.P_INJ, Kind.Q_INJ, bus[sensor["measured_object"]], s, sigma))
        else:
            for found in appliances.values():
                if sensor["measured_object"] in found:
                    found[sensor["measured_object"]].append((-s if kind == 4 else s, sigma))
    empty = []
    for at in range(network.n_bus):
        if at not in appliances:
            empty.append(at)
        elif all(appliances[at].values()) and all(len(v) == 1 for v in appliances[at].values()):
            readings = [v[0] for v in appliances[at].values()]
            total = np.sum([s for s, _ in readings], axis=0)
            parts.append(
                _powers(Kind.P_INJ, Kind.Q_INJ, at, total, math.hypot(*(sigma for _, sigma in readings)))
            )
    zeros = PhaseMeasurements.of([], [], [], [], [], zero_injection=no_injection_at(empty))
    return PhaseMeasurements.join([*parts, zeros])


def _powers(
    active: Kind, reactive: Kind, element: int, s: Complexes, sigma: float, side: int = 0
) -> PhaseMeasurements:
    at = np.full(3, element)
    return PhaseMeasurements.join(
        [
            PhaseMeasurements.of(active, at, [0, 1, 2], s.real, sigma, side=side),
            PhaseMeasurements.of(reactive, at, [0, 1, 2], s.imag, sigma, side=side),
        ]
    )


def _voltages(data: Data, network: ThreePhaseNetwork, bus: dict[int, int]) -> PhaseMeasurements:
    parts = []
    for name, base in (("sym_voltage_sensor", 1.0), ("asym_voltage_sensor", 1 / math.sqrt(3))):
        for sensor in data.get(name, []):
            at = bus[sensor["measured_object"]]
            volts = network.base_kv[at] * 1e3 * base
            value = np.array(sensor["u_measured"]) / volts * np.ones(3)
            sigma = sensor["u_sigma"] / volts
            parts.append(PhaseMeasurements.of(Kind.V_MAG, np.full(3, at), [0, 1, 2], value, sigma))
            if "u_angle_measured" in sensor:
                turn = [0, -2 * math.pi / 3, 2 * math.pi / 3] if name.startswith("sym") else 0.0
                angle = np.array(sensor["u_angle_measured"]) + np.array(turn)
                parts.append(PhaseMeasurements.of(Kind.V_ANG, np.full(3, at), [0, 1, 2], angle, sigma))
    return PhaseMeasurements.join(parts)


def power_flow(data: Data) -> Complexes:
    """Voltages to earth of every node [p.u.], shape (n_node, 3), by power-grid-model's Newton-Raphson."""
    document = {"version": "1.0", "type": "input", "is_batch": False, "attributes": {}, "data": data}
    model = PowerGridModel(json_deserialize(json.dumps(document)))
    found = model.calculate_power_flow(
        symmetric=False,
        error_tolerance=1e-12,
        max_iterations=100,
        calculation_method=CalculationMethod.newton_raphson,
    )
    return found["node"]["u_pu"] * np.exp(1j * found["node"]["u_angle"])


def lv_grid(
    n_feeder: int, n_step: int, seed: int, *, windings: tuple[int, int] = (DELTA, WYE_N), clock: int = 5
) -> Data:
    """A 10/0.4 kV transformer of 250 kVA with cables of 30 m steps and single-phase loads, as input data."""
    rng = np.random.default_rng(seed)
    node = [{"id": 0, "u_rated": 1e4}, {"id": 1, "u_rated": 400.0}]
    transformer = {
        "id": 1_000_000, "from_node": 0, "to_node": 1, "from_status": 1, "to_status": 1, "u1": 1e4, "u2": 400.0,
        "sn": 250e3, "uk": 0.04, "pk": 3.25e3, "i0": 0.0, "p0": 0.0, "winding_from": windings[0],
        "winding_to": windings[1], "clock": clock, "tap_side": 0, "tap_pos": 0, "tap_min": -2, "tap_max": 2,
        "tap_nom": 0, "tap_size": 250.0,
    }  # fmt: skip
    line, load = [], []
    for _ in range(n_feeder):
        for step in range(n_step):
            k = len(node)
            before = 1 if step == 0 else k - 1
            km = 0.03 * rng.uniform(0.5, 1.5)
            node.append({"id": k, "u_rated": 400.0})
            line.append(
                {
                    "id": 2_000_000 + k, "from_node": before, "to_node": k, "from_status": 1, "to_status": 1,
                    "r1": 0.206 * km, "x1": 0.08 * km, "c1": 0.0, "tan1": 0.0,
                    "r0": 0.824 * km, "x0": 0.29 * km, "c0": 0.0, "tan0": 0.0,
                }
            )  # fmt: skip
            if step % 4 == 1 and step < n_step - 1:
                continue
            watts = rng.uniform(200, 2500, 3) * (rng.random(3) < 0.6) * min(1.0, 120 / (n_feeder * n_step))
            load.append(
                {"id": 3_000_000 + k, "node": k, "status": 1, "type": 0, "p_specified": watts.tolist(),
                 "q_specified": (0.3 * watts).tolist()}
            )  # fmt: skip
    source = {
        "id": 4_000_000,
        "node": 0,
        "status": 1,
        "u_ref": 1.02,
        "sk": 1e9,
        "rx_ratio": 0.1,
        "z01_ratio": 1.0,
    }
    return {"node": node, "line": line, "transformer": [transformer], "asym_load": load, "source": [source]}
