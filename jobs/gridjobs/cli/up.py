"""`gridjobs up`: all roles on one machine, kept running, data in one folder."""

import fcntl
import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO

import click

from gridjobs import embedded, logs
from gridjobs.settings import Settings
from gridjobs.supervisor import NotReady, Service, Supervisor

API_START_S = 60.0
ROLE = (sys.executable, "-m", "gridjobs.cli")


@click.command("up")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for all data; GRIDJOBS_DATA_DIR by default.",
)
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the API; 0: any free one.")
@click.option("--slots", default=0, help="Jobs at a time; one per core by default.")
def command(data: Path | None, port: int | None, slots: int) -> None:
    """Run everything on this machine until Ctrl-C.

    Without GRIDJOBS_STORE_URL and GRIDJOBS_BROKER_URL it brings its own store and broker. Started again on
    the same folder, whatever ended it, it finishes every job that was accepted.
    """
    settings = Settings()
    logs.configure(settings)
    data_dir = (data or settings.data_dir).absolute()
    try:
        run(settings, data_dir, settings.api_port if port is None else port, slots)
    except (embedded.NotInstalled, NotReady, Busy) as error:
        raise click.ClickException(f"{error}; logs are in {data_dir / 'log'}") from None


class Busy(Exception):
    """Another instance runs on the same folder, or somebody else has the port."""


def run(settings: Settings, data_dir: Path, port: int, slots: int) -> None:
    """Start everything in order and watch over it; returns when told to stop."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in ("run", "log"):
        (data_dir / folder).mkdir(exist_ok=True)
    with (data_dir / "run" / "lock").open("w") as lock:
        _lock(lock, data_dir)
        supervisor = Supervisor(data_dir / "run", data_dir / "log")
        supervisor.stop_on_signals()
        try:
            supervisor.end_leftovers()
            env = _start_servers(supervisor, settings, data_dir)
            _start_roles(supervisor, settings, env, _api_port(settings, port), slots)
            supervisor.watch()
        finally:
            supervisor.stop()


def _lock(lock: IO[str], data_dir: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(f"another instance runs on {data_dir}") from None


def _api_port(settings: Settings, port: int) -> int:
    try:
        return embedded.free_port(port, settings.api_host)
    except OSError as error:
        raise Busy(f"cannot listen on {settings.api_host}:{port} ({error.strerror}); try --port 0") from None


def _start_servers(supervisor: Supervisor, settings: Settings, data_dir: Path) -> dict[str, str]:
    """Start what was not given, and return the settings that make the roles find all of it."""
    env = {"GRIDJOBS_DATA_DIR": str(data_dir)}
    if "store_url" not in settings.model_fields_set:
        service, env["GRIDJOBS_STORE_URL"] = embedded.valkey(data_dir)
        supervisor.start(service)
    if settings.embedded and not settings.mqtt_url:
        service, env["GRIDJOBS_MQTT_URL"] = embedded.mqtt(data_dir)
        supervisor.start(service)
    return env


def _start_roles(
    supervisor: Supervisor, settings: Settings, env: Mapping[str, str], port: int, slots: int
) -> None:
    supervisor.start(Service("relay", [*ROLE, "relay"], env, stage=1))
    if _installed("gridjobs_workers.main"):
        from gridjobs_workers import main as worker

        for service in worker.slots(settings, count=slots):
            supervisor.start(replace(service, env=env))
    if _installed("gridjobs_api.main"):
        url = f"http://{settings.api_host}:{port}"
        api = Service(
            "api",
            [*ROLE, "api", "--port", str(port)],
            env,
            stage=2,
            ready=lambda: embedded.listens(port, settings.api_host),
        )
        supervisor.start(api, API_START_S)
        click.echo(f"Gridjobs is up: {url}\n  documentation: {url}/docs")
    if "GRIDJOBS_MQTT_URL" in env:
        click.echo(f"  events: {env['GRIDJOBS_MQTT_URL']}")
    click.echo(f"  data: {env['GRIDJOBS_DATA_DIR']}\n  pid {os.getpid()}; Ctrl-C to stop")


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
