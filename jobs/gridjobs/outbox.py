"""The outbox: what was decided in the store and still has to be told to the broker.

Scripts append to it in the same atomic step as the change itself. Any number of relays take from it, each
entry going to one of them; what a dead relay leaves behind is taken over by another. An entry is removed
only when its message is confirmed, so a message may go out twice but is never lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis

from gridjobs import calls, keys
from gridjobs.store import JobStore, translated

READ_BLOCK_S: Final = 1.0
STREAMS: Final = (keys.OUTBOX_HINTS, keys.OUTBOX_EVENTS)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to be published; what its fields mean depends on the stream."""

    id: bytes
    fields: dict[str, bytes]


class Outbox:
    """One of the outbox's streams, as one relay sees it. All methods raise StoreUnavailable."""

    def __init__(self, store: JobStore, stream: str, consumer: str) -> None:
        self.stream = stream
        self._client: Any = store.client
        self._consumer = consumer
        self._take_over_ms = round(store.settings.outbox_claim_s * 1000)

    def take(self, limit: int, block_s: float = READ_BLOCK_S) -> list[Entry]:
        """Take new entries; waits for one when there is none."""
        with translated():
            try:
                answer = self._client.xreadgroup(
                    keys.OUTBOX_GROUP, self._consumer, {self.stream: ">"}, limit, round(block_s * 1000)
                )
            except redis.ResponseError as error:
                self._create_group_if_missing(error)
                return []
        return _entries(answer[0][1]) if answer else []

    def take_over(self, limit: int) -> list[Entry]:
        """Take entries that another relay took long ago and has not finished."""
        with translated():
            try:
                _, entries, _ = self._client.xautoclaim(
                    self.stream, keys.OUTBOX_GROUP, self._consumer, self._take_over_ms, count=limit
                )
            except redis.ResponseError as error:
                self._create_group_if_missing(error)
                return []
        return _entries(entries)

    def mark_sent(self, entries: Sequence[Entry]) -> None:
        """Remove entries whose messages are confirmed."""
        ids = [entry.id for entry in entries]
        with translated(), self._client.pipeline(transaction=True) as pipeline:
            pipeline.xack(self.stream, keys.OUTBOX_GROUP, *ids)
            pipeline.xdel(self.stream, *ids)
            pipeline.execute()

    def _create_group_if_missing(self, error: redis.ResponseError) -> None:
        if not str(error).startswith("NOGROUP"):
            raise error
        try:
            self._client.xgroup_create(self.stream, keys.OUTBOX_GROUP, id="0", mkstream=True)
        except redis.ResponseError as refused:
            if not str(refused).startswith("BUSYGROUP"):  # another relay was quicker
                raise


def tidy(store: JobStore, silent_s: float) -> None:
    """Forget relays that are long gone and left nothing behind."""
    for stream in STREAMS:
        store.run(calls.tidy_outbox(stream, silent_s))


def _entries(raw: Sequence[tuple[bytes, dict[bytes, bytes] | None]]) -> list[Entry]:
    return [
        Entry(entry_id, {name.decode(): value for name, value in fields.items()})
        for entry_id, fields in raw
        if fields is not None
    ]
