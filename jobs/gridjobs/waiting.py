"""Waiting for jobs to change: one connection per process listens for all who wait."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import redis.asyncio
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from gridjobs import keys

log = logging.getLogger(__name__)

POLL_S: Final = 5.0  # a change is seen after this time at the latest, should a message be missed
RECONNECT_S: Final = 0.2
_IDLE_CHANNEL: Final = f"{keys.CHANGE}-"  # subscribed for ever, so that there is always something to read


class Change:
    """Tells one waiter that a job may have changed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Wake the waiter."""
        self._event.set()

    async def wait(self, timeout_s: float | None) -> bool:
        """Return True when the job may have changed, False at the time-out."""
        loop = asyncio.get_running_loop()
        end = None if timeout_s is None else loop.time() + timeout_s
        pause = POLL_S if timeout_s is None else min(POLL_S, timeout_s)
        try:
            async with asyncio.timeout(max(pause, 0)):
                await self._event.wait()
        except TimeoutError:
            return end is None or loop.time() < end
        finally:
            self._event.clear()
        return True


class ChangeFeed:
    """Subscribes to the jobs that somebody waits for, over one connection, made anew when it breaks."""

    def __init__(self, store_url: str) -> None:
        self._url = store_url
        self._waiters: dict[str, set[Change]] = {}
        self._pubsub: PubSub | None = None
        self._reader: asyncio.Task[None] | None = None
        self._confirmed: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def watch(self, job_id: str) -> AsyncIterator[Change]:
        """Give a Change that is notified from now on: what changed before must be read after entering."""
        channel = f"{keys.CHANGE}{job_id}"
        change = Change()
        self._waiters.setdefault(channel, set()).add(change)
        try:
            await self._subscribed(channel)
            yield change
        finally:
            await self._leave(channel, change)

    @staticmethod
    def deadline(timeout_s: float) -> Callable[[], float]:
        """Return a function that tells how many seconds of the time-out are left."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        return lambda: max(0.0, end - loop.time())

    async def aclose(self) -> None:
        """Stop listening."""
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
            self._reader = None

    async def _subscribed(self, channel: str) -> None:
        """Wait, not for long, until the server has confirmed the subscription."""
        if self._reader is None:
            self._reader = asyncio.create_task(self._read_for_ever())
        confirmed = self._confirmed.get(channel)
        if confirmed is None:
            confirmed = self._confirmed[channel] = asyncio.Event()
            if self._pubsub is not None:
                with suppress(
                    redis.RedisError, OSError
                ):  # the reader notices too, and subscribes to all again
                    await self._pubsub.subscribe(channel)
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await confirmed.wait()

    async def _leave(self, channel: str, change: Change) -> None:
        waiters = self._waiters[channel]
        waiters.discard(change)
        if waiters:
            return
        del self._waiters[channel]
        self._confirmed.pop(channel, None)
        if self._pubsub is not None:
            with suppress(redis.RedisError, OSError):
                await self._pubsub.unsubscribe(channel)

    async def _read_for_ever(self) -> None:
        client = redis.asyncio.Redis.from_url(
            self._url, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0)
        )
        try:
            while True:
                try:
                    await self._read(client)
                except (redis.RedisError, OSError) as error:
                    log.warning("lost the connection that listens for changes: %s", error)
                await asyncio.sleep(RECONNECT_S)
        finally:
            await client.aclose()

    async def _read(self, client: redis.asyncio.Redis) -> None:
        async with client.pubsub() as pubsub:
            await pubsub.subscribe(_IDLE_CHANNEL, *self._waiters)
            self._pubsub = pubsub
            try:
                while True:
                    message = await pubsub.get_message(timeout=None)
                    if message is not None:
                        self._dispatch(message["type"], message["channel"].decode())
            finally:
                self._pubsub = None

    def _dispatch(self, kind: str, channel: str) -> None:
        # A confirmed subscription may follow a broken one: something may have happened in between.
        if kind == "subscribe" and channel in self._confirmed:
            self._confirmed[channel].set()
        if kind in ("subscribe", "message"):
            for change in self._waiters.get(channel, ()):
                change.notify()
