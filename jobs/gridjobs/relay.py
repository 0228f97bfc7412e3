"""The relay: carries the outbox to the broker, and runs the reconciler. Any number of relays may run.

Hints and events go separate ways, each with a thread and a connection to the broker of its own, so that
neither waits for the other. A batch is published, confirmed, and only then marked as sent: killed in
between, it goes out again from the next relay.
"""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from gridjobs import keys
from gridjobs.errors import PublishFailed, StoreUnavailable
from gridjobs.events import Event
from gridjobs.outbox import Entry, Outbox
from gridjobs.publisher import Publisher
from gridjobs.reconciler import Reconciler
from gridjobs.store import JobStore

log = logging.getLogger(__name__)

BATCH: Final = 200
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0


class Relay:
    """Publishes what the store decided, for ever."""

    def __init__(self, store: JobStore, connect: Callable[[], Publisher]) -> None:
        consumer = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        hints = Outbox(store, keys.OUTBOX_HINTS, consumer)
        events = Outbox(store, keys.OUTBOX_EVENTS, consumer)
        take_over_s = store.settings.outbox_claim_s / 2
        self._loops = [
            Carrier(hints, connect(), publish_hints, take_over_s).run,
            Carrier(events, connect(), publish_events, take_over_s).run,
            Reconciler(store).run,
        ]

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; raises what ends one of the threads unexpectedly."""
        failures: list[BaseException] = []
        threads = [
            threading.Thread(target=self._guarded, args=(loop, stop, failures)) for loop in self._loops
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    @staticmethod
    def _guarded(
        loop: Callable[[threading.Event], None], stop: threading.Event, failures: list[BaseException]
    ) -> None:
        try:
            loop(stop)
        except BaseException as error:
            log.exception("a thread of the relay ended")
            failures.append(error)
            stop.set()


class Carrier:
    """Carries one stream of the outbox to the broker."""

    def __init__(
        self,
        outbox: Outbox,
        publisher: Publisher,
        publish: Callable[[Publisher, Iterable[Entry]], None],
        take_over_s: float,
    ) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._publish = publish
        self._take_over_s = take_over_s

    def run(self, stop: threading.Event) -> None:
        """Carry until `stop` is set."""
        try:
            pauses = Pauses(stop)
            looked_after = Alarm(self._take_over_s)
            while not stop.is_set():
                try:
                    if looked_after.rings():
                        self._carry(self._outbox.take_over(BATCH), stop)
                    self._carry(self._outbox.take(BATCH), stop)
                    pauses.reset()
                except StoreUnavailable as error:
                    pauses.wait(f"the store is unavailable: {error}")
        finally:
            self._publisher.close()

    def _carry(self, entries: Sequence[Entry], stop: threading.Event) -> None:
        pauses = Pauses(stop)
        while entries and not stop.is_set():
            try:
                self._publish(self._publisher, entries)
                self._publisher.flush()
            except PublishFailed as error:
                self._publisher.close()
                pauses.wait(f"the broker did not take {len(entries)} messages: {error}")
            else:
                self._outbox.mark_sent(entries)
                return


def publish_hints(publisher: Publisher, entries: Iterable[Entry]) -> None:
    """Publish entries of the stream of hints."""
    for entry in entries:
        publisher.publish_hint(entry.fields["type"].decode(), entry.fields["id"].decode())


def publish_events(publisher: Publisher, entries: Iterable[Entry]) -> None:
    """Publish entries of the stream of events."""
    for entry in entries:
        event = Event.from_fields(entry.fields)
        publisher.publish_event(event.routing_key, event.to_json(), durable=event.durable)


class Pauses:
    """Growing pauses between attempts, cut short when the relay is to stop."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self.reset()

    def reset(self) -> None:
        """Start with the shortest pause again."""
        self._pause_s = FIRST_PAUSE_S

    def wait(self, why: str) -> None:
        """Log why, and pause."""
        log.warning("%s; trying again in %.1f s", why, self._pause_s)
        self._stop.wait(self._pause_s)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)


class Alarm:
    """Rings at once, and then every `period_s`."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._next = 0.0

    def rings(self) -> bool:
        """Say whether it is time again."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._period_s
        return True
