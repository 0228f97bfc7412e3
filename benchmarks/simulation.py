"""Simulation beside power-grid-model and pandapower, on the same grids, interleaved: make bench NAME=simulation.

CPU time of one thread, medians, so that a noisy neighbour does not decide. Ours includes the statistics of every bus
and branch; the peers only return voltages.
"""

import gc
import hashlib
import io
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandapower as pp
import pyarrow as pa
import pyarrow.parquet as pq
from import_memory import peak_mb
from lxml import etree
from simulation_grids import BenchGrid, limits, load, peer_model, peer_update, run_pandapower, series

from gridjobs_workers.grids.build import import_grid
from gridjobs_workers.simulation.contingency import (
    CaseResult,
    ContingencyOptions,
    Outage,
    ranked,
    run_contingencies,
)
from gridjobs_workers.simulation.limits import no_limits
from gridjobs_workers.simulation.power_flow import PowerFlowOptions, solve_power_flow
from gridjobs_workers.simulation.time_series import (
    Chunk,
    InjectionSeries,
    SeriesOptions,
    SeriesSummary,
    run_series,
)

YEAR = 35_040
MV, HVMV, MVLV = "1-MV-urban--0-sw", "1-HVMV-urban-all-0-sw", "1-MVLV-urban-all-0-sw"
DATA = Path(os.environ.get("GRIDJOBS_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
SMALL_GRID = DATA / "cgmes" / "entsoe_2.4.15" / "SmallGrid" / "BusBranch"
HERE = Path(__file__).parent
OUT = HERE / "out" / "simulation.json"


@dataclass(frozen=True)
class Row:
    case: str
    engine: str
    unit: str
    value: float


@dataclass(frozen=True)
class Target:
    name: str
    value: float
    bound: float
    at_least: bool

    @property
    def holds(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def cpu_seconds(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def interleaved(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of each run, one after the other, round by round; a first round warms up."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    gc.collect()
    gc.freeze()  # the grids' tables are nobody's garbage: no run should have to look through them
    for number in range(rounds + 1):
        for name, run in runs.items():
            seconds = cpu_seconds(run)
            if number:
                taken[name].append(seconds)
    return {name: statistics.median(values) for name, values in taken.items()}


def core(grid: BenchGrid, steps: InjectionSeries, **record: bool) -> SeriesSummary:
    return run_series(grid.network, grid.point, steps, limits(grid), SeriesOptions(**record))


def whole_job(grid: BenchGrid, steps: InjectionSeries, dataset: bytes) -> None:
    """Profiles from a Parquet dataset, results as Parquet parts with their digests, a summary as JSON."""
    table = pq.read_table(io.BytesIO(dataset))
    values = np.stack([column.to_numpy() for column in table.columns])
    chunks: list[Chunk] = []
    summary = run_series(
        grid.network,
        grid.point,
        replace(steps, profiles=lambda start, stop: values[:, start:stop]),
        limits(grid),
        SeriesOptions(record_v=True, record_loading=True),
        chunks.append,
    )
    for name in ("v_pu", "loading"):
        columns = np.concatenate([getattr(chunk, name) for chunk in chunks], axis=1)
        part = pa.table({str(i): column for i, column in enumerate(columns)})
        sink = io.BytesIO()
        pq.write_table(part, sink, use_dictionary=False, compression="none", write_statistics=False)
        hashlib.sha256(sink.getbuffer()).hexdigest()
    json.dumps({name: getattr(summary.v_pu, name).tolist() for name in ("lowest", "highest", "mean")})


def year_of_mv_urban(rows: list[Row], targets: list[Target]) -> None:
    grid = load(MV)
    model, loaded = peer_model(grid)
    steps = series(grid, YEAR)
    power = steps.power(0, YEAR)
    update = peer_update(grid, loaded, power)
    sink = io.BytesIO()
    pq.write_table(pa.table({str(i): row for i, row in enumerate(steps.profiles(0, YEAR))}), sink)
    seconds = interleaved(
        {
            "gridjobs": lambda: core(grid, steps),
            "gridjobs, whole job": lambda: whole_job(grid, steps, sink.getvalue()),
            "power-grid-model": lambda: peer_batch(model, update),
        },
        rounds=3,
    )
    seconds["pandapower, recycled"] = recycled(grid, power) * YEAR
    assert_agreement(grid, steps, model, loaded)
    rows += [Row(f"a year of {MV}", engine, "s", value) for engine, value in seconds.items()]
    ours = seconds["gridjobs"]
    targets += [
        Target(
            "a year at 150 nodes, times faster than power-grid-model",
            seconds["power-grid-model"] / ours,
            5,
            True,
        ),
        Target(
            "a year at 150 nodes, times faster than pandapower",
            seconds["pandapower, recycled"] / ours,
            1000,
            True,
        ),
        Target("whole job over its core", seconds["gridjobs, whole job"] / ours, 2, False),
    ]


def peer_batch(model: Any, update: Any) -> Any:
    return model.calculate_power_flow(
        update_data=update,
        calculation_method="iterative_current",
        error_tolerance=1e-8,
        max_iterations=100,
        threading=-1,
        output_component_types={"node": ["u_pu", "u_angle"]},
    )


def recycled(grid: BenchGrid, power: Any, n: int = 150) -> float:
    """CPU seconds a step of pandapower's recycled power flow with new loads, the best of its modes."""
    net, base = grid.net, grid.network.base_mva
    bus_of = net._pd2ppc_lookups["bus"]
    at = bus_of[net.load.bus.to_numpy()]
    share = 1 / np.bincount(at, minlength=grid.network.n_bus)[at]
    net.sgen.in_service = False
    recycle = {"trafo": False, "gen": False, "bus_pq": True}
    run_pandapower(net, init="results")

    def steps() -> None:
        for step in range(n):
            net.load["p_mw"] = -power[at, step].real * base * share
            net.load["q_mvar"] = -power[at, step].imag * base * share
            pp.runpp(net, recycle=recycle, init="results", trafo_model="pi", numba=True)

    steps()
    taken = cpu_seconds(steps) / n
    net.sgen.in_service = True
    return taken


def assert_agreement(grid: BenchGrid, steps: InjectionSeries, model: Any, loaded: Any) -> None:
    """Nothing is compared that does not compute the same."""
    chunks: list[Chunk] = []
    some = replace(steps, n_steps=96)
    run_series(
        grid.network, grid.point, some, no_limits(grid.network), SeriesOptions(record_v=True), chunks.append
    )
    ours = np.concatenate([chunk.v_pu for chunk in chunks], axis=1)
    theirs = peer_batch(model, peer_update(grid, loaded, steps.power(0, 96)))["node"]["u_pu"].T
    worst = float(np.abs(ours - theirs).max())
    assert worst < 1e-6, f"voltages differ by {worst} p.u."


def steps_of(name: str, n_steps: int, rows: list[Row]) -> float:
    """Times faster than power-grid-model on some steps of a larger grid."""
    grid = load(name)
    model, loaded = peer_model(grid)
    steps = series(grid, n_steps)
    update = peer_update(grid, loaded, steps.power(0, n_steps))
    seconds = interleaved(
        {"gridjobs": lambda: core(grid, steps), "power-grid-model": lambda: peer_batch(model, update)},
        rounds=2,
    )
    assert_agreement(grid, steps, model, loaded)
    rows += [
        Row(f"a step of {name}", engine, "ms", 1e3 * value / n_steps) for engine, value in seconds.items()
    ]
    return seconds["power-grid-model"] / seconds["gridjobs"]


def memory_of_a_year() -> None:
    """A year of the largest grid, alone in a process: prints its peak memory [MB], pandapower's included."""
    grid = load(MVLV)
    started = time.perf_counter()
    summary = run_series(
        grid.network, grid.point, series(grid, YEAR), limits(grid), SeriesOptions(threads=2, record_v=True)
    )
    print(
        json.dumps(
            {
                "peak_mb": peak_mb(),
                "s": time.perf_counter() - started,
                "unsolved": len(summary.unsolved),
            }
        )
    )


def contingencies(name: str, sampled: int, rows: list[Row], targets: list[Target]) -> None:
    """N-1 over all branches, beside pandapower's loop over some of them."""
    grid = load(name)
    base = solve_power_flow(grid.network, grid.point, PowerFlowOptions(q_limits=False))
    outages = [Outage(branches=np.array([b])) for b in range(grid.network.n_branch)]
    options = ContingencyOptions(q_limits=False)
    results: list[CaseResult] = []

    def ours() -> None:
        results[:] = ranked(run_contingencies(grid.network, grid.point, base, outages, limits(grid), options))

    net, lines = grid.net, grid.net.line.index[grid.net.line.in_service]
    chosen = lines[:: max(1, len(lines) // sampled)]

    def theirs() -> None:
        for line in chosen:
            net.line.at[line, "in_service"] = False
            try:
                run_pandapower(net, init="results")
            except pp.LoadflowNotConverged:
                run_pandapower_safely(net)
            net.line.at[line, "in_service"] = True

    seconds = interleaved({"gridjobs": ours, "pandapower": theirs}, rounds=3)
    per_case = {
        "gridjobs": seconds["gridjobs"] / len(outages),
        "pandapower": seconds["pandapower"] / len(chosen),
    }
    rows += [Row(f"an outage of {name}", engine, "ms", 1e3 * value) for engine, value in per_case.items()]
    unexplained = sum(not result.solved and not result.explanation for result in results)
    unsolved = sum(not result.solved for result in results)
    rows.append(Row(f"outages of {name}", "gridjobs", "unsolved", unsolved))
    targets += [
        Target(
            f"N-1 of {name}, times faster than pandapower",
            per_case["pandapower"] / per_case["gridjobs"],
            20,
            True,
        ),
        Target(f"N-1 of {name}, unsolved without explanation", unexplained, 0, False),
    ]


def run_pandapower_safely(net: Any) -> None:
    with suppress(pp.LoadflowNotConverged):
        run_pandapower(net, init="dc")


def many_small_grids(copies: int) -> list[tuple[str, bytes]]:
    """ENTSO-E's SmallGrid, that many times side by side in the same files."""
    files = []
    for path in sorted(SMALL_GRID.rglob("*.xml")):
        text = path.read_text(encoding="utf-8")
        head, _, rest = text.partition("</md:FullModel>")
        body, _, tail = rest.rpartition("</rdf:RDF>")
        bodies = "".join(re.sub(r'"(#?)_', rf'"\g<1>_{k:04}', body) for k in range(copies))
        files.append((path.name, f"{head}</md:FullModel>{bodies}</rdf:RDF>{tail}".encode()))
    return files


def imports(rows: list[Row], targets: list[Target]) -> None:
    """CIM import beside lxml's bare parse of the same files."""
    if not SMALL_GRID.exists():
        return
    for copies in (1, 31):  # the larger is as large as ENTSO-E's RealGrid
        files = many_small_grids(copies)
        megabytes = sum(len(content) for _, content in files) / 1e6
        seconds = interleaved(
            {
                "gridjobs": lambda files=files: import_grid(files),
                "lxml, bare parse": lambda files=files: [etree.fromstring(content) for _, content in files],
            },
            rounds=3,
        )
        rows += [
            Row(f"import of {megabytes:.1f} MB of CIM", engine, "s", value)
            for engine, value in seconds.items()
        ]
    times = seconds["gridjobs"] / seconds["lxml, bare parse"]
    targets.append(Target("import, times lxml's bare parse", times, 2, False))
    with TemporaryDirectory() as folder:
        for name, content in files:
            (Path(folder) / name).write_bytes(content)
        peak_mb = alone(str(HERE / "import_memory.py"), folder)["peak_mb"]
    targets.append(Target("import of the largest, peak memory [MB]", peak_mb, 1000, False))


def alone(*task: str) -> dict[str, float]:
    """Run a script in a process of its own; its last line is its answer."""
    ran = subprocess.run([sys.executable, *task], capture_output=True, text=True, check=True)
    answer: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return answer


def main() -> int:
    rows: list[Row] = []
    targets: list[Target] = []
    year_of_mv_urban(rows, targets)
    steps_of(HVMV, 1024, rows)
    targets.append(
        Target(
            "a step at 10,464 nodes, times faster than power-grid-model", steps_of(MVLV, 1024, rows), 4, True
        )
    )
    memory = alone(__file__, "memory")
    rows.append(Row(f"a year of {MVLV}", "gridjobs, two threads", "s wall", memory["s"]))
    targets.append(Target("a year at 10,464 nodes, peak memory [MB]", memory["peak_mb"], 2048, False))
    for name, sampled in (("case118", 60), (HVMV, 40)):
        contingencies(name, sampled, rows, targets)
    imports(rows, targets)
    report(rows, targets)
    return 0 if all(target.holds for target in targets) else 1


def report(rows: list[Row], targets: list[Target]) -> None:
    for row in rows:
        print(f"{row.case:40} {row.engine:24} {row.value:12.4g} {row.unit}")
    print()
    for target in targets:
        sign = "≥" if target.at_least else "≤"
        print(
            f"{'holds' if target.holds else 'FAILS'}  {target.name}: {target.value:.4g} {sign} {target.bound:g}"
        )
    OUT.parent.mkdir(exist_ok=True)
    written = {
        "rows": [vars(row) for row in rows],
        "targets": [{"name": t.name, "value": t.value, "bound": t.bound, "holds": t.holds} for t in targets],
    }
    OUT.write_text(json.dumps(written, indent=1))


if __name__ == "__main__":
    if sys.argv[1:] == ["memory"]:
        memory_of_a_year()
    else:
        sys.exit(main())
