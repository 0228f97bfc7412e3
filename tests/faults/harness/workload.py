"""Clients of an installation under fire: they submit over HTTP, retry with the same key, cancel, and watch."""

import random
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread
from typing import Any

import httpx
import orjson
from faults.harness.history import Accepted, History, Seen

ONE_NODE = {"measurements": [{"component": "N1", "measurand": "voltage_magnitude", "value": 20}]}
PATIENCE_S = 90
SUBMITTERS = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """A job to be submitted, and what may come of it."""

    key: str
    labels: dict[str, str]
    expect: frozenset[str]
    deadline_s: float | None = None
    cancel: bool = False  # sooner or later
    drop_answer: bool = False  # hang up before the first answer arrives


def wishes(rng: random.Random, count: int) -> list[Wish]:
    """Return a mix of jobs: short, longer, crashing, failing, late and unwanted ones."""
    return [_wish(rng, f"{rng.randrange(16**6):06x}-{number}") for number in range(count)]


def _wish(rng: random.Random, key: str) -> Wish:
    def wish(do: str, *expect: str, **more: Any) -> Wish:
        labels = {"do": do, "value": key, **more.pop("labels", {})}
        return Wish(key, labels, frozenset(expect), drop_answer=rng.random() < 0.1, **more)

    seconds = {"seconds": f"{rng.uniform(0.1, 0.8):.2f}"}
    match rng.choices(["echo", "sleep", "once", "fail", "late", "unwanted"], [35, 40, 8, 8, 4, 5])[0]:
        case "echo":
            return wish("echo", "succeeded")
        case "sleep":
            return wish("sleep", "succeeded", labels=seconds)
        case "once":
            return wish("once", "succeeded", labels={"succeed_at": "2"})
        case "fail":
            return wish("fail", "failed:bad_input")
        case "late":
            return wish("sleep", "failed:deadline_exceeded", labels={"seconds": "60"}, deadline_s=3)
        case _:
            return wish("sleep", "cancelled", labels={"seconds": "60"}, cancel=True)


@dataclass
class Clients:
    """Submits wishes from several threads while one more looks at the jobs, and cancels the unwanted."""

    url: str
    grid_id: str
    history: History
    rng: random.Random
    _lock: Lock = field(default_factory=Lock)
    _unwanted: list[tuple[float, str]] = field(default_factory=list)  # when to cancel which
    _done: Event = field(default_factory=Event)

    def run(self, todo: list[Wish], within_s: float) -> Iterator[None]:
        """Submit all, spread over the time; yields now and then to whoever does the damage."""
        pause_s = within_s * SUBMITTERS / len(todo)
        shares = [todo[start::SUBMITTERS] for start in range(SUBMITTERS)]
        threads = [Thread(target=self._submit_all, args=(share, pause_s)) for share in shares]
        watcher = Thread(target=self._watch)
        for thread in [*threads, watcher]:
            thread.start()
        while any(thread.is_alive() for thread in threads) or self._unwanted:
            yield
        self._done.set()
        watcher.join()

    def _submit_all(self, share: list[Wish], pause_s: float) -> None:
        with httpx.Client(base_url=self.url, timeout=5) as client:
            for wish in share:
                self._submit(client, wish)
                self._done.wait(pause_s)

    def _submit(self, client: httpx.Client, wish: Wish) -> None:
        body = {"grid_id": self.grid_id, "labels": wish.labels, **ONE_NODE}
        if wish.deadline_s is not None:
            body["deadline_at"] = (datetime.now(UTC) + timedelta(seconds=wish.deadline_s)).isoformat()
        content = orjson.dumps(body)
        if wish.drop_answer:
            self._send_and_hang_up(wish.key, content)
        answer = persistent(
            lambda: client.post(
                "/v1/estimations",
                content=content,
                headers={"Idempotency-Key": wish.key, "Content-Type": "application/json"},
            )
        )
        if answer.status_code == 422 and wish.deadline_s is not None:
            return  # not accepted before its deadline: nothing was promised
        assert answer.status_code == 202, answer.text
        job = answer.json()
        with self._lock:
            value = wish.labels["value"]
            self.history.accepted.append(Accepted(wish.key, job["id"], wish.expect, value))
            self._see(job)
            if wish.cancel:
                # At once it is still queued; later it may run.
                self._unwanted.append((time.monotonic() + self.rng.choice([0, 2, 4]), job["id"]))

    def _send_and_hang_up(self, key: str, content: bytes) -> None:
        url = httpx.URL(self.url)
        head = (
            f"POST /v1/estimations HTTP/1.1\r\nHost: {url.host}\r\nContent-Type: application/json\r\n"
            f"Idempotency-Key: {key}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        try:
            with socket.create_connection((url.host, url.port or 80), timeout=2) as connection:
                connection.sendall(head.encode() + content)
        except OSError:
            pass

    def _watch(self) -> None:
        rng = random.Random(self.rng.random())
        with httpx.Client(base_url=self.url, timeout=5) as client:
            while not self._done.wait(0.02):
                with self._lock:
                    known = [accepted.job_id for accepted in self.history.accepted]
                    due = [entry for entry in self._unwanted if entry[0] <= time.monotonic()]
                if due:
                    job_id = due[0][1]
                    answer = persistent(lambda job_id=job_id: client.post(f"/v1/jobs/{job_id}/cancel"))
                    self._unwanted.remove(due[0])
                elif known:
                    job_id = rng.choice(known)
                    answer = persistent(lambda job_id=job_id: client.get(f"/v1/jobs/{job_id}"))
                else:
                    continue
                with self._lock:
                    self._see(answer.json())

    def _see(self, job: dict[str, Any]) -> None:
        self.history.seen.append(Seen(job["id"], job["sequence"], job["status"], job["attempt"]))


def persistent(call: "Any") -> httpx.Response:
    """Call until the service answers for good, as the guidelines tell clients to."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            answer: httpx.Response = call()
            if answer.status_code < 500 and answer.status_code != 429:
                return answer
        except httpx.TransportError:
            pass
        if time.monotonic() > end:
            raise TimeoutError("the service does not come back")
        time.sleep(0.1)


def upload_grid(url: str) -> str:
    """Upload something that passes for a grid, and wait for its import."""
    with httpx.Client(base_url=url, timeout=10) as client:
        files = {"files": ("grid.xml", b"<rdf/>", "application/xml")}
        grid = persistent(lambda: client.post("/v1/grids", files=files)).json()
        while not persistent(lambda: client.get(f"/v1/jobs/{grid['job_id']}")).json()["done"]:
            time.sleep(0.05)
    return str(grid["id"])
