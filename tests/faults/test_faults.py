"""Installations under fire. Longer runs: GRIDJOBS_FAULT_SEEDS="1,2,3" GRIDJOBS_FAULT_JOBS=1000 pytest -m faults."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from faults.harness import observe
from faults.harness.history import History, summary, violations
from faults.harness.nemesis import Nemesis
from faults.harness.workload import Clients, upload_grid, wishes
from support.installation import Installation
from support.process import wait_until
from support.rabbitmq import RabbitmqServer
from support.redis import RedisServer

SEEDS = [int(seed) for seed in os.environ.get("GRIDJOBS_FAULT_SEEDS", "1").split(",")]
JOBS = int(os.environ.get("GRIDJOBS_FAULT_JOBS", "200"))
PROBES = {
    "GRIDJOBS_EXTRA_ACTORS": "estimation=support.actors:run_labels,grid-import=support.actors:make_grid",
    "GRIDJOBS_WORKER_TYPES": "estimation,grid-import",
}


@dataclass
class Field:
    """An installation, its servers, and how its events are heard."""

    installation: Installation
    servers: dict[str, RedisServer | RabbitmqServer]
    amqp_url: str | None
    journal: Path


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Field]:
    journal = tmp_path / "journal"
    env = {**PROBES, "PROBE_JOURNAL": str(journal), "GRIDJOBS_MAX_ATTEMPTS": "20"}
    installation = Installation(tmp_path / "up", env)
    installation.start()
    yield Field(installation, {}, None, journal)
    installation.stop()


@pytest.fixture
def production(tmp_path: Path, private_redis: RedisServer) -> Iterator[Field]:
    rabbitmq = RabbitmqServer(tmp_path / "rabbitmq")
    rabbitmq.start()
    observe.subscribe_amqp(rabbitmq.url)
    journal = tmp_path / "journal"
    env = {
        **PROBES,
        "PROBE_JOURNAL": str(journal),
        "GRIDJOBS_MAX_ATTEMPTS": "20",
        "GRIDJOBS_STORE_URL": private_redis.url,
        "GRIDJOBS_BROKER_URL": rabbitmq.url,
    }
    installation = Installation(tmp_path / "up", env)
    installation.start()
    yield Field(installation, {"redis": private_redis, "rabbitmq": rabbitmq}, rabbitmq.url, journal)
    installation.stop()
    rabbitmq.close()


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["embedded", "production"])
def test_every_promise_holds_under_fire(kind: str, seed: int, request: pytest.FixtureRequest) -> None:
    field: Field = request.getfixturevalue(kind)
    history = History(delivery_complete=field.amqp_url is not None)
    rng = random.Random(seed)
    url = field.installation.url
    clients = Clients(url, upload_grid(url), history, rng)
    nemesis = Nemesis(field.installation, random.Random(rng.random()), dict(field.servers))

    with ExitStack() as stack:
        if field.amqp_url is None:
            ports = orjson.loads((field.installation.data / "ports.json").read_bytes())
            stack.enter_context(observe.subscribed_mqtt(ports["mqtt"], history))
        rage(nemesis, clients, JOBS, rng)
        observe.wait_for_endings(url, history, timeout_s=90)
        observe.collect(url, history, field.journal)
        if field.amqp_url is not None:
            observe.drain_amqp(field.amqp_url, history)

    print(f"seed {seed}: {summary(history)}; {', '.join(nemesis.deeds)}")
    assert violations(history) == []
    assert len(history.accepted) >= 0.9 * JOBS
    assert len(history.delivered) > JOBS


def rage(nemesis: Nemesis, clients: Clients, jobs: int, rng: random.Random) -> None:
    """Submit jobs while the nemesis strikes every two seconds or so."""
    seconds = jobs / 8
    todo = nemesis.plan(round(seconds / 2))
    due = time.monotonic() + 1
    for _ in clients.run(wishes(rng, jobs), within_s=seconds):
        nemesis.tend()
        if todo and time.monotonic() >= due:
            nemesis.strike(todo.pop())
            due = time.monotonic() + nemesis.rng.uniform(1, 3)
        time.sleep(0.05)
    nemesis.heal()
    wait_until(lambda: nemesis.installation.pid_of("api") != 0, 30, "the API is gone")
