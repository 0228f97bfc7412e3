"""Consumers for a worker that runs one job at a time out of several queues.

dramatiq gives every queue its own consumer thread, and each would fetch a message ahead: a worker busy with a
long job would sit on hints while its neighbours are idle. Here the consumers of a worker share one turn.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from threading import Condition, Event, Thread
from typing import Any, Protocol

import pika.exceptions
import redis
from dramatiq import Message, MessageProxy
from dramatiq.brokers.rabbitmq import _RabbitmqConsumer
from dramatiq.brokers.redis import _RedisConsumer
from dramatiq.errors import ConnectionClosed

HOLD_S = 0.05
"""How long a hint may wait for a turn before it goes back to its queue."""
TICK_S = 1.0
IDLE_S = 2.0


class Turn:
    """Taken by the consumer whose message is being worked on."""

    def __init__(self) -> None:
        self.owner: object | None = None
        self._changed = Condition()

    def take(self, owner: object, timeout_s: float = 0) -> bool:
        """Become the owner, waiting for it if need be; False when there was no turn within the time."""
        with self._changed:
            if not self._changed.wait_for(self._free, timeout_s):
                return False
            self.owner = owner
            return True

    def release(self) -> None:
        """Give the turn back, whoever has it."""
        with self._changed:
            self.owner = None
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Wait until nobody has the turn; False when that did not come within the time."""
        with self._changed:
            return self._changed.wait_for(self._free, timeout_s)

    def _free(self) -> bool:
        return self.owner is None


class OneAtATimeRabbitmqConsumer(_RabbitmqConsumer):
    """Stops consuming while another queue's job runs, and puts back the hint that slipped in meanwhile."""

    def __init__(self, broker: Any, queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, timeout)
        self._turn: Turn = broker.turn
        self._timeout_s = timeout / 1000
        self._consuming = True

    def __next__(self) -> MessageProxy | None:
        if self._turn.owner is not self and not self._turn.wait(HOLD_S):
            self._stand_by()
            return None
        self._resume()
        message: MessageProxy | None = super().__next__()
        if message is None or self._turn.take(self, HOLD_S):
            return message
        self._put_back(message)
        return None

    def ack(self, message: MessageProxy) -> None:
        """Acknowledge, and let the next one have the turn."""
        # On a connection that is gone there is nothing to acknowledge: the hint comes again and finds no work.
        with suppress(ConnectionClosed):
            super().ack(message)
        self._turn.release()

    def nack(self, message: MessageProxy) -> None:
        """Reject, and let the next one have the turn."""
        with suppress(ConnectionClosed):
            super().nack(message)
        self._turn.release()

    def _stand_by(self) -> None:
        try:
            if self._consuming:
                self.channel.cancel()
                self._consuming = False
            self._turn.wait(TICK_S)
            self.connection.process_data_events(time_limit=0)
        except (pika.exceptions.AMQPConnectionError, pika.exceptions.AMQPChannelError) as error:
            raise ConnectionClosed(error) from None

    def _resume(self) -> None:
        if not self._consuming:
            self.iterator = self.channel.consume(self.queue_name, inactivity_timeout=self._timeout_s)
            self._consuming = True

    def _put_back(self, message: MessageProxy) -> None:
        # Published before it is acknowledged: at worst there are two hints, never none. A nack would
        # count against the queue's delivery limit.
        self.broker.enqueue(Message.decode(message.encode()))
        super().ack(message)


class Wakes(Protocol):
    """Tells the consumer of a queue that there may be something in it."""

    def __getitem__(self, queue_name: str, /) -> Event: ...


class OneAtATimeRedisConsumer(_RedisConsumer):
    """Fetches only with a turn in hand, woken by the announcement of a message instead of by polling."""

    def __init__(self, broker: Any, queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, timeout)
        self._turn: Turn = broker.turn
        self._wake = broker.wakes[queue_name]
        self._wake.set()
        self._sign_of_life_due = time.monotonic()

    def __next__(self) -> MessageProxy | None:
        try:
            self._give_sign_of_life()
            if not self._wake.wait(TICK_S) or not self._turn.take(self, TICK_S):
                return None
            return self._fetch()
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from None

    def _fetch(self) -> MessageProxy | None:
        self._wake.clear()
        messages = []
        try:
            messages = self.broker.do_fetch(self.queue_name, 1)
        finally:
            if not messages:
                self._turn.release()
        if not messages:
            return None
        self._wake.set()
        message: Message[Any] = Message.decode(messages[0])
        self.queued_message_ids.add(message.message_id)
        return MessageProxy(message)

    def _give_sign_of_life(self) -> None:
        # Whoever is silent for the broker's heartbeat time loses its messages to others. The size of the
        # queue is asked for that side effect, and it makes up for announcements that got lost.
        if time.monotonic() >= self._sign_of_life_due:
            self._sign_of_life_due = time.monotonic() + IDLE_S
            if self.broker.client.llen(f"{self.broker.namespace}:{self.queue_name}"):
                self._wake.set()
            self.broker.do_qsize(self.queue_name)

    def ack(self, message: MessageProxy) -> None:
        """Acknowledge, and let the next one have the turn."""
        super().ack(message)
        self._turn.release()

    def nack(self, message: MessageProxy) -> None:
        """Reject, and let the next one have the turn."""
        super().nack(message)
        self._turn.release()


class Announcements:
    """Listens on a Redis channel for the names of queues, and sets their events."""

    def __init__(self, client: "redis.Redis", channel: str) -> None:
        self._client = client
        self._channel = channel
        self._events: defaultdict[str, Event] = defaultdict(Event)
        self._thread: Thread | None = None

    def __getitem__(self, queue_name: str) -> Event:
        if self._thread is None:
            self._thread = Thread(target=self._listen, daemon=True)
            self._thread.start()
        return self._events[queue_name]

    def _listen(self) -> None:
        while True:
            try:
                for queue_name in self._announced():
                    self._events[queue_name].set()
            except redis.RedisError:
                time.sleep(TICK_S)

    def _announced(self) -> Iterator[str]:
        with self._client.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(self._channel)
            for event in list(self._events.values()):
                event.set()
            while True:
                message = channel.get_message(timeout=TICK_S)
                if message is not None:
                    yield message["data"].decode()
