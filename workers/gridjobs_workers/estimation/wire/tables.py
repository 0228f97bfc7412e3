"""The estimate as tables, in CIM units and mRIDs. A NaN is a value that does not exist."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.report import Estimate
from gridjobs_workers.grids.model import BranchKind, GridModel
from gridjobs_workers.grids.network import Floats, Ints, Network

Table = dict[str, list[Any] | NDArray[Any]]
SQRT3 = math.sqrt(3.0)


def nodes(model: GridModel, network: Network, estimate: Estimate) -> Table:
    """One row a node of the grid, star points left out."""
    buses, q = model.buses, estimate.quantities
    shown = np.flatnonzero(~buses.is_star)
    kv = buses.base_kv[shown]
    v_pu, sigma_v = _spread(network, buses, shown, q.vm_pu), _spread(network, buses, shown, q.vm_sigma_pu)
    angle = _spread(network, buses, shown, q.angle_rad)
    sigma_angle = _spread(network, buses, shown, q.angle_sigma_rad)
    island = _spread(network, buses, shown, _islands(network, estimate))
    energised = np.zeros(len(buses.mrid), np.bool_)
    energised[network.bus_row] = True
    return {
        "mrid": buses.mrid[shown],
        "name": buses.name[shown],
        "base_kv": kv,
        "energised": energised[shown],
        "observable": np.isfinite(v_pu),
        "island": [None if math.isnan(i) else int(i) for i in island],
        "v_kv": v_pu * kv,
        "v_pu": v_pu,
        "angle_deg": np.degrees(angle),
        "sigma_v_kv": sigma_v * kv,
        "sigma_v_pu": sigma_v,
        "sigma_angle_deg": np.degrees(sigma_angle),
    }


def branches(model: GridModel, network: Network, estimate: Estimate) -> Table:
    """One row a branch that is closed at both ends; a winding of a three-winding transformer is a row of its own."""
    found, rows, q = model.branches, network.branch_row, estimate.quantities
    mva = network.base_mva
    ampere = np.stack(
        [mva * 1e3 / (SQRT3 * network.base_kv[end]) for end in (network.from_bus, network.to_bus)], 1
    )
    current, sigma_i = q.branch_i_pu * ampere, q.branch_i_sigma_pu * ampere
    kinds = np.array([kind.name.lower() for kind in BranchKind])
    node = np.where(model.buses.is_star, "", model.buses.mrid)
    loading = np.maximum(current[:, 0] / found.limit_from_a[rows], current[:, 1] / found.limit_to_a[rows])
    unlimited = np.isinf(found.limit_from_a[rows]) & np.isinf(found.limit_to_a[rows])
    table: Table = {
        "mrid": found.mrid[rows],
        "name": found.name[rows],
        "kind": kinds[found.kind[rows]],
        "from_node": node[found.from_bus[rows]],
        "to_node": node[found.to_bus[rows]],
    }
    for column, values, sigmas in (
        ("p_{}_mw", q.branch_p_pu * mva, q.branch_p_sigma_pu * mva),
        ("q_{}_mvar", q.branch_q_pu * mva, q.branch_q_sigma_pu * mva),
        ("i_{}_a", current, sigma_i),
    ):
        for side, end in enumerate(("from", "to")):
            table[column.format(end)] = values[:, side]
            table["sigma_" + column.format(end)] = sigmas[:, side]
    table["loading_percent"] = np.where(unlimited, np.nan, 100.0 * loading)
    return table


def injections(model: GridModel, network: Network, estimate: Estimate) -> Table:
    """Net consumption at every node where equipment that draws or feeds is in service."""
    q, mva = estimate.quantities, network.base_mva
    members: dict[int, list[str]] = {}
    for row in np.flatnonzero(model.injections.in_service).tolist():
        members.setdefault(int(model.injections.bus[row]), []).append(str(model.injections.mrid[row]))
    shown = [bus for bus, row in enumerate(network.bus_row.tolist()) if row in members]
    rows = network.bus_row[shown]
    return {
        "node": model.buses.mrid[rows],
        "name": model.buses.name[rows],
        "components": [members[row] for row in rows.tolist()],
        "p_mw": -q.p_pu[shown] * mva,
        "q_mvar": -q.q_pu[shown] * mva,
        "sigma_p_mw": q.p_sigma_pu[shown] * mva,
        "sigma_q_mvar": q.q_sigma_pu[shown] * mva,
    }


def _islands(network: Network, estimate: Estimate) -> Floats:
    island = np.full(network.n_bus, np.nan)
    island[estimate.bus] = estimate.islands.island
    return island


def rows_of(table: Table) -> list[dict[str, Any]]:
    """Return a table as rows; absent values and empty names are left out."""
    columns = [_cells(column) for column in table.values()]
    names = list(table)
    if all(full for _, full in columns):
        return [dict(zip(names, row, strict=True)) for row in zip(*(c for c, _ in columns), strict=True)]
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in zip(*(c for c, _ in columns), strict=True)
    ]


def _cells(column: list[Any] | NDArray[Any]) -> tuple[list[Any], bool]:
    """Values of a column with None for what is absent, and whether nothing is."""
    if isinstance(column, list):
        return column, None not in column
    absent = ~np.isfinite(column) if column.dtype.kind == "f" else _empty(column)
    cells: list[Any] = column.tolist()
    if not absent.any():
        return cells, True
    return [None if gone else value for value, gone in zip(cells, absent.tolist(), strict=True)], False


def _empty(column: NDArray[Any]) -> NDArray[np.bool_]:
    return column == "" if column.dtype.kind == "U" else np.zeros(len(column), np.bool_)


def _spread(network: Network, buses: Any, shown: Ints, values: Floats) -> Floats:
    everywhere = np.full(len(buses.mrid), np.nan)
    everywhere[network.bus_row] = values
    return everywhere[shown]
