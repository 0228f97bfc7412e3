"""power-grid-model's input data as a symmetric network and measurements.

Formulas are those of its documentation (user manual, components). Links merge their nodes.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.grids.network import Network

Complexes = NDArray[np.complex128]
Data = dict[str, list[dict[str, Any]]]

BASE_VA = 1e6
_OMEGA = 2 * math.pi * 50
_FROM, _TO, _SOURCE, _SHUNT, _LOAD, _GENERATOR, _BRANCH3_1, _B2, _B3, _NODE = range(10)


def buses_of(data: Data) -> dict[int, int]:
    """Bus of each node id; nodes joined by closed links share one."""
    number = {node["id"]: k for k, node in enumerate(data["node"])}
    closed = [link for link in data.get("link", []) if link["from_status"] and link["to_status"]]
    ends = [(number[link["from_node"]], number[link["to_node"]]) for link in closed]
    f, t = (np.array([end[k] for end in ends], np.intp) for k in (0, 1))
    graph = coo_array((np.ones(len(f)), (f, t)), shape=(len(number), len(number)))
    _, label = connected_components(graph, directed=False)
    return {node: int(label[k]) for node, k in number.items()}


def branches_of(data: Data) -> dict[int, int]:
    """Branch of each line and transformer that is closed at both ends."""
    found = [b for name in ("line", "transformer") for b in data.get(name, [])]
    closed = [b["id"] for b in found if b["from_status"] and b["to_status"]]
    return {branch: k for k, branch in enumerate(closed)}


def network_of(data: Data) -> Network:
    """The network of lines, transformers and shunts; branches open at an end are left out."""
    bus, branch = buses_of(data), branches_of(data)
    n = max(bus.values()) + 1
    kv = np.ones(n)
    for node in data["node"]:
        kv[bus[node["id"]]] = node["u_rated"] / 1e3
    ends, ports, shifts = [], [], []
    for name in ("line", "transformer"):
        for one in data.get(name, []):
            if one["id"] not in branch:
                continue
            f, t = bus[one["from_node"]], bus[one["to_node"]]
            ends.append((f, t))
            ports.append(_line(one, kv[f]) if name == "line" else _transformer(one, kv[f], kv[t]))
            shifts.append(one["clock"] * math.pi / 6 if name == "transformer" else 0.0)
    y = np.array(ports, complex).reshape(-1, 4)
    y_shunt = np.zeros(n, complex)
    for shunt in data.get("shunt", []):
        at = bus[shunt["node"]]
        y_shunt[at] += shunt["status"] * complex(shunt["g1"], shunt["b1"]) * kv[at] ** 2 * 1e6 / BASE_VA
    f, t = (np.array([end[k] for end in ends], np.intp) for k in (0, 1))
    return Network(
        base_mva=BASE_VA / 1e6,
        base_kv=kv,
        from_bus=f,
        to_bus=t,
        y_ff=y[:, 0].copy(),
        y_ft=y[:, 1].copy(),
        y_tf=y[:, 2].copy(),
        y_tt=y[:, 3].copy(),
        y_shunt=y_shunt,
        shift_rad=np.array(shifts),
        bus_row=np.arange(n),
        branch_row=np.arange(len(f)),
    )


def _line(line: dict[str, Any], kv: float) -> list[complex]:
    base = kv**2 * 1e6 / BASE_VA
    y = base / complex(line["r1"], line["x1"])
    charging = _OMEGA * line["c1"] * complex(line["tan1"], 1) * base / 2
    return [y + charging, -y, -y, y + charging]


def _transformer(t: dict[str, Any], from_kv: float, to_kv: float) -> list[complex]:
    change = (1 if t["tap_max"] > t["tap_min"] else -1) * (t["tap_pos"] - t.get("tap_nom", 0)) * t["tap_size"]
    u1, u2 = t["u1"] + change * (t["tap_side"] == 0), t["u2"] + change * (t["tap_side"] == 1)
    ratio = (u1 / u2) / (from_kv / to_kv) * np.exp(1j * t["clock"] * math.pi / 6)
    r, z = t["pk"] * u2**2 / t["sn"] ** 2, t["uk"] * u2**2 / t["sn"]
    base = (to_kv * 1e3) ** 2 / BASE_VA
    y = base / complex(r, math.sqrt(z**2 - r**2))
    g, magnetising = t["p0"] / u2**2, t["i0"] * t["sn"] / u2**2
    own = y + complex(g, -math.sqrt(max(0.0, magnetising**2 - g**2))) * base / 2
    return [own / abs(ratio) ** 2, -y / ratio.conjugate(), -y / ratio, own]


def measurements_of(data: Data) -> Measurements:
    """Sensors as power-grid-model counts them: those of the appliances of a node add up if each is measured, a node
    without appliances injects nothing. Sensors of shunts are left out."""
    bus, branch = buses_of(data), branches_of(data)
    appliances = _appliances(data, bus)
    parts = [_voltages(data, bus)]
    for sensor in data.get("sym_power_sensor", []):
        s, sigma = _reading(sensor)
        measured, kind = sensor["measured_object"], sensor["measured_terminal_type"]
        if kind in (_FROM, _TO):
            if measured in branch:
                parts.append(_power(Kind.P_FLOW, Kind.Q_FLOW, branch[measured], s, sigma, kind))
        elif kind == _NODE:
            parts.append(_power(Kind.P_INJ, Kind.Q_INJ, bus[measured], s, sigma))
        else:
            for found in appliances.values():
                if measured in found:
                    found[measured].append((-s if kind == _LOAD else s, sigma))
    for at, found in appliances.items():
        if all(found.values()):
            readings = [_mean(each) for each in found.values()]
            sigma = np.hypot.reduce([sigma for _, sigma in readings])
            parts.append(_power(Kind.P_INJ, Kind.Q_INJ, at, sum(s for s, _ in readings), sigma))
    empty = sorted(set(bus.values()) - set(appliances))
    return Measurements.join([*parts, Measurements.of([], [], [], [], zero_injection=empty)])


def _appliances(data: Data, bus: dict[int, int]) -> dict[int, dict[int, list]]:
    found: dict[int, dict[int, list]] = {}
    for name in ("source", "sym_load", "asym_load", "sym_gen", "asym_gen"):
        for one in data.get(name, []):
            if one["status"]:
                found.setdefault(bus[one["node"]], {})[one["id"]] = []
    return found


def _reading(sensor: dict[str, Any]) -> tuple[complex, NDArray[np.float64]]:
    """Apparent power and the sigmas of P and Q; one sigma is that of the apparent power."""
    alone = float(sensor.get("power_sigma", math.nan)) / math.sqrt(2)
    sigma = np.array([float(sensor.get("p_sigma", alone)), float(sensor.get("q_sigma", alone))])
    return complex(sensor["p_measured"], sensor["q_measured"]) / BASE_VA, sigma / BASE_VA


def _mean(readings: list[tuple[complex, NDArray[np.float64]]]) -> tuple[complex, NDArray[np.float64]]:
    if len(readings) == 1:
        return readings[0]
    weights = np.array([sigma**-2 for _, sigma in readings])
    s = np.array([[s.real, s.imag] for s, _ in readings])
    p, q = (weights * s).sum(axis=0) / weights.sum(axis=0)
    return complex(p, q), weights.sum(axis=0) ** -0.5


def _power(
    active: Kind, reactive: Kind, element: int, s: complex, sigma: NDArray[np.float64], side: int = 0
) -> Measurements:
    usable = np.isfinite(sigma)
    both = Measurements.of([active, reactive], [element, element], [s.real, s.imag], sigma, side=side)
    return both.rows(usable)


def _voltages(data: Data, bus: dict[int, int]) -> Measurements:
    rated = {node["id"]: node["u_rated"] for node in data["node"]}
    parts = [Measurements.of([], [], [], [])]
    for sensor in data.get("sym_voltage_sensor", []):
        at, volt = bus[sensor["measured_object"]], rated[sensor["measured_object"]]
        sigma = sensor["u_sigma"] / volt
        parts.append(Measurements.of(Kind.V_MAG, [at], sensor["u_measured"] / volt, sigma))
        if sensor.get("u_angle_measured") is not None:
            parts.append(Measurements.of(Kind.V_ANG, [at], sensor["u_angle_measured"], sigma))
    return Measurements.join(parts)
