"""Hints over both brokers, with dramatiq's own worker in this process."""

import time
from collections.abc import Iterator
from threading import Event

import pytest
from dramatiq import Broker, Worker
from support.process import wait_until

from gridjobs import broker as brokers


@pytest.fixture(params=["redis_url", "amqp_url"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


class Consumer:
    """A worker of one slot that notes what it gets; `hold` makes it slow."""

    def __init__(self, url: str, *job_types: str) -> None:
        self.broker: Broker = brokers.connect(url)
        self.seen: list[str] = []
        self.hold = Event()
        self.hold.set()
        brokers.serve(self.broker, list(job_types), self._run)
        self.worker = Worker(self.broker, worker_threads=1)
        self.worker.queue_prefetch = 1
        self.worker.start()

    def _run(self, job_id: str) -> None:
        self.seen.append(job_id)
        self.hold.wait(20)

    def stop(self) -> None:
        self.hold.set()
        self.worker.stop(timeout=5000)
        self.broker.close()


@pytest.fixture
def consumers(url: str) -> Iterator[list[Consumer]]:
    started: list[Consumer] = []
    yield started
    for consumer in started:
        consumer.stop()


def send(url: str, job_type: str, *job_ids: str) -> None:
    broker = brokers.connect(url)
    for job_id in job_ids:
        broker.enqueue(brokers.hint(job_type, job_id))
    broker.close()


def test_every_hint_arrives_once_whatever_its_queue(url: str, consumers: list[Consumer]) -> None:
    consumers.append(Consumer(url, "estimation", "forecast"))

    send(url, "estimation", *(f"e{i}" for i in range(50)))
    send(url, "forecast", *(f"f{i}" for i in range(50)))

    wait_until(lambda: len(consumers[0].seen) >= 100, 20, "not all hints arrived")
    assert sorted(consumers[0].seen) == sorted([f"e{i}" for i in range(50)] + [f"f{i}" for i in range(50)])


def test_hints_sent_before_any_worker_was_there_arrive(url: str, consumers: list[Consumer]) -> None:
    send(url, "estimation", "early")

    consumers.append(Consumer(url, "estimation"))

    wait_until(lambda: consumers[0].seen == ["early"], 10, "the early hint did not arrive")


def test_a_busy_worker_leaves_the_hints_of_other_queues_to_its_neighbour(
    url: str, consumers: list[Consumer]
) -> None:
    busy = Consumer(url, "estimation", "forecast")
    consumers.append(busy)
    busy.hold.clear()
    send(url, "estimation", "long")
    wait_until(lambda: busy.seen == ["long"], 10, "the long job did not start")
    idle = Consumer(url, "forecast")
    consumers.append(idle)

    send(url, "forecast", *(f"f{i}" for i in range(10)))

    wait_until(lambda: len(idle.seen) == 10, 5, "hints wait behind the long job")
    assert busy.seen == ["long"]


def test_a_worker_goes_on_with_all_queues_after_a_long_job(url: str, consumers: list[Consumer]) -> None:
    worker = Consumer(url, "estimation", "forecast")
    consumers.append(worker)
    worker.hold.clear()
    send(url, "estimation", "long")
    wait_until(lambda: worker.seen == ["long"], 10, "the long job did not start")
    send(url, "forecast", "next")
    time.sleep(0.3)

    worker.hold.set()

    wait_until(lambda: worker.seen == ["long", "next"], 3, "the other queue is forgotten")


def test_an_idle_worker_starts_a_job_at_once(url: str, consumers: list[Consumer]) -> None:
    worker = Consumer(url, "estimation", "forecast")
    consumers.append(worker)
    send(url, "estimation", "warm-up")
    wait_until(lambda: worker.seen == ["warm-up"], 10, "no start")
    sender = brokers.connect(url)
    sender.enqueue(brokers.hint("estimation", "second"))
    wait_until(lambda: len(worker.seen) == 2, 10, "no start")
    time.sleep(1.5)

    started = time.monotonic()
    sender.enqueue(brokers.hint("forecast", "now"))
    wait_until(lambda: len(worker.seen) == 3, 10, "no start", poll_s=0.001)

    # Milliseconds when woken; a poll of the idle queue would take a second or more.
    assert time.monotonic() - started < 0.5
    sender.close()


def test_nothing_that_interrupts_threads_is_installed(url: str) -> None:
    broker = brokers.connect(url)

    assert broker.middleware == []


def test_a_failing_runner_does_not_bring_its_hint_back(url: str, consumers: list[Consumer]) -> None:
    # Retries are the store's affair: a hint that failed must not return by itself.
    class Failing(Consumer):
        def _run(self, job_id: str) -> None:
            self.seen.append(job_id)
            raise RuntimeError("a defect")

    worker = Failing(url, "estimation")
    consumers.append(worker)

    send(url, "estimation", "a", "b")

    wait_until(lambda: worker.seen == ["a", "b"], 10, "hints did not arrive")
    time.sleep(0.5)
    assert worker.seen == ["a", "b"]
