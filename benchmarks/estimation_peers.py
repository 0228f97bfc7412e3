"""The same grids and readings for power-grid-model and pandapower."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandapower as pp
import power_grid_model as pgm
from estimation_grids import Metered
from pandapower.estimation import estimate as pandapower_estimate
from pandapower.estimation.algorithm.base import WLSAlgorithm
from power_grid_model import CalculationMethod
from power_grid_model.errors import PowerGridError

from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network

SOURCE, BRANCH, LOAD, SHUNT, V_SENSOR, P_SENSOR = (10_000_000 * k for k in range(1, 7))
NODES = {"node": ["u_pu", "u_angle"]}
METHODS = {
    "iterative_linear": CalculationMethod.iterative_linear,
    "newton_raphson": CalculationMethod.newton_raphson,
}


@dataclass(frozen=True)
class PgmEstimator:
    """power-grid-model with its sensors, one method at the tightest tolerance at which it converges."""

    model: pgm.PowerGridModel
    data: dict[str, Any]
    method: str
    tolerance: float

    def run(self) -> Complexes:
        out = self.model.calculate_state_estimation(
            calculation_method=METHODS[self.method],
            error_tolerance=self.tolerance,
            max_iterations=200,
            output_component_types=NODES,
        )
        return out["node"]["u_pu"] * np.exp(1j * out["node"]["u_angle"])

    def run_batch(self, update: dict[str, Any]) -> Any:
        return self.model.calculate_state_estimation(
            calculation_method=METHODS[self.method],
            error_tolerance=self.tolerance,
            max_iterations=200,
            update_data=update,
            threading=-1,
            output_component_types=NODES,
            continue_on_batch_error=True,
        )


def pgm_estimator(grid: Metered, method: str) -> PgmEstimator | None:
    """None where power-grid-model has no estimate at any tolerance."""
    data = _pgm_network(grid) | _pgm_sensors(grid)
    model = pgm.PowerGridModel(data)
    for tolerance in (1e-6, 1e-5, 1e-4, 1e-3):
        with suppress(PowerGridError):
            found = PgmEstimator(model, data, method, tolerance)
            found.run()
            return found
    return None


def _pgm_network(grid: Metered) -> dict[str, Any]:
    network, base_va = grid.network, grid.network.base_mva * 1e6
    volt = network.base_kv * 1e3
    node = pgm.initialize_array("input", "node", network.n_bus)
    node["id"], node["u_rated"] = np.arange(network.n_bus), volt
    source = pgm.initialize_array("input", "source", 1)
    source["id"], source["node"], source["status"], source["u_ref"] = SOURCE, grid.reference, 1, 1.0
    data = {"node": node, "source": source, "generic_branch": _pgm_branches(network)}
    loaded = np.setdiff1d(_injecting(grid), [grid.reference])
    load = pgm.initialize_array("input", "sym_load", len(loaded))
    load["id"], load["node"], load["status"], load["type"] = LOAD + loaded, loaded, 1, 0
    load["p_specified"] = load["q_specified"] = 0.0
    data["sym_load"] = load
    at = np.flatnonzero(network.y_shunt)
    if at.size:
        shunt = pgm.initialize_array("input", "shunt", len(at))
        siemens = network.y_shunt[at] * base_va / volt[at] ** 2
        shunt["id"], shunt["node"], shunt["status"] = SHUNT + at, at, 1
        shunt["g1"], shunt["b1"] = siemens.real, siemens.imag
        data["shunt"] = shunt
    return data


def _pgm_branches(network: Network) -> Any:
    ratio = np.sqrt(np.abs(network.y_tt / network.y_ff))
    series = -network.y_tf * ratio * np.exp(1j * network.shift_rad)
    shunt = (network.y_tt - series) * 2
    ohm = (network.base_kv[network.to_bus] * 1e3) ** 2 / (network.base_mva * 1e6)
    branch = pgm.initialize_array("input", "generic_branch", network.n_branch)
    branch["id"] = BRANCH + np.arange(network.n_branch)
    branch["from_node"], branch["to_node"] = network.from_bus, network.to_bus
    branch["from_status"] = branch["to_status"] = 1
    branch["r1"], branch["x1"] = (1 / series).real * ohm, (1 / series).imag * ohm
    branch["g1"], branch["b1"] = shunt.real / ohm, shunt.imag / ohm
    branch["k"], branch["theta"], branch["sn"] = ratio, network.shift_rad, 1e9
    return branch


def _injecting(grid: Metered) -> Ints:
    return np.setdiff1d(np.arange(grid.network.n_bus), grid.readings.zero_injection)


def _pgm_sensors(grid: Metered) -> dict[str, Any]:
    m, volt = grid.readings, grid.network.base_kv * 1e3
    rows = np.flatnonzero(m.kind == Kind.V_MAG)
    voltage = pgm.initialize_array("input", "sym_voltage_sensor", len(rows))
    voltage["id"], voltage["measured_object"] = V_SENSOR + np.arange(len(rows)), m.element[rows]
    voltage["u_sigma"] = m.sigma[rows] * volt[m.element[rows]]
    voltage["u_measured"] = m.value[rows] * volt[m.element[rows]]
    objects, kinds = _power_sensor_places(grid)
    power = pgm.initialize_array("input", "sym_power_sensor", len(objects))
    power["id"], power["measured_object"] = P_SENSOR + np.arange(len(objects)), objects
    power["measured_terminal_type"] = kinds
    p, q, sigma_p, sigma_q = _powers_in_watt(grid, m.value)
    power["p_measured"], power["q_measured"] = p, q
    power["p_sigma"], power["q_sigma"] = sigma_p, sigma_q
    power["power_sigma"] = np.hypot(sigma_p, sigma_q)
    return {"sym_voltage_sensor": voltage, "sym_power_sensor": power}


def _power_sensor_places(grid: Metered) -> tuple[Ints, Ints]:
    m = grid.readings
    bus, branch = m.element[m.kind == Kind.P_INJ], m.element[m.kind == Kind.P_FLOW]
    at_source = bus == grid.reference
    objects = np.concatenate((np.where(at_source, SOURCE, LOAD + bus), BRANCH + branch))
    kinds = np.concatenate((np.where(at_source, 2, 4), np.zeros(len(branch), np.intp)))
    return objects, kinds


def _powers_in_watt(grid: Metered, values: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """P, Q and their sigmas in the order of the sensors; `values` of shape (..., n_measurement)."""
    m, base = grid.readings, grid.network.base_mva * 1e6
    bus = m.element[m.kind == Kind.P_INJ]
    sign = np.where(bus == grid.reference, 1.0, -1.0)  # loads count consumption, sources generation
    sign = np.concatenate((sign, np.ones(int((m.kind == Kind.P_FLOW).sum())))) * base
    p_rows = np.concatenate((np.flatnonzero(m.kind == Kind.P_INJ), np.flatnonzero(m.kind == Kind.P_FLOW)))
    q_rows = np.concatenate((np.flatnonzero(m.kind == Kind.Q_INJ), np.flatnonzero(m.kind == Kind.Q_FLOW)))
    return (
        values[..., p_rows] * sign,
        values[..., q_rows] * sign,
        m.sigma[p_rows] * base,
        m.sigma[q_rows] * base,
    )


def pgm_update(grid: Metered, data: dict[str, Any], values: Floats) -> dict[str, Any]:
    """Batch update of all sensors; `values` of shape (n_snapshot, n_measurement)."""
    m, volt = grid.readings, grid.network.base_kv * 1e3
    rows = np.flatnonzero(m.kind == Kind.V_MAG)
    voltage = pgm.initialize_array("update", "sym_voltage_sensor", (len(values), len(rows)))
    voltage["id"] = data["sym_voltage_sensor"]["id"]
    voltage["u_measured"] = values[:, rows] * volt[m.element[rows]]
    p, q, _, _ = _powers_in_watt(grid, values)
    power = pgm.initialize_array("update", "sym_power_sensor", p.shape)
    power["id"] = data["sym_power_sensor"]["id"]
    power["p_measured"], power["q_measured"] = p, q
    return {"sym_voltage_sensor": voltage, "sym_power_sensor": power}


def spare_dense_copies() -> None:
    """Keep pandapower from turning its sparse matrices dense when it is done: 14 GB and 30 s at 10,464 buses."""
    check_result = WLSAlgorithm.check_result

    def check_and_hide(self: Any, error: float, iterations: int) -> None:
        check_result(self, error, iterations)
        self.reads_left = 1

    def successful(self: Any) -> bool:
        if self.__dict__.get("reads_left", 0):
            self.reads_left -= 1  # the first to ask is what makes the copies
            return False
        return bool(self.__dict__["_successful"])

    def remember(self: Any, value: bool) -> None:
        self.__dict__["_successful"] = value

    WLSAlgorithm.check_result = check_and_hide
    WLSAlgorithm.successful = property(successful, remember)


def pandapower_run(grid: Metered) -> Callable[[], bool]:
    """A run of pandapower's estimator on the same readings; True where it succeeds."""
    net, m = grid.net, grid.readings
    net.measurement = net.measurement.iloc[0:0]
    bus_of = _pandapower_buses(grid)
    branch_of = _pandapower_branches(grid)
    base = grid.network.base_mva
    zero = [bus_of[bus] for bus in m.zero_injection.tolist() if bus in bus_of]
    kinds = {Kind.V_MAG: "v", Kind.P_INJ: "p", Kind.Q_INJ: "q", Kind.P_FLOW: "p", Kind.Q_FLOW: "q"}
    for kind, element, value, sigma in zip(m.kind, m.element, m.value, m.sigma, strict=True):
        name = kinds[Kind(kind)]
        if kind in (Kind.V_MAG, Kind.P_INJ, Kind.Q_INJ) and element not in bus_of:
            continue
        if kind == Kind.V_MAG:
            pp.create_measurement(net, "v", "bus", value, sigma, bus_of[element])
        elif kind in (Kind.P_INJ, Kind.Q_INJ):
            pp.create_measurement(net, name, "bus", -value * base, sigma * base, bus_of[element])
        else:
            table, index = branch_of[element]
            side = "from" if table == "line" else "hv"
            pp.create_measurement(net, name, table, value * base, sigma * base, index, side=side)

    def run() -> bool:
        result = pandapower_estimate(
            net, init="flat", tolerance=1e-6, maximum_iterations=50, zero_injection=zero
        )
        return bool(result["success"] if isinstance(result, dict) else result)

    return run


def _pandapower_buses(grid: Metered) -> dict[int, int]:
    """A bus of pandapower for each bus of ours; the far ends of open lines have none."""
    lookup, outer = grid.net._pd2ppc_lookups["bus"], grid.net._ppc["bus"]
    out_of_service = 4
    number = np.cumsum(outer[:, 1] != out_of_service) - 1
    rows = [int(bus) for bus in reversed(grid.net.bus.index) if outer[lookup[bus], 1] != out_of_service]
    return {int(number[lookup[bus]]): bus for bus in rows}


def _pandapower_branches(grid: Metered) -> dict[int, tuple[str, int]]:
    inside, lookup = grid.net._ppc["internal"], grid.net._pd2ppc_lookups["branch"]
    in_service = np.flatnonzero(inside["branch_is"])
    names: dict[int, tuple[str, int]] = {}
    for table, (begin, end) in lookup.items():
        for row in range(begin, end):
            names[row] = (table, int(grid.net[table].index[row - begin]))
    return {k: names[int(row)] for k, row in enumerate(in_service)}
