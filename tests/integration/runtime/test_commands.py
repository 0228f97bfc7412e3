"""`gridjobs doctor` against servers that are there, away, or badly set up."""

import socket
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner, Result
from support.process import free_port
from support.redis import RedisServer

from gridjobs.cli import main


def doctor(tmp_path: Path, **settings: str) -> Result:
    env = {"GRIDJOBS_DATA_DIR": str(tmp_path), "GRIDJOBS_API_PORT": str(free_port()), **settings}
    return CliRunner().invoke(main, ["doctor"], env=env)


def test_a_sound_production_setting_passes(tmp_path: Path, redis_url: str, amqp_url: str) -> None:
    result = doctor(tmp_path, GRIDJOBS_STORE_URL=redis_url, GRIDJOBS_BROKER_URL=amqp_url)

    assert result.exit_code == 0, result.output
    assert "durable" in result.output
    assert "RabbitMQ 3." in result.output
    assert "guest:guest" not in result.output


def test_the_embedded_default_passes(tmp_path: Path) -> None:
    result = doctor(tmp_path)

    assert result.exit_code == 0, result.output


def test_a_store_that_may_lose_jobs_is_named_with_the_remedy(
    tmp_path: Path, private_redis: RedisServer
) -> None:
    with redis.Redis.from_url(private_redis.url) as client:
        client.config_set("appendfsync", "everysec")

    result = doctor(tmp_path, GRIDJOBS_STORE_URL=private_redis.url)

    assert result.exit_code == 1
    assert "appendfsync is everysec" in result.output
    assert "-> set appendonly yes" in result.output


def test_servers_that_are_away_are_named(tmp_path: Path) -> None:
    result = doctor(
        tmp_path,
        GRIDJOBS_STORE_URL=f"redis://127.0.0.1:{free_port()}/0",
        GRIDJOBS_BROKER_URL=f"amqp://user:secret@127.0.0.1:{free_port()}/%2F",
    )

    assert result.exit_code == 1
    assert result.output.count("does not answer") == 2
    assert "secret" not in result.output


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        result = doctor(tmp_path, GRIDJOBS_API_PORT=str(port))

    assert result.exit_code == 1
    assert f"127.0.0.1:{port} cannot be used" in result.output


@pytest.mark.parametrize("command", ["up", "api", "relay", "worker", "doctor"])
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])

    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 3


def test_a_worker_refuses_job_types_that_it_cannot_run() -> None:
    result = CliRunner().invoke(main, ["worker", "--types", "estimation,astrology"])

    assert result.exit_code == 1
    assert "no actor for astrology" in result.output
