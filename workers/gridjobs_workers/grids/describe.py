"""What a grid is, in words: its summary, its problems and the index of its components."""

from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from gridjobs_workers.grids.model import BranchKind, GridModel, InjectionKind, Problem
from gridjobs_workers.grids.network import Floats, Ints

Row = list[Any]  # kind, name, CIM class, base voltage; as far as known

BRANCH_NAMES = {
    BranchKind.LINE: "lines",
    BranchKind.SERIES_COMPENSATOR: "series_compensators",
    BranchKind.EQUIVALENT_BRANCH: "equivalent_branches",
}
INJECTION_NAMES = {
    InjectionKind.LOAD: "loads",
    InjectionKind.MACHINE: "machines",
    InjectionKind.EXTERNAL: "external_networks",
    InjectionKind.EQUIVALENT: "equivalent_injections",
    InjectionKind.CONVERTER: "converters",
}


def summary(model: GridModel) -> dict[str, Any]:
    """Return the contract's GridSummary."""
    buses = model.buses
    real = ~buses.is_star
    found: dict[str, Any] = {
        "dialect": model.dialect,
        "profiles": list(model.profiles),
        "counts": counts(model),
        "voltage_levels": [
            {"base_kv": kv, "nodes": n}
            for kv, n in sorted(Counter(buses.base_kv[real].tolist()).items())[::-1]
        ],
        "islands": islands(model),
        "de_energised_nodes": int(np.count_nonzero(real & ~buses.energised)),
    }
    return found | ({"scenario_time": model.scenario_time} if model.scenario_time else {})


def counts(model: GridModel) -> dict[str, int]:
    """Return how many components of each kind there are."""
    branch, injection = model.branches.kind, model.injections.kind
    numbers = {"nodes": int(np.count_nonzero(~model.buses.is_star))}
    numbers |= {name: int(np.count_nonzero(branch == kind)) for kind, name in BRANCH_NAMES.items()}
    numbers["transformers"] = len(set(model.transformers.mrid.tolist()))
    numbers |= {name: int(np.count_nonzero(injection == kind)) for kind, name in INJECTION_NAMES.items()}
    return numbers | {"shunts": len(model.shunts.mrid), "switches": len(model.switches.mrid)}


def islands(model: GridModel) -> list[dict[str, Any]]:
    """Return the energised islands, the largest first, with the sources that can hold their reference."""
    buses, found = model.buses, model.injections
    numbers = [int(k) for k in np.unique(buses.island) if k >= 0]
    source = found.in_service & (found.slack_priority > 0)
    described = [
        {
            "nodes": int(np.count_nonzero((buses.island == k) & ~buses.is_star)),
            "branches": int(np.count_nonzero(buses.island[model.branches.from_bus] == k)),
            "sources": found.mrid[source & (buses.island[found.bus] == k)].tolist(),
        }
        for k in numbers
    ]
    return sorted(described, key=lambda island: -int(island["nodes"]))


def problems(model: GridModel) -> list[dict[str, Any]]:
    """Return the contract's GridProblems."""
    return [described(problem) for problem in model.problems]


def described(problem: Problem) -> dict[str, Any]:
    """Return the contract's GridProblem."""
    return {name: value for name, value in asdict(problem).items() if value not in ("", 0)}


def index(model: GridModel) -> dict[str, Row]:
    """Return every component that users may name, by mRID."""
    rows: dict[str, Row] = {}
    base_kv = model.buses.base_kv
    for mrid, bus in model.bus_of.items():
        kind = (model.extra.get("kinds", {}).get(mrid) or ["node"])[0]
        rows[mrid] = [kind, None, None, float(base_kv[bus])]
    for mrid, name, kv in zip(
        model.buses.mrid.tolist(), model.buses.name.tolist(), base_kv.tolist(), strict=True
    ):
        if mrid in rows:
            rows[mrid] = ["node", name, "TopologicalNode", kv]
    _add_branches(rows, model, base_kv)
    _add(rows, "injection", model.injections, model.injections.cim_class, model.injections.bus, base_kv)
    _add(rows, "shunt", model.shunts, None, model.shunts.bus, base_kv)
    _add(rows, "switch", model.switches, model.switches.cim_class, model.switches.from_bus, base_kv)
    return rows


def _add_branches(rows: dict[str, Row], model: GridModel, base_kv: Floats) -> None:
    branches = model.branches
    names = {BranchKind.LINE: "ACLineSegment", BranchKind.SERIES_COMPENSATOR: "SeriesCompensator"}
    names |= {BranchKind.EQUIVALENT_BRANCH: "EquivalentBranch"}
    for row in range(len(branches.mrid)):
        kind = BranchKind(int(branches.kind[row]))
        kv = float(base_kv[branches.from_bus[row]])
        shown = [str(branches.name[row]), names.get(kind, "PowerTransformer"), kv]
        rows[str(branches.mrid[row])] = ["branch" if kind in names else "transformer", *shown]
        for terminal in (branches.from_terminal[row], branches.to_terminal[row]):
            if terminal:
                rows[str(terminal)] = ["terminal", None, "Terminal", kv]


def _add(rows: dict[str, Row], kind: str, found: Any, classes: Any, bus: Ints, base_kv: Floats) -> None:
    for row, mrid in enumerate(found.mrid.tolist()):
        cim_class = None if classes is None else str(classes[row])
        kv = float(base_kv[bus[row]]) if bus[row] >= 0 else None
        rows[mrid] = [kind, str(found.name[row]), cim_class, kv]
