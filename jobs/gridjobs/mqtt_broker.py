"""The embedded MQTT broker: `python -m gridjobs.mqtt_broker PORT`. Loopback only, no accounts."""

import asyncio
import signal
import sys
from typing import Any

from gridjobs import logs
from gridjobs.settings import Settings


def config(port: int) -> dict[str, Any]:
    """Return amqtt's configuration."""
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }


async def serve(port: int) -> None:
    """Serve until SIGTERM."""
    from amqtt.broker import Broker

    stop = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    broker = Broker(config(port))
    await broker.start()
    await stop.wait()
    await broker.shutdown()


if __name__ == "__main__":
    logs.configure(Settings())
    asyncio.run(serve(int(sys.argv[1])))
