"""Publishes hints and events to RabbitMQ, with confirms."""

import logging
from collections.abc import Sequence
from typing import Final

import pika
import pika.exceptions
from dramatiq.errors import ConnectionClosed

from gridjobs.broker import QuorumBroker, hint
from gridjobs.confirming import ConfirmingChannel, Outgoing
from gridjobs.errors import NotConfirmed, PublishFailed
from gridjobs.events import CONTENT_TYPE, EXCHANGE
from gridjobs.model import queue_name

log = logging.getLogger(__name__)

PATIENCE: Final = 2  # batches in a row that may go unconfirmed before queues are suspected


class RabbitmqPublisher:
    """A `Publisher`. Queues that do not exist are declared when a hint finds none, stuck ones are made anew."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._batch: list[Outgoing] = []
        self._channel: ConfirmingChannel | None = None
        self._unconfirmed = 0

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
        try:
            self._publish(batch)
        except NotConfirmed:
            self._unconfirmed += 1
            if self._unconfirmed >= PATIENCE:
                self._renew_stuck_queues(batch)
            raise
        self._unconfirmed = 0

    def close(self) -> None:
        """Close the connection; the next flush makes a new one."""
        self._batch = []
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _publish(self, batch: Sequence[Outgoing]) -> None:
        if unroutable := self._open().publish(batch):
            self._declare({message.routing_key for message in unroutable})
            if self._open().publish(unroutable):
                raise PublishFailed("a queue has vanished right after it was declared")

    def _open(self) -> ConfirmingChannel:
        if self._channel is None:
            self._channel = ConfirmingChannel(pika.URLParameters(self._url), EXCHANGE)
        return self._channel

    def _declare(self, queues: set[str]) -> None:
        broker = QuorumBroker(self._url)
        try:
            for queue in queues:
                broker.declare_queue(queue, ensure=True)
        except ConnectionClosed as error:
            raise PublishFailed(f"cannot declare {queue}: {error!r}") from error
        finally:
            broker.close()

    def _renew_stuck_queues(self, batch: Sequence[Outgoing]) -> None:
        """Delete the queues of job types that confirm nothing; the next hint declares them again.

        A quorum queue of RabbitMQ 3.10 that is killed in its first second never finds a leader again. What is
        lost with it are hints, and those are given again by the reconciler.
        """
        samples = {message.routing_key: message for message in batch if message.mandatory}
        for queue, sample in samples.items():
            self.close()
            try:
                self._open().publish([sample])  # a hint too many does no harm
            except NotConfirmed:
                log.warning("queue %s confirms nothing; it is deleted and will be made anew", queue)
                self._delete(queue)

    def _delete(self, queue: str) -> None:
        try:
            with pika.BlockingConnection(pika.URLParameters(self._url)) as connection:
                connection.channel().queue_delete(queue)
        except pika.exceptions.AMQPError as error:
            raise PublishFailed(f"cannot delete {queue}: {error!r}") from error
