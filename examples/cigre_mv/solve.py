"""Solve the grid's power flow, write it as SV, and take measurements of it."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
from cgmes import CREATED, identity
from parameters import SOURCE_TARGET_PU

from gridjobs_workers.grids.build import import_grid
from gridjobs_workers.grids.model import GridModel
from gridjobs_workers.grids.network import Network
from gridjobs_workers.grids.reduce import to_network
from gridjobs_workers.grids.state import injections_pu
from gridjobs_workers.grids.sv_profile import power_flows, write_sv
from gridjobs_workers.simulation.power_flow import (
    OperatingPoint,
    PowerFlow,
    VoltageControls,
    branch_flows,
    solve_power_flow,
)

SEED = 20261120
VOLTAGE_CLASS, POWER_CLASS = 0.5, 1.0
METERED_NODES = (0, 1, 5, 8, 10, 12, 14)
METERED_BRANCHES = (
    ("transformer", 0, 1),
    ("transformer", 0, 12),
    ("line", 1, 2),
    ("line", 3, 4),
    ("line", 3, 8),
    ("line", 8, 9),
    ("line", 12, 13),
)


def write_solution(folder: Path) -> None:
    """Write the SV profile and the estimation request beside the other profiles."""
    profiles = [folder / f"cigre_mv_{name}.xml" for name in ("EQ", "TP", "SSH")]
    model = import_grid([(path.name, path.read_bytes()) for path in profiles])
    network = to_network(model)
    flow = solve(model, network)
    (folder / "cigre_mv_SV.xml").write_bytes(state_variables(model, network, flow))
    request = {"measurements": measurements(model, network, flow), "outputs": ["svg", "png"]}
    (folder / "estimation.json").write_text(json.dumps(request, indent=1) + "\n")


def solve(model: GridModel, network: Network) -> PowerFlow:
    """Solve the power flow with the source holding its voltage."""
    slack = np.flatnonzero(network.bus_row == model.injections.bus[model.injections.slack_priority == 1][0])
    point = OperatingPoint(
        s_pu=injections_pu(model, network),
        reference_bus=slack,
        reference_rad=np.zeros(1),
        controls=VoltageControls.local(slack, np.array([SOURCE_TARGET_PU])),
    )
    return solve_power_flow(network, point)


def state_variables(model: GridModel, network: Network, flow: PowerFlow) -> bytes:
    """Return the solution as SV profile."""
    v_kv = np.full(len(model.buses.mrid), np.nan, np.complex128)
    v_kv[network.bus_row] = flow.v * network.base_kv
    source = np.flatnonzero(model.injections.slack_priority == 1)
    fed = flow.s_bus[flow_row(network, int(model.injections.bus[source[0]]))] * network.base_mva
    p_mw, q_mvar = model.injections.p_mw.copy(), model.injections.q_mvar.copy()
    p_mw[source], q_mvar[source] = -fed.real, -fed.imag
    return write_sv(model, v_kv, power_flows(model, p_mw, q_mvar), created=datetime.fromisoformat(CREATED))


def flow_row(network: Network, bus: int) -> int:
    """Return the row in the network of a bus of the grid model."""
    return int(np.flatnonzero(network.bus_row == bus)[0])


def measurements(model: GridModel, network: Network, flow: PowerFlow) -> list[dict[str, object]]:
    """Take measurements with seeded noise, one standard deviation being a third of the meter's class."""
    noise = np.random.default_rng(SEED)
    found: list[dict[str, object]] = []

    def take(component: str, measurand: str, true: float, accuracy_class: float, **more: object) -> None:
        value = true * (1.0 + accuracy_class / 300.0 * noise.standard_normal())
        row = {"component": component, "measurand": measurand, "value": round(value, 5)}
        found.append({**row, "accuracy_class": accuracy_class, **more})

    for node in METERED_NODES:
        bus = flow_row(network, model.bus_of[identity("node", node)])
        kv = float(abs(flow.v[bus]) * network.base_kv[bus])
        take(identity("node", node), "voltage_magnitude", kv, VOLTAGE_CLASS, id=f"U N{node}")
    power = branch_flows(network, flow.v).s_from * network.base_mva
    for kind, start, end in METERED_BRANCHES:
        mrid = identity(kind, start, end)
        s = power[np.flatnonzero(model.branches.mrid[network.branch_row] == mrid)[0]]
        take(mrid, "active_power", float(s.real), POWER_CLASS, side=1, id=f"P {start}-{end}")
        take(mrid, "reactive_power", float(s.imag), POWER_CLASS, side=1, id=f"Q {start}-{end}")
    return found
