import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dramatiq
import pika
import pytest
from support.jobs import SUCCESS, accepted, claimed, settings
from support.process import wait_until
from support.rabbitmq import RabbitmqServer
from support.redis import RedisServer

from gridjobs import calls, confirming, keys
from gridjobs.broker import ACTOR
from gridjobs.errors import PublishFailed
from gridjobs.outbox import Outbox
from gridjobs.publisher import Publisher
from gridjobs.rabbitmq import RabbitmqPublisher
from gridjobs.relay import Relay
from gridjobs.store import JobStore


class Recorder:
    """A publisher that remembers, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.hints: list[str] = []
        self.events: list[str] = []
        self.failures = failures

    def publish_hint(self, job_type: str, job_id: str) -> None:
        self.hints.append(job_id)

    def publish_event(self, routing_key: str, body: bytes, *, durable: bool) -> None:
        self.events.append(routing_key)

    def flush(self) -> None:
        if self.failures > 0:
            self.failures -= 1
            raise PublishFailed("told to")

    def close(self) -> None:
        pass


@contextmanager
def running(store: JobStore, publisher: Publisher | str) -> Iterator[Relay]:
    """A relay in threads of its own, to RabbitMQ or to a given publisher."""
    connect = (lambda: RabbitmqPublisher(publisher)) if isinstance(publisher, str) else (lambda: publisher)
    relay, stop = Relay(store, connect), threading.Event()
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    try:
        yield relay
    finally:
        stop.set()
        thread.join()


class Listener:
    """Collects what arrives in one queue."""

    def __init__(self, url: str, queue: str = "") -> None:
        self.connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel = self.connection.channel()
        self.queue = queue
        if not queue:
            self.channel.exchange_declare("gridjobs.events", "topic", durable=True)
            self.queue = self.channel.queue_declare("", exclusive=True).method.queue
            self.channel.queue_bind(self.queue, "gridjobs.events", "#")
        self.found: list[tuple[str, bytes]] = []

    def collect(self, count: int, timeout_s: float = 15.0) -> list[tuple[str, bytes]]:
        end = time.monotonic() + timeout_s
        while len(self.found) < count and time.monotonic() < end:
            method, _, body = self.channel.basic_get(self.queue, auto_ack=True)
            if method is None:
                time.sleep(0.01)
            else:
                self.found.append((method.routing_key, body))
        return self.found

    def close(self) -> None:
        self.connection.close()


def test_a_hint_is_a_message_that_dramatiq_understands(store: JobStore, amqp_url: str) -> None:
    with running(store, amqp_url):
        job = accepted(store)
        wait_until(lambda: store.client.xlen(keys.OUTBOX_HINTS) == 0, 15, "the hint stays in the outbox")

    listener = Listener(amqp_url, "gridjobs.estimation")
    ((_, body),) = listener.collect(1)
    listener.close()
    message = dramatiq.Message.decode(body)
    assert (message.queue_name, message.actor_name, message.args) == (
        "gridjobs.estimation",
        ACTOR,
        (job.id,),
    )


def test_events_are_published_once_and_in_order_as_the_api_shows_them(store: JobStore, amqp_url: str) -> None:
    listener = Listener(amqp_url)
    with running(store, amqp_url):
        claim = claimed(store)
        store.commit(claim.job.id, claim.fence, SUCCESS)
        found = listener.collect(3)
        wait_until(lambda: store.client.xlen(keys.OUTBOX_EVENTS) == 0, 15, "events stay in the outbox")
    listener.close()

    shown = store.run(calls.events(claim.job.id, "", 0, 10))
    assert found == [(event.routing_key, event.to_json()) for event in shown]
    assert [json.loads(body)["id"] for _, body in found] == [f"{claim.job.id}:{n}" for n in (1, 2, 3)]


def test_hundreds_of_jobs_get_through_with_each_hint_and_event(store: JobStore, amqp_url: str) -> None:
    listener = Listener(amqp_url)
    ids = {accepted(store).id for _ in range(500)}
    with running(store, amqp_url):
        events = listener.collect(500, 60)
        wait_until(lambda: store.client.xlen(keys.OUTBOX_HINTS) == 0, 30, "hints stay in the outbox")
    listener.close()

    hints = Listener(amqp_url, "gridjobs.estimation")
    told = {json.loads(body)["args"][0] for _, body in hints.collect(500, 60)}
    hints.close()
    assert told == ids
    assert {json.loads(body)["subject"] for _, body in events} == ids


def test_a_refused_batch_goes_out_again(store: JobStore) -> None:
    publisher = Recorder(failures=2)
    job = accepted(store)
    with running(store, publisher):
        wait_until(
            lambda: store.client.xlen(keys.OUTBOX_HINTS) + store.client.xlen(keys.OUTBOX_EVENTS) == 0,
            15,
            "the outbox is not emptied",
        )

    assert len(publisher.hints) + len(publisher.events) == 4
    assert set(publisher.hints) == {job.id}


def test_what_a_killed_relay_had_not_marked_goes_out_from_another(redis_url: str, tmp_path: Path) -> None:
    store = JobStore.connect(settings(redis_url, tmp_path, outbox_claim_s=0.2))
    killed = Outbox(store, keys.OUTBOX_HINTS, "killed")
    killed.take(10, 0.01)
    job = accepted(store)
    assert len(killed.take(10, 0.5)) == 1  # published perhaps, never marked

    publisher = Recorder()
    with running(store, publisher):
        wait_until(lambda: store.client.xlen(keys.OUTBOX_HINTS) == 0, 10, "nobody takes over")

    assert publisher.hints == [job.id]
    store.close()


def test_relays_share_the_work(store: JobStore) -> None:
    publishers = [Recorder(), Recorder()]
    with running(store, publishers[0]), running(store, publishers[1]):
        ids = [accepted(store).id for _ in range(100)]
        wait_until(lambda: store.client.xlen(keys.OUTBOX_HINTS) == 0, 15, "hints stay in the outbox")

    assert sorted(publishers[0].hints + publishers[1].hints) == ids


def test_relays_that_are_long_gone_are_forgotten_unless_they_left_something(store: JobStore) -> None:
    for name, finishes in (("idle", True), ("busy", False)):
        outbox = Outbox(store, keys.OUTBOX_HINTS, name)
        accepted(store)
        entries = outbox.take(10, 0.1) or outbox.take(10, 0.1)
        if finishes:
            outbox.mark_sent(entries)
    time.sleep(0.05)

    assert store.run(calls.tidy_outbox(keys.OUTBOX_HINTS, 0.01)) == 1
    (left,) = store.client.xinfo_consumers(keys.OUTBOX_HINTS, keys.OUTBOX_GROUP)
    assert left["name"] == b"busy"


@pytest.mark.slow
def test_an_outage_of_the_broker_delays_and_loses_nothing(
    store: JobStore, rabbitmq_server: RabbitmqServer
) -> None:
    with running(store, rabbitmq_server.url):
        before = [accepted(store, type="outage").id for _ in range(20)]
        time.sleep(3.0)  # a younger quorum queue may come back without a leader, see the next test
        rabbitmq_server.kill()
        during = [accepted(store, type="outage").id for _ in range(20)]
        rabbitmq_server.start()
        after = [accepted(store, type="outage").id for _ in range(20)]
        wait_until(lambda: store.client.xlen(keys.OUTBOX_HINTS) == 0, 60, "hints stay in the outbox")

    listener = Listener(rabbitmq_server.url, "gridjobs.outage")
    found = listener.collect(10_000, 3)
    listener.close()
    assert {json.loads(body)["args"][0] for _, body in found} == {*before, *during, *after}


@pytest.mark.slow
def test_a_queue_that_lost_its_leader_for_ever_is_made_anew(
    store: JobStore, rabbitmq_server: RabbitmqServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As happens to a quorum queue of RabbitMQ 3.10 that is killed within its first second.
    monkeypatch.setattr(confirming, "TIMEOUT_S", 2.0)
    publisher = RabbitmqPublisher(rabbitmq_server.url)
    publisher.publish_hint("young", "first")
    publisher.flush()
    rabbitmq_server.restart()
    with running(store, rabbitmq_server.url):
        job = accepted(store, type="young")
        wait_until(lambda: store.client.xlen(keys.OUTBOX_HINTS) == 0, 60, "the hint stays in the outbox")
    publisher.close()

    listener = Listener(rabbitmq_server.url, "gridjobs.young")
    found = listener.collect(10_000, 3)
    listener.close()
    assert job.id in {json.loads(body)["args"][0] for _, body in found}


def test_an_outage_of_the_store_delays_and_loses_nothing(private_redis: RedisServer, tmp_path: Path) -> None:
    store = JobStore.connect(settings(private_redis.url, tmp_path, outbox_claim_s=1.0))
    publisher = Recorder()
    with running(store, publisher):
        ids = [accepted(store).id for _ in range(10)]
        private_redis.restart()
        ids += [accepted(store).id for _ in range(10)]
        wait_until(lambda: store.client.xlen(keys.OUTBOX_HINTS) == 0, 15, "hints stay in the outbox")

    assert set(publisher.hints) == set(ids)
    store.close()


def test_hints_are_quick(store: JobStore) -> None:
    publisher = Recorder()
    delays_s = []
    with running(store, publisher):
        for count in range(1, 31):
            accepted(store)
            accepted_at = time.monotonic()
            wait_until(lambda n=count: len(publisher.hints) == n, 5, "no hint", poll_s=0.0005)  # type: ignore[misc]
            delays_s.append(time.monotonic() - accepted_at)

    assert sorted(delays_s)[15] < 0.025
