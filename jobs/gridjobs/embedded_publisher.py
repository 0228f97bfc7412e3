"""Publishes hints through the broker inside the store, and events over MQTT: everything on one machine."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from typing import Any, Final

import redis

from gridjobs.broker import EmbeddedBroker, hint
from gridjobs.errors import PublishFailed

TIMEOUT_S: Final = 10.0
QOS_AT_LEAST_ONCE: Final = 1


class EmbeddedPublisher:
    """A `Publisher`. Without an MQTT broker events are dropped; they can be read over HTTP all the same."""

    def __init__(self, store_url: str, mqtt_url: str) -> None:
        self._broker = EmbeddedBroker(store_url)
        self._mqtt = MqttLine(mqtt_url) if mqtt_url else None
        self._events: list[tuple[str, bytes]] = []

    def publish_hint(self, job_type: str, job_id: str) -> None:
        """Enqueue the dramatiq message for a job; it is there when this returns."""
        try:
            self._broker.enqueue(hint(job_type, job_id))
        except redis.RedisError as error:
            raise PublishFailed(str(error)) from error

    def publish_event(self, routing_key: str, body: bytes, *, durable: bool) -> None:  # noqa: ARG002
        """Add an event to the batch; its topic has slashes where RabbitMQ has dots."""
        self._events.append((routing_key.replace(".", "/"), body))

    def flush(self) -> None:
        """Publish the events and wait for their acknowledgements."""
        events, self._events = self._events, []
        if self._mqtt is not None and events:
            self._mqtt.publish(events)

    def close(self) -> None:
        """Close the connections; the next call makes new ones."""
        self._events = []
        self._broker.client.connection_pool.disconnect()
        if self._mqtt is not None:
            self._mqtt.close()


class MqttLine:
    """A connection to an MQTT broker, in an event loop of its own thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: Any = None

    def publish(self, messages: list[tuple[str, bytes]]) -> None:
        """Publish topics and payloads, at least once each; raises PublishFailed."""
        try:
            self._run(self._publish(messages))
        except FutureTimeoutError as error:
            raise PublishFailed("the MQTT broker did not answer in time") from error
        except Exception as error:  # amqtt raises many kinds
            raise PublishFailed(repr(error)) from error

    def close(self) -> None:
        """Disconnect; the next publish connects again."""
        if self._loop is None or self._thread is None:
            return
        with suppress(Exception):  # it may be broken already
            self._run(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_S)
        self._loop = self._thread = self._client = None

    async def _publish(self, messages: list[tuple[str, bytes]]) -> None:
        if self._client is None:
            self._client = await self._connected()
        publish = self._client.publish
        await asyncio.gather(*(publish(topic, body, qos=QOS_AT_LEAST_ONCE) for topic, body in messages))

    async def _connected(self) -> Any:
        from amqtt.client import MQTTClient  # only the embedded extra has it

        client = MQTTClient(config={"auto_reconnect": False})
        await client.connect(self._url)
        return client

    async def _disconnect(self) -> None:
        if self._client is not None:
            await self._client.disconnect()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_serve, args=(self._loop,), daemon=True)
            self._thread.start()
        asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT_S)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run an event loop until it is stopped, and leave nothing of it behind."""
    loop.run_forever()
    loop.run_until_complete(_cancel_tasks())
    loop.close()


async def _cancel_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
