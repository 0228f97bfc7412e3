"""The message broker. A message is only a hint that a job waits; the truth is in the store.

One queue per job type, one actor name for all of them. Retries, delays and time limits are the affair of the
store and the runner: dramatiq carries hints and nothing else.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import redis
from dramatiq import Actor, Broker, Message
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker

from gridjobs.consumers import (
    Announcements,
    OneAtATimeRabbitmqConsumer,
    OneAtATimeRedisConsumer,
    Turn,
)
from gridjobs.model import queue_name

ACTOR = "gridjobs.run"
DELIVERY_LIMIT = 3
HEARTBEAT_S = 10  # an unreachable client is given up after two of them
WAKE_CHANNEL = "gridjobs.wake"


class UnknownBroker(Exception):
    """No broker is known for the scheme of this URL."""


def hint(job_type: str, job_id: str) -> Message[None]:
    """Return the message that tells the workers of a job type that a job waits."""
    return Message(queue_name=queue_name(job_type), actor_name=ACTOR, args=(job_id,), kwargs={}, options={})


def connect(url: str) -> Broker:
    """Return a broker for `amqp(s)://`, `redis(s)://` or `unix://`; it connects when it is first used.

    Raises:
        UnknownBroker: The scheme is another one.
    """
    match urlsplit(url).scheme:
        case "amqp" | "amqps":
            return QuorumBroker(url)
        case "redis" | "rediss" | "unix":
            return EmbeddedBroker(url)
        case scheme:
            raise UnknownBroker(scheme)


def serve(broker: Broker, job_types: list[str], run: Callable[[str], None]) -> None:
    """Have `run(job_id)` called for the hints of these job types."""
    Actor(run, broker=broker, actor_name=ACTOR, queue_name=queue_name(job_types[0]), priority=0, options={})
    for job_type in job_types:
        broker.declare_queue(queue_name(job_type))


class QuorumBroker(RabbitmqBroker):
    """RabbitMQ with replicated queues, publisher confirms, and a limit on deliveries that kill a worker."""

    def __init__(self, url: str) -> None:
        super().__init__(url=_with_heartbeat(url), confirm_delivery=True, middleware=[])
        self.turn = Turn()

    @property
    def consumer_class(self) -> type[OneAtATimeRabbitmqConsumer]:
        """Consumers that share one turn."""
        return OneAtATimeRabbitmqConsumer

    def get_declared_delay_queues(self) -> set[str]:
        """None: hints are never delayed, so nobody need listen there."""
        return set()

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        arguments: dict[str, Any] = super()._build_queue_arguments(queue_name)
        return arguments | {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT}

    def _declare_dq_queue(self, queue_name: str) -> None:
        """Declare no delay queue."""


class EmbeddedBroker(RedisBroker):
    """Redis as the broker of one machine: quick to notice a dead worker, quiet when there is no work."""

    def __init__(self, url: str) -> None:
        client = redis.Redis.from_url(url, socket_timeout=10, socket_connect_timeout=5)
        super().__init__(client=client, middleware=[], heartbeat_timeout=10_000, maintenance_chance=100_000)
        self.turn = Turn()
        self.wakes = Announcements(client, WAKE_CHANNEL)

    @property
    def consumer_class(self) -> type[OneAtATimeRedisConsumer]:
        """Consumers that share one turn."""
        return OneAtATimeRedisConsumer

    def get_declared_delay_queues(self) -> set[str]:
        """None: hints are never delayed, so nobody need listen there."""
        return set()

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Enqueue, and wake the workers that wait for this queue."""
        sent = super().enqueue(message, delay=delay)
        self.client.publish(WAKE_CHANNEL, message.queue_name)
        return sent

    def _should_do_maintenance(self, command: str) -> int:
        # Waiting consumers ask for the queue's size every other second: then, and never while there is work.
        return int(command == "qsize") or super()._should_do_maintenance(command)


def _with_heartbeat(url: str) -> str:
    parts = urlsplit(url)
    if "heartbeat=" in parts.query:
        return url
    query = f"{parts.query}&heartbeat={HEARTBEAT_S}".lstrip("&")
    return parts._replace(query=query).geturl()
