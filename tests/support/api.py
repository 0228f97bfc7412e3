"""The API as a process of its own on a private store, and a stand-in for workers."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from gridjobs import keys
from gridjobs.model import Completion, Job, PartRef, Status
from gridjobs.problems import Problem
from gridjobs.reconciler import Reconciler
from gridjobs.settings import Settings
from gridjobs.store import JobStore
from support.http import checked_client
from support.process import end, free_port, spawn, wait_until
from support.redis import RedisServer
from support.requests import BODY, GRID


@dataclass
class ApiServer:
    """`gridjobs api` on a free port."""

    folder: Path
    store_url: str
    env: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> Settings:
        return Settings(store_url=self.store_url, data_dir=self.folder / "data")

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        env = {
            **os.environ,
            "GRIDJOBS_STORE_URL": self.store_url,
            "GRIDJOBS_DATA_DIR": str(self.folder / "data"),
            "GRIDJOBS_API_PORT": str(self.port),
            **self.env,
        }
        self.process = spawn([sys.executable, "-m", "gridjobs.cli", "api"], self.folder, env)
        wait_until(self._answers, 30, f"the API does not answer, see {self.folder}/output.log;", poll_s=0.1)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=1).is_success
        except httpx.TransportError:
            return False

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            end(self.process, sig)

    def log(self) -> str:
        return (self.folder / "output.log").read_text()


@dataclass
class Hand:
    """Does by hand what a worker does: takes jobs and ends them."""

    store: JobStore

    def take(self, job_id: str) -> int:
        claim = self.store.claim(job_id)
        assert claim is not None
        return claim.fence

    def progress(self, job_id: str, fence: int, fraction: float) -> None:
        self.store.heartbeat(job_id, fence, {"fraction": fraction, "stage": "solving", "message": ""})

    def succeed(
        self,
        job_id: str,
        result: Mapping[str, Any],
        parts: Mapping[str, tuple[bytes, str, int | None]] | None = None,  # no bytes: stands in the result
        resource: Mapping[str, str] | None = None,
    ) -> Job:
        fence = self.take(job_id)
        refs = [
            PartRef(name, self.store.blobs.put(data) if data else "", media_type, len(data), rows)
            for name, (data, media_type, rows) in (parts or {}).items()
        ]
        completion = Completion(
            status=Status.SUCCEEDED,
            result=orjson.dumps(result),
            parts=refs,
            engine={"name": "by-hand", "version": "1"},
            resource=resource or {},
        )
        return self.store.commit(job_id, fence, completion)

    def fail(self, job_id: str, error: Mapping[str, Any]) -> Job:
        completion = Completion(status=Status.FAILED, error=dict(error))
        return self.store.commit(job_id, self.take(job_id), completion)

    def make_ready(self, grid: Mapping[str, Any], components: Mapping[str, list[Any]]) -> None:
        """End the import of a grid as a worker would: with an index of its components."""
        summary = {
            "dialect": "cgmes_2.4.15",
            "profiles": ["EQ"],
            "counts": {},
            "voltage_levels": [],
            "islands": [],
        }
        result = {
            "type": "grid-import",
            "grid_id": grid["id"],
            "summary": summary,
            "problems": [],
            "parts": [],
        }
        index = self.store.blobs.put(orjson.dumps(components))
        fields = {"status": "ready", "index_digest": index, "summary": orjson.dumps(summary).decode()}
        self.succeed(grid["job_id"], result | {"parts": []}, resource=fields)

    def reject(self, grid: Mapping[str, Any], problems: list[dict[str, str]]) -> None:
        """End the import of a grid as a worker would that has found its content wrong."""
        error = Problem("grid_rejected", "the grid has errors").to_dict()
        fields = {"problems": orjson.dumps(problems).decode()}
        completion = Completion(status=Status.FAILED, error=error, resource=fields)
        self.store.commit(grid["job_id"], self.take(grid["job_id"]), completion)

    def expire_results(self) -> None:
        """Make the retention of all results end now."""
        client = self.store.client
        for job_id in client.zrange(keys.RESULT_EXPIRY, 0, -1):
            client.zadd(keys.RESULT_EXPIRY, {job_id: 0})
        Reconciler(self.store).reconcile()


@pytest.fixture(scope="session")
def api_server(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One API for the whole run, on the shared Redis."""
    server = ApiServer(tmp_path_factory.mktemp("api"), redis_server.url)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def api(api_server: ApiServer, redis_url: str) -> Iterator[httpx.Client]:
    """A checked client of an API on an empty store."""
    assert redis_url == api_server.store_url
    with checked_client(api_server.url) as client:
        yield client


@pytest.fixture
def hand(api_server: ApiServer, redis_url: str) -> Iterator[Hand]:
    """Workers, by hand, on the store of the API."""
    store = JobStore.connect(api_server.settings)
    yield Hand(store)
    store.close()


@pytest.fixture
def grid_id(api: httpx.Client, hand: Hand) -> str:
    """A ready grid of two nodes."""
    uploaded = api.post("/v1/grids", files=[("files", ("eq.xml", b"<rdf/>"))])
    assert uploaded.status_code == 202
    hand.make_ready(uploaded.json(), GRID)
    return str(uploaded.json()["id"])


@pytest.fixture
def job(api: httpx.Client, grid_id: str) -> dict[str, Any]:
    """A queued estimation."""
    answer = api.post("/v1/estimations", json=BODY | {"grid_id": grid_id})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())
