"""A private RabbitMQ with its MQTT plugin, one for the whole test run (first boot takes about 9 s)."""

import base64
import os
import signal
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pika
import pika.exceptions
import pytest

from support.process import end, free_port, spawn, wait_until

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # the one in /usr/sbin changes user
PLUGINS = "[rabbitmq_mqtt,rabbitmq_web_mqtt,rabbitmq_management]."
# MQTT publishes into the same exchange as AMQP, so that topics are routing keys with slashes for dots.
CONFIG = """
listeners.tcp.local = 127.0.0.1:{amqp_port}
mqtt.listeners.tcp.local = 127.0.0.1:{mqtt_port}
mqtt.exchange = gridjobs.events
mqtt.allow_anonymous = false
web_mqtt.tcp.ip = 127.0.0.1
web_mqtt.tcp.port = {web_mqtt_port}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management_port}
log.console = false
consumer_timeout = 3600000
disk_free_limit.absolute = 50MB
"""


@dataclass
class RabbitmqServer:
    """A RabbitMQ that can be killed and restarted on the same ports and data."""

    folder: Path
    amqp_port: int = field(default_factory=free_port)
    mqtt_port: int = field(default_factory=free_port)
    web_mqtt_port: int = field(default_factory=free_port)
    management_port: int = field(default_factory=free_port)
    dist_port: int = field(default_factory=free_port)
    epmd_port: int = field(default_factory=free_port)
    epmd: "subprocess.Popen[bytes] | None" = None
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.amqp_port}/%2F"

    @property
    def management_url(self) -> str:
        return f"http://guest:guest@127.0.0.1:{self.management_port}"

    def start(self) -> None:
        (self.folder / "home").mkdir(parents=True, exist_ok=True)
        (self.folder / "empty").touch()
        (self.folder / "enabled_plugins").write_text(PLUGINS)
        (self.folder / "rabbitmq.conf").write_text(CONFIG.format(**vars(self)))
        if self.epmd is None:
            self.epmd = spawn(["epmd", "-address", "127.0.0.1", "-port", str(self.epmd_port)], self.folder)
            wait_until(self._epmd_listens, 10, "epmd does not listen")
        self.process = spawn([SERVER], self.folder, self._environment())
        wait_until(self._answers, 90, f"RabbitMQ does not answer, see {self.folder}/log;", poll_s=0.1)

    def _environment(self) -> dict[str, str]:
        here = self.folder
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "RUNNING_UNDER_SYSTEMD": "1",  # the script then becomes the server instead of watching over it
            "HOME": str(here / "home"),
            "RABBITMQ_CONF_ENV_FILE": str(here / "empty"),
            "RABBITMQ_NODENAME": f"gridjobs-{self.amqp_port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(here / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(here / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(here / "mnesia"),
            "RABBITMQ_LOG_BASE": str(here / "log"),
            "RABBITMQ_PID_FILE": str(here / "rabbit.pid"),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_START_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none",
        }

    def _epmd_listens(self) -> bool:
        return self._listens(self.epmd_port)

    @staticmethod
    def _listens(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def _answers(self) -> bool:
        if not self._listens(self.amqp_port):
            return False
        try:
            pika.BlockingConnection(pika.URLParameters(self.url)).close()
        except (pika.exceptions.AMQPError, OSError):
            return False
        return True

    def vhost(self, name: str) -> str:
        """Create a virtual host of the given name and return its URL."""
        quoted = urllib.parse.quote(name, safe="")
        base = f"http://127.0.0.1:{self.management_port}/api"
        token = base64.b64encode(b"guest:guest").decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        permissions = b'{"configure": ".*", "write": ".*", "read": ".*"}'
        for path, body in ((f"vhosts/{quoted}", b"{}"), (f"permissions/{quoted}/guest", permissions)):
            request = urllib.request.Request(f"{base}/{path}", data=body, method="PUT", headers=headers)
            urllib.request.urlopen(request, timeout=10).close()
        return f"amqp://guest:guest@127.0.0.1:{self.amqp_port}/{quoted}"

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            end(self.process, sig, timeout_s=30)

    def restart(self) -> None:
        self.kill()
        self.start()

    def close(self) -> None:
        self.stop()
        if self.epmd is not None:
            end(self.epmd)


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqServer]:
    """One RabbitMQ for the whole run; the guest user may do everything from loopback."""
    server = RabbitmqServer(tmp_path_factory.mktemp("rabbitmq"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def amqp_url(rabbitmq_server: RabbitmqServer, request: pytest.FixtureRequest) -> str:
    """The URL of an empty virtual host of the test's own (MQTT clients see the default one only)."""
    return rabbitmq_server.vhost(f"{request.node.name[:40]}-{id(request)}")
