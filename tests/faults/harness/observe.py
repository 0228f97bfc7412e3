"""Collects what a run left behind: over HTTP as a client sees it, and from subscribers."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import paho.mqtt.client as mqtt
import pika
from faults.harness.history import TERMINAL, Ending, History
from faults.harness.workload import persistent

from gridjobs.events import EXCHANGE

QUEUE = "everything"


def wait_for_endings(url: str, history: History, timeout_s: float) -> None:
    """Wait until every accepted job has ended, or the time is over: the checker then names the lost."""
    end = time.monotonic() + timeout_s
    open_jobs = {accepted.job_id for accepted in history.accepted}
    with httpx.Client(base_url=url, timeout=10) as client:
        while open_jobs and time.monotonic() < end:
            for job_id in list(open_jobs):
                if _job(client, job_id)["status"] in TERMINAL:
                    open_jobs.discard(job_id)
            time.sleep(0.1)


def collect(url: str, history: History, journal: Path) -> None:
    """Read every job with its result and log, and the journal of the computations."""
    with httpx.Client(base_url=url, timeout=10) as client:
        for accepted in history.accepted:
            job = _job(client, accepted.job_id)
            result = persistent(lambda job=job: client.get(f"/v1/jobs/{job['id']}/result"))
            history.endings[job["id"]] = Ending(job, result.content if result.is_success else None)
            events = persistent(lambda job=job: client.get(f"/v1/jobs/{job['id']}/events")).json()
            history.logs[job["id"]] = [orjson.dumps(event) for event in events["items"]]
    # The grid's import may still have been on its way when the subscription began.
    history.delivered = [
        raw for raw in history.delivered if orjson.loads(raw)["data"]["type"] != "grid-import"
    ]
    lines = [orjson.loads(line) for line in journal.read_bytes().splitlines()]
    history.runs = [(line["job"], line["attempt"], line["nonce"]) for line in lines]


def _job(client: httpx.Client, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = persistent(lambda: client.get(f"/v1/jobs/{job_id}")).json()
    return job


def subscribe_amqp(url: str) -> None:
    """Bind a durable queue to all job events, before any is published."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.exchange_declare(EXCHANGE, "topic", durable=True)
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(QUEUE, EXCHANGE, "v1.#")
    connection.close()


def drain_amqp(url: str, history: History, timeout_s: float = 15) -> None:
    """Take all events from the queue; the relay may still be sending the last ones."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    mine = {accepted.job_id for accepted in history.accepted}
    missing = set(mine)
    end = time.monotonic() + timeout_s
    while missing and time.monotonic() < end:
        method, _, body = channel.basic_get(QUEUE, auto_ack=True)
        if method is None:
            connection.sleep(0.1)
            continue
        event = orjson.loads(body)
        if event["subject"] in mine:
            history.delivered.append(body)
            if event["type"].split(".")[-2] in TERMINAL:
                missing.discard(event["subject"])
    connection.close()


@contextmanager
def subscribed_mqtt(port: int, history: History) -> Iterator[None]:
    """Subscribe to all job events over MQTT, again after each loss of the connection."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *_: client.subscribe("v1/#", qos=1)
    client.on_message = lambda _client, _data, message: history.delivered.append(message.payload)
    client.reconnect_delay_set(min_delay=1, max_delay=1)
    client.connect_async("127.0.0.1", port)
    client.loop_start()
    try:
        yield
    finally:
        client.disconnect()
        client.loop_stop()
