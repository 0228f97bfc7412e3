"""`gridjobs relay`: the role that publishes and reconciles."""

import signal
from functools import partial
from threading import Event

import click

from gridjobs import logs
from gridjobs.embedded_publisher import EmbeddedPublisher
from gridjobs.publisher import Publisher
from gridjobs.rabbitmq import RabbitmqPublisher
from gridjobs.relay import Relay
from gridjobs.settings import Settings
from gridjobs.store import JobStore


@click.command("relay")
def command() -> None:
    """Carry hints and events to the broker; requeue, expire and purge jobs."""
    settings = Settings()
    logs.configure(settings)
    stop = Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: stop.set())
    Relay(JobStore.connect(settings), partial(publisher, settings)).run(stop)


def publisher(settings: Settings) -> Publisher:
    """Return a publisher for the broker that the settings name."""
    if settings.embedded:
        return EmbeddedPublisher(settings.store_url, settings.mqtt_url)
    return RabbitmqPublisher(settings.broker_url)
