"""An AMQP channel that publishes batches and tells what the broker did not confirm or could not route.

pika's blocking channel waits for each confirm by itself; here a whole batch is on the way at a time. The
connection lives in a thread of its own, which also answers heartbeats.
"""

import functools
import threading
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import pika
import pika.exceptions
from pika.adapters.select_connection import SelectConnection
from pika.channel import Channel

from gridjobs.errors import NotConfirmed, PublishFailed

TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way to the broker."""

    exchange: str
    routing_key: str
    body: bytes
    content_type: str
    persistent: bool = True
    mandatory: bool = False  # whether it has to reach a queue


class ConfirmingChannel:
    """A connection with one channel in confirm mode."""

    def __init__(self, parameters: pika.connection.Parameters, exchange: str) -> None:
        """Connect, and declare the durable topic exchange; raises PublishFailed."""
        self._exchange = exchange
        self._opened: Future[Channel] = Future()
        self._batch: _Batch | None = None
        self._next_tag = 1
        self._ended = threading.Event()
        self._connection = SelectConnection(
            parameters,
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._on_channel),
            on_open_error_callback=self._on_lost,
            on_close_callback=self._on_lost,
        )
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        try:
            self._channel = self._opened.result(TIMEOUT_S)
        except (pika.exceptions.AMQPError, FutureTimeoutError) as error:
            self.close()
            raise PublishFailed(f"cannot connect: {error!r}") from error

    def publish(self, messages: Sequence[Outgoing]) -> list[Outgoing]:
        """Publish a batch and wait for its confirms; return the mandatory messages that no queue took.

        Raises:
            NotConfirmed: Confirms are missing after a time.
            PublishFailed: Some message was refused, or the connection was lost.
        """
        batch = self._batch = _Batch()
        if self._ended.is_set():  # set before the last batch is failed, so that none is left waiting
            raise PublishFailed("the connection is lost")
        self._connection.ioloop.add_callback_threadsafe(functools.partial(self._send, batch, messages))
        try:
            return batch.outcome.result(TIMEOUT_S)
        except FutureTimeoutError as error:
            raise NotConfirmed(f"{len(batch.waiting)} confirms are missing") from error
        except pika.exceptions.AMQPError as error:
            raise PublishFailed(repr(error)) from error

    def close(self) -> None:
        """Close the connection and end its thread."""
        self._connection.ioloop.add_callback_threadsafe(self._close)
        self._thread.join(TIMEOUT_S)

    # What follows runs in the connection's thread.

    def _serve(self) -> None:
        ioloop = self._connection.ioloop
        try:
            ioloop.start()
        finally:
            self._ended.set()
            self._fail_all(pika.exceptions.ConnectionClosed(0, "the connection is lost"))
            ioloop.close()

    def _on_channel(self, channel: Channel) -> None:
        channel.add_on_return_callback(self._on_return)
        channel.add_on_close_callback(self._on_channel_closed)
        channel.confirm_delivery(self._on_confirm)
        channel.exchange_declare(
            self._exchange, "topic", durable=True, callback=lambda _: _settle(self._opened, channel)
        )

    def _send(self, batch: "_Batch", messages: Sequence[Outgoing]) -> None:
        batch.waiting = set(range(self._next_tag, self._next_tag + len(messages)))
        self._next_tag += len(messages)
        try:
            for message in messages:
                self._channel.basic_publish(
                    message.exchange,
                    message.routing_key,
                    message.body,
                    _properties(message),
                    message.mandatory,
                )
        except pika.exceptions.AMQPError as error:
            _fail(batch.outcome, error)

    def _on_confirm(self, frame: Any) -> None:
        if (batch := self._batch) is None:
            return
        if isinstance(frame.method, pika.spec.Basic.Nack):
            _fail(batch.outcome, pika.exceptions.NackError([]))
        tag = frame.method.delivery_tag
        batch.waiting -= {t for t in batch.waiting if t <= tag} if frame.method.multiple else {tag}
        if not batch.waiting:
            _settle(batch.outcome, batch.returned)

    def _on_return(self, _channel: Channel, method: Any, properties: Any, body: bytes) -> None:
        if self._batch is not None:
            returned = Outgoing(
                method.exchange, method.routing_key, body, properties.content_type, mandatory=True
            )
            self._batch.returned.append(returned)

    def _on_channel_closed(self, _channel: Channel, reason: Exception) -> None:
        self._fail_all(reason)
        self._close()

    def _on_lost(self, connection: SelectConnection, reason: Exception | str) -> None:
        error = reason if isinstance(reason, Exception) else pika.exceptions.AMQPConnectionError(reason)
        self._fail_all(error)
        connection.ioloop.stop()

    def _fail_all(self, error: Exception) -> None:
        _fail(self._opened, error)
        if self._batch is not None:
            _fail(self._batch.outcome, error)

    def _close(self) -> None:
        if self._connection.is_open:
            self._connection.close()
        elif not self._connection.is_closing:
            self._connection.ioloop.stop()


class _Batch:
    """A batch whose confirms are awaited."""

    def __init__(self) -> None:
        self.outcome: Future[list[Outgoing]] = Future()
        self.waiting: set[int] = set()
        self.returned: list[Outgoing] = []


def _properties(message: Outgoing) -> pika.BasicProperties:
    return pika.BasicProperties(
        content_type=message.content_type,
        delivery_mode=pika.DeliveryMode.Persistent if message.persistent else pika.DeliveryMode.Transient,
    )


def _settle(future: "Future[Any]", result: object) -> None:
    with suppress(InvalidStateError):
        future.set_result(result)


def _fail(future: "Future[Any]", error: Exception) -> None:
    with suppress(InvalidStateError):
        future.set_exception(error)
