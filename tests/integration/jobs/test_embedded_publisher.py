import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.process import end, free_port, spawn, wait_until

from gridjobs.broker import EmbeddedBroker
from gridjobs.embedded_publisher import EmbeddedPublisher
from gridjobs.errors import PublishFailed

pytest.importorskip("amqtt")


@pytest.fixture
def mqtt_port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    broker = spawn([sys.executable, "-m", "gridjobs.mqtt_broker", str(port)], tmp_path)
    wait_until(lambda: b"" != None and _listens(port), 20, "the MQTT broker does not listen")
    yield port
    end(broker)


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_hints_can_be_consumed_and_events_are_heard_over_mqtt(redis_url: str, mqtt_port: int) -> None:
    from amqtt.client import MQTTClient

    url = f"mqtt://127.0.0.1:{mqtt_port}"
    publisher = EmbeddedPublisher(redis_url, url)

    async def listen() -> tuple[str, bytes]:
        client = MQTTClient(config={"auto_reconnect": False})
        await client.connect(url)
        await client.subscribe([("v1/default/jobs/#", 1)])
        await asyncio.to_thread(publish)
        message = await client.deliver_message(timeout_duration=10)
        await client.disconnect()
        assert message is not None
        return message.topic, bytes(message.data)

    def publish() -> None:
        publisher.publish_hint("estimation", "job-1")
        publisher.publish_event("v1.default.jobs.estimation.job-1.queued", b'{"a":1}', durable=True)
        publisher.flush()

    heard = asyncio.run(listen())
    publisher.close()

    assert heard == ("v1/default/jobs/estimation/job-1/queued", b'{"a":1}')
    broker = EmbeddedBroker(redis_url)
    (message,) = broker.client.hvals("dramatiq:gridjobs.estimation.msgs")
    assert json.loads(message)["args"] == ["job-1"]
    broker.client.close()


def test_an_mqtt_broker_that_is_away_fails_the_flush_and_is_found_again(
    redis_url: str, tmp_path: Path
) -> None:
    port = free_port()
    publisher = EmbeddedPublisher(redis_url, f"mqtt://127.0.0.1:{port}")
    publisher.publish_event("v1.a", b"{}", durable=True)
    with pytest.raises(PublishFailed):
        publisher.flush()
    publisher.close()

    broker = spawn([sys.executable, "-m", "gridjobs.mqtt_broker", str(port)], tmp_path)
    wait_until(lambda: _listens(port), 20, "the MQTT broker does not listen")
    publisher.publish_event("v1.a", b"{}", durable=True)
    publisher.flush()
    publisher.close()
    end(broker)


def test_without_an_mqtt_broker_events_are_dropped(redis_url: str) -> None:
    publisher = EmbeddedPublisher(redis_url, "")
    publisher.publish_event("v1.a", b"{}", durable=True)
    started = time.monotonic()
    publisher.flush()
    publisher.close()
    assert time.monotonic() - started < 1
