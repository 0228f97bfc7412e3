"""What a grid is, in words: its summary and its problems."""

from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from gridjobs_workers.grids.model import BranchKind, GridModel, InjectionKind, Problem

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
    InjectionKind.STATIC_VAR: "static_var_compensators",
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
    count = int(buses.island.max(initial=-1)) + 1
    live = buses.island >= 0
    nodes = np.bincount(buses.island[live & ~buses.is_star], minlength=count)
    of_branch = buses.island[model.branches.from_bus]
    branches = np.bincount(of_branch[of_branch >= 0], minlength=count)
    sources: list[list[str]] = [[] for _ in range(count)]
    # Those that the files name as references come first, in their order.
    rank = np.where(found.slack_priority > 0, found.slack_priority, np.iinfo(np.intp).max)
    can_lead = (
        found.in_service & (found.regulates | (found.slack_priority > 0)) & (buses.island[found.bus] >= 0)
    )
    order = np.argsort(rank, kind="stable")
    for row in order[can_lead[order]].tolist():
        sources[buses.island[found.bus[row]]].append(str(found.mrid[row]))
    described = [
        {"nodes": int(nodes[k]), "branches": int(branches[k]), "sources": sources[k]} for k in range(count)
    ]
    return sorted(described, key=lambda island: -int(island["nodes"]))


def problems(model: GridModel) -> list[dict[str, Any]]:
    """Return the contract's GridProblems."""
    return [described(problem) for problem in model.problems]


def described(problem: Problem) -> dict[str, Any]:
    """Return the contract's GridProblem."""
    return {name: value for name, value in asdict(problem).items() if value not in ("", 0)}
