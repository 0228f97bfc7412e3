"""Publishes hints and events to RabbitMQ, with confirms."""

import pika
from dramatiq.errors import ConnectionClosed

from gridjobs.broker import QuorumBroker, hint
from gridjobs.confirming import ConfirmingChannel, Outgoing
from gridjobs.errors import PublishFailed
from gridjobs.events import CONTENT_TYPE, EXCHANGE
from gridjobs.model import queue_name


class RabbitmqPublisher:
    """A `Publisher`. Queues that do not exist are declared when a hint finds none."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._batch: list[Outgoing] = []
        self._channel: ConfirmingChannel | None = None

    def publish_hint(self, job_type: str, job_id: str) -> None:
        """Add the dramatiq message for a job to the batch."""
        body = hint(job_type, job_id).encode()
        self._batch.append(Outgoing("", queue_name(job_type), body, "application/json", mandatory=True))

    def publish_event(self, routing_key: str, body: bytes, *, durable: bool) -> None:
        """Add an event to the batch."""
        self._batch.append(Outgoing(EXCHANGE, routing_key, body, CONTENT_TYPE, persistent=durable))

    def flush(self) -> None:
        """Publish the batch and wait for the confirms; raises PublishFailed, and forgets the batch."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        if unroutable := self._open().publish(batch):
            self._declare_queues({message.routing_key for message in unroutable})
            if self._open().publish(unroutable):
                raise PublishFailed("a queue has vanished right after it was declared")

    def close(self) -> None:
        """Close the connection; the next flush makes a new one."""
        self._batch = []
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _open(self) -> ConfirmingChannel:
        if self._channel is None:
            self._channel = ConfirmingChannel(pika.URLParameters(self._url), EXCHANGE)
        return self._channel

    def _declare_queues(self, queues: set[str]) -> None:
        broker = QuorumBroker(self._url)
        try:
            for queue in queues:
                broker.declare_queue(queue, ensure=True)
        except ConnectionClosed as error:
            raise PublishFailed(f"cannot declare {queue}: {error!r}") from error
        finally:
            broker.close()
