"""What accepting a job costs, next to FastAPI + Celery, and how soon a job that computes nothing has its result.

Both get the same request (an estimation with 60 measurements inline) from the same client over the same number of
connections, in turns, each as one uvicorn process in front of servers that lose nothing: ours writes the job to
Redis (append-only file, fsync always) and its relay publishes to RabbitMQ with confirms; the peer publishes to a
quorum queue with confirms. CPU time is that of the processes themselves, taken from the kernel.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import redis

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

from bench_http import offer  # noqa: E402
from support.process import end, free_port, spawn, wait_until  # noqa: E402
from support.rabbitmq import RabbitmqServer  # noqa: E402
from support.redis import RedisServer  # noqa: E402

from gridjobs import keys  # noqa: E402

ROUNDS = 5
JOBS_A_ROUND = 1500
WARM_UP = 300
CONNECTIONS = 8
LATENCIES = 120
MEASUREMENTS = 60
GRID = HERE.parent / "examples" / "cigre_mv" / "grid.zip"


@dataclass(frozen=True)
class Round:
    """What one round of offering jobs to one server has cost."""

    cpu_ms: dict[str, float]  # per job, by process
    jobs_per_s: float


def main() -> int:
    """Run everything, print the table, write it, and say whether the targets hold."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-api-")))
        store, rabbitmq = RedisServer(folder / "redis"), RabbitmqServer(folder / "rabbitmq")
        store.start()
        stack.callback(store.stop)
        stack.callback(rabbitmq.close)
        rabbitmq.start()
        ours = stack.enter_context(ourselves(folder, store.url, rabbitmq.url))
        body = request_body(ours, folder, store.url, rabbitmq.url)
        latencies_ms = submit_to_result(ours, folder, store.url, rabbitmq.url, body)
        peer = stack.enter_context(the_peer(folder, rabbitmq.vhost("peer")))
        rounds = take_turns(ours, peer, body)
    return report(rounds, latencies_ms)


@dataclass(frozen=True)
class Target:
    """A server to offer jobs to, and the processes whose time counts."""

    name: str
    url: str
    path: str
    processes: dict[str, psutil.Process]
    settle: Callable[[], None]  # returns when nothing that the jobs have caused is left to do


@contextmanager
def ourselves(folder: Path, store_url: str, broker_url: str) -> Iterator[Target]:
    """Run the API and the relay."""
    port = free_port()
    env = environment(folder, store_url, broker_url)
    command = ("-m", "gridjobs.cli")
    with (
        running("api", folder, env, *command, "api", "--port", str(port)) as api,
        running("relay", folder, env, *command, "relay") as relay,
    ):
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{url}/readyz"), 60, f"the API does not answer, see {folder}")
        settle = partial(wait_until, partial(outbox_is_empty, store_url), 60, "the relay lags behind")
        yield Target("gridjobs", url, "/v1/estimations", {"api": api, "relay": relay}, settle)


@contextmanager
def the_peer(folder: Path, broker_url: str) -> Iterator[Target]:
    """Run the peer's API."""
    port = free_port()
    env = {**os.environ, "PEER_BROKER_URL": broker_url, "PYTHONPATH": str(HERE)}
    uvicorn = ("-m", "uvicorn", "api_peer:app", "--port", str(port), "--no-access-log", "--loop", "uvloop")
    with running("peer", folder, env, *uvicorn, "--http", "httptools") as peer:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{url}/openapi.json"), 60, f"the peer does not answer, see {folder}")
        yield Target("FastAPI + Celery", url, "/estimations", {"api": peer}, lambda: None)


@contextmanager
def running(name: str, folder: Path, env: dict[str, str], *arguments: str) -> Iterator[psutil.Process]:
    """Run a Python process in a folder of its own."""
    place = folder / name
    place.mkdir(exist_ok=True)
    process = spawn([sys.executable, *arguments], place, env)
    try:
        yield psutil.Process(process.pid)
    finally:
        end(process)


def environment(folder: Path, store_url: str, broker_url: str, **more: str) -> dict[str, str]:
    """Return the settings of our processes."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GRIDJOBS_")}
    ours = {"STORE_URL": store_url, "BROKER_URL": broker_url, "DATA_DIR": str(folder / "data"), **more}
    return inherited | {f"GRIDJOBS_{name}": value for name, value in ours.items()} | {"PYTHONPATH": str(HERE)}


def answers(url: str) -> bool:
    """Say whether somebody answers there, and well."""
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False


def outbox_is_empty(store_url: str) -> bool:
    """Say whether the relay has published everything."""
    with redis.Redis.from_url(store_url) as client:
        return client.xlen(keys.OUTBOX_HINTS) == client.xlen(keys.OUTBOX_EVENTS) == 0


def request_body(ours: Target, folder: Path, store_url: str, broker_url: str) -> bytes:
    """Upload the CIGRE MV grid, and return a request with measurements all over it."""
    env = environment(folder, store_url, broker_url)
    worker = ("-m", "gridjobs.cli", "worker", "--types", "grid-import", "--slots", "1")
    with running("importer", folder, env, *worker), httpx.Client(base_url=ours.url, timeout=60) as client:
        grid = client.post("/v1/grids", files={"files": (GRID.name, GRID.read_bytes())}).json()
        job = client.get(grid["links"]["job"], headers={"Prefer": "wait=30"}).json()
        assert job["status"] == "succeeded", job
        components = client.get(f"/v1/grids/{grid['id']}/components", params={"limit": 200}).json()["items"]
    measurements = list(measured(components))[:MEASUREMENTS]
    assert len(measurements) == MEASUREMENTS
    return json.dumps({"grid_id": grid["id"], "measurements": measurements}).encode()


def measured(components: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Make up measurements of a grid: voltages, then consumption, then flows."""
    of = {
        kind: [c["mrid"] for c in components if c["kind"] == kind] for kind in ("node", "injection", "branch")
    }
    for n, mrid in enumerate(of["node"][:15]):
        yield reading(mrid, "voltage_magnitude", 20.0 + n / 100, accuracy_class=0.5)
    for n, mrid in enumerate(of["injection"]):
        yield reading(mrid, "active_power", 0.25 + n / 10, sigma=0.005)
        yield reading(mrid, "reactive_power", 0.05 + n / 100, sigma=0.002)
    for n, mrid in enumerate(of["branch"]):
        for side in (1, 2):
            yield reading(mrid, "active_power", 1.234 + n, sigma=0.02, side=side)
            yield reading(mrid, "reactive_power", 0.345 + n, sigma=0.02, side=side)


def reading(component: str, measurand: str, value: float, **more: Any) -> dict[str, Any]:
    return {"component": component, "measurand": measurand, "value": round(value, 4), **more}


def take_turns(ours: Target, peer: Target, body: bytes) -> dict[str, list[Round]]:
    """Offer the same jobs to both, in turns."""
    for target in (ours, peer):
        offer(target.url, target.path, body, WARM_UP, CONNECTIONS)
    rounds: dict[str, list[Round]] = {ours.name: [], peer.name: []}
    for number in range(ROUNDS):
        for target in (ours, peer) if number % 2 == 0 else (peer, ours):
            rounds[target.name].append(one_round(target, body))
    return rounds


def one_round(target: Target, body: bytes) -> Round:
    before = {name: cpu_s(process) for name, process in target.processes.items()}
    took_s = offer(target.url, target.path, body, JOBS_A_ROUND, CONNECTIONS)
    target.settle()
    spent_s = {name: cpu_s(process) - before[name] for name, process in target.processes.items()}
    return Round({name: 1000 * s / JOBS_A_ROUND for name, s in spent_s.items()}, JOBS_A_ROUND / took_s)


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def submit_to_result(ours: Target, folder: Path, store_url: str, broker_url: str, body: bytes) -> list[float]:
    """Return the times from sending a job that computes nothing to having its result [ms]."""
    env = environment(folder, store_url, broker_url, EXTRA_ACTORS="estimation=api_noop:run")
    small = json.dumps(json.loads(body) | {"measurements": json.loads(body)["measurements"][:1]}).encode()
    headers = {"Content-Type": "application/json"}
    worker = ("-m", "gridjobs.cli", "worker", "--types", "estimation", "--slots", "1")
    with httpx.Client(base_url=ours.url, timeout=120) as client, running("worker", folder, env, *worker):
        latencies_ms = []
        for number in range(LATENCIES + 20):
            began_s = time.perf_counter()
            job = client.post(ours.path, content=small, headers=headers).json()
            while not job["done"]:
                job = client.get(job["links"]["self"], headers={"Prefer": "wait=30"}).json()
            result = client.get(job["links"]["result"])
            assert result.is_success, result.text
            if number >= 20:
                latencies_ms.append(1000 * (time.perf_counter() - began_s))
    return latencies_ms


def report(rounds: dict[str, list[Round]], latencies_ms: list[float]) -> int:
    """Print the table and write it down; 0 when all targets hold."""
    ours, peer = rounds["gridjobs"], rounds["FastAPI + Celery"]
    api_ms = median(r.cpu_ms["api"] for r in ours)
    relay_ms = median(r.cpu_ms["relay"] for r in ours)
    peer_ms = median(r.cpu_ms["api"] for r in peer)
    rows = [
        {"what": "gridjobs: API", "cpu_ms_per_job": api_ms, "jobs_per_s": median(r.jobs_per_s for r in ours)},
        {"what": "gridjobs: API and relay", "cpu_ms_per_job": api_ms + relay_ms},
        {
            "what": "FastAPI + Celery",
            "cpu_ms_per_job": peer_ms,
            "jobs_per_s": median(r.jobs_per_s for r in peer),
        },
        {
            "what": "gridjobs: submit to result of a job that computes nothing",
            "p50_ms": median(latencies_ms),
            "p95_ms": statistics.quantiles(latencies_ms, n=20)[-1],
        },
    ]
    share = median(o.cpu_ms["api"] / p.cpu_ms["api"] for o, p in zip(ours, peer, strict=True))
    both = median(sum(o.cpu_ms.values()) / p.cpu_ms["api"] for o, p in zip(ours, peer, strict=True))
    targets = [
        target("CPU of the API per accepted job, as a share of the peer's", share, 0.5),
        target("submit to result, p50 [ms]", median(latencies_ms), 25.0),
    ]
    rows.append({"what": "CPU of API and relay, as a share of the peer's API", "share": both})
    for row in rows:
        print("  ".join(f"{v:<58}" if isinstance(v, str) else f"{k} {v:.3f}" for k, v in row.items()))
    for t in targets:
        print(f"{'holds' if t['holds'] else 'FAILS':<6}{t['name']}: {t['value']:.3f} (at most {t['bound']})")
    out = HERE / "out"
    out.mkdir(exist_ok=True)
    (out / "api.json").write_text(json.dumps({"rows": rows, "targets": targets}, indent=2) + "\n")
    return 0 if all(t["holds"] for t in targets) else 1


def target(name: str, value: float, bound: float) -> dict[str, Any]:
    return {"name": name, "value": value, "bound": bound, "holds": value <= bound}


def median(values: Any) -> float:
    return float(statistics.median(values))


if __name__ == "__main__":
    sys.exit(main())
