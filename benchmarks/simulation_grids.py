"""SimBench and IEEE grids for the simulation benchmark, as one bus-branch model for every engine."""

import logging
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks
import power_grid_model as pgm
import simbench
from scipy.sparse import csr_array

from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.limits import Limits
from gridjobs_workers.simulation.power_flow import OperatingPoint, VoltageControls
from gridjobs_workers.simulation.time_series import InjectionSeries

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


@dataclass(frozen=True)
class BenchGrid:
    """One grid in pandapower's and in our terms; buses and branches in pandapower's internal order."""

    name: str
    net: Any
    network: Network
    point: OperatingPoint
    v: Complexes  # pandapower's solution


def load(name: str) -> BenchGrid:
    """A SimBench grid by its code or a case of pandapower's by its name."""
    net = simbench.get_simbench_net(name) if name[0].isdigit() else getattr(pandapower.networks, name)()
    run_pandapower(net)
    inside = net._ppc["internal"]
    network = _network(inside)
    v = np.asarray(inside["V"]).ravel()
    return BenchGrid(name, net, network, _point(inside, network, v), v)


def run_pandapower(net: Any, **options: Any) -> None:
    pp.runpp(net, tolerance_mva=1e-8, calculate_voltage_angles=True, trafo_model="pi", numba=True, **options)


def _network(inside: dict[str, Any]) -> Network:
    branch, bus = inside["branch"], inside["bus"].real
    f, t = branch[:, 0].real.astype(np.intp), branch[:, 1].real.astype(np.intp)
    every = np.arange(len(f))
    from_rows, to_rows, y = (csr_array(inside[name]) for name in ("Yf", "Yt", "Ybus"))
    y_ff, y_ft = np.asarray(from_rows[every, f]).ravel(), np.asarray(from_rows[every, t]).ravel()
    y_tf, y_tt = np.asarray(to_rows[every, f]).ravel(), np.asarray(to_rows[every, t]).ravel()
    shunt = y.diagonal().copy()
    np.subtract.at(shunt, f, y_ff)
    np.subtract.at(shunt, t, y_tt)
    shift = np.deg2rad(branch[:, 9].real)
    return Network(
        float(inside["baseMVA"]),
        bus[:, 9].copy(),
        f,
        t,
        y_ff,
        y_ft,
        y_tf,
        y_tt,
        shunt,
        shift,
        np.arange(len(bus)),
        every,
    )


def _point(inside: dict[str, Any], network: Network, v: Complexes) -> OperatingPoint:
    reference, held = (np.asarray(inside[kind]).astype(np.intp) for kind in ("ref", "pv"))
    s = v * np.conj(network.admittance() @ v)
    s[held] = s[held].real
    s[reference] = 0
    controls = VoltageControls.local(
        np.concatenate((reference, held)), np.abs(v[np.concatenate((reference, held))])
    )
    return OperatingPoint(s, reference, np.angle(v[reference]), controls)


def series(grid: BenchGrid, n_steps: int) -> InjectionSeries:
    """The grid's own SimBench profiles: power of each load and generator as nominal power times its profile."""
    net, base = grid.net, grid.network.base_mva
    columns, p_cells, q_cells = [], [], []
    bus_of = net._pd2ppc_lookups["bus"]
    for element, sign, kinds in (
        ("load", -1, (("p_mw", "_pload"), ("q_mvar", "_qload"))),
        ("sgen", 1, (("p_mw", ""),)),
    ):
        table, profiles = net[element], net.profiles["load" if element == "load" else "renewables"]
        for quantity, suffix in kinds:
            cells = p_cells if quantity == "p_mw" else q_cells
            for profile, rows in table[table.in_service].groupby("profile").groups.items():
                cells += [
                    (bus_of[table.bus[r]], len(columns), sign * table[quantity][r] / base) for r in rows
                ]
                columns.append(profiles[profile + suffix].to_numpy(dtype=float))
    values = np.stack(columns)

    def weights(cells: list[tuple[int, int, float]]) -> csr_array:
        rows, profile, weight = zip(*cells, strict=True)
        return csr_array((weight, (rows, profile)), shape=(grid.network.n_bus, len(columns)))

    return InjectionSeries(
        n_steps,
        np.zeros(grid.network.n_bus, dtype=complex),
        weights(p_cells),
        weights(q_cells),
        lambda start, stop: (
            values[:, np.arange(start, stop) % values.shape[1]]
            if stop > values.shape[1]
            else values[:, start:stop]
        ),
    )


def limits(grid: BenchGrid) -> Limits:
    """0.965 to 1.055 p.u. and 1.5 times the currents of the study case."""
    network, v = grid.network, grid.v
    current = 1.5 * np.abs(network.y_ff * v[network.from_bus] + network.y_ft * v[network.to_bus]) + 1e-3
    n = network.n_bus
    return Limits(np.full(n, 0.965), np.full(n, 1.055), current, np.full(network.n_branch, np.inf))


def peer_model(grid: BenchGrid) -> tuple[pgm.PowerGridModel, Ints]:
    """power-grid-model's model of the same network, and the buses that have a load."""
    network, base = grid.network, grid.network.base_mva
    volt = network.base_kv * 1e3
    node = pgm.initialize_array("input", "node", network.n_bus)
    node["id"], node["u_rated"] = np.arange(network.n_bus), volt
    source = pgm.initialize_array("input", "source", len(grid.point.reference_bus))
    source["id"], source["node"] = 10_000_000 + np.arange(len(source)), grid.point.reference_bus
    source["status"], source["sk"] = 1, 1e20
    source["u_ref"], source["u_ref_angle"] = np.abs(grid.v[source["node"]]), np.angle(grid.v[source["node"]])
    ratio = _ratios(network)
    series_y = -network.y_tf * ratio * np.exp(1j * network.shift_rad)
    shunt = (network.y_tt - series_y) * 2
    ohm = volt[network.to_bus] ** 2 / (base * 1e6)
    branch = pgm.initialize_array("input", "generic_branch", network.n_branch)
    branch["id"] = 20_000_000 + np.arange(network.n_branch)
    branch["from_node"], branch["to_node"] = network.from_bus, network.to_bus
    branch["from_status"] = branch["to_status"] = 1
    branch["r1"], branch["x1"] = (1 / series_y).real * ohm, (1 / series_y).imag * ohm
    branch["g1"], branch["b1"] = shunt.real / ohm, shunt.imag / ohm
    branch["k"], branch["theta"], branch["sn"] = ratio, network.shift_rad, 1e9
    loaded = np.setdiff1d(np.arange(network.n_bus), grid.point.reference_bus)
    load_ = pgm.initialize_array("input", "sym_load", len(loaded))
    load_["id"], load_["node"], load_["status"], load_["type"] = (
        30_000_000 + np.arange(len(loaded)),
        loaded,
        1,
        0,
    )
    load_["p_specified"], load_["q_specified"] = (
        -part[loaded] * base * 1e6 for part in (grid.point.s_pu.real, grid.point.s_pu.imag)
    )
    data = {"node": node, "source": source, "generic_branch": branch, "sym_load": load_}
    bus_shunt = np.flatnonzero(np.abs(network.y_shunt) > 1e-9)
    if bus_shunt.size:
        shunts = pgm.initialize_array("input", "shunt", len(bus_shunt))
        siemens = network.y_shunt[bus_shunt] * base * 1e6 / volt[bus_shunt] ** 2
        shunts["id"], shunts["node"], shunts["status"] = 40_000_000 + np.arange(len(bus_shunt)), bus_shunt, 1
        shunts["g1"], shunts["b1"] = siemens.real, siemens.imag
        data["shunt"] = shunts
    return pgm.PowerGridModel(data), loaded


def _ratios(network: Network) -> Floats:
    """Off-nominal ratio |a| at the from side, from y_ff = (y + s) / |a|² and y_tt = y + s with shunts alike."""
    return np.sqrt(np.abs(network.y_tt / network.y_ff))


def peer_update(grid: BenchGrid, loaded: Ints, power: Complexes) -> dict[str, Any]:
    """power-grid-model's batch of the same powers, shape (n_bus, n_step)."""
    update = pgm.initialize_array("update", "sym_load", (power.shape[1], len(loaded)))
    update["id"] = 30_000_000 + np.arange(len(loaded))
    watt = -power[loaded].T * grid.network.base_mva * 1e6
    update["p_specified"], update["q_specified"] = watt.real, watt.imag
    return {"sym_load": update}
