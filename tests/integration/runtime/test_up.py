"""`gridjobs up`: what one machine does when parts of it, or all of it, are killed."""

import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import orjson
import psutil
import pytest
from click.testing import CliRunner
from support.installation import Installation, kill
from support.process import wait_until

from gridjobs.cli import main
from gridjobs.model import Status, Submission
from gridjobs.store import JobStore


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path, slots=1)
    installation.start()
    yield installation
    installation.stop()


def accept(store: JobStore, **input_: object) -> str:
    body = orjson.dumps(input_)
    job = store.accept(Submission(type="probe", tenant="default", principal="p", input=body)).job
    assert job is not None
    return job.id


def finish(store: JobStore, *job_ids: str, timeout_s: float = 40) -> None:
    wait_until(lambda: all(store.get(job).done for job in job_ids), timeout_s, "jobs are not done", 0.05)
    assert {store.get(job).status for job in job_ids} == {Status.SUCCEEDED}


def test_it_serves_runs_and_ends_cleanly(installation: Installation) -> None:
    store = installation.store()
    with urllib.request.urlopen(f"{installation.url}/readyz", timeout=10) as answer:
        assert answer.status == 200

    finish(store, accept(store, value=1))

    processes = installation.processes()
    installation.stop()
    assert [process for process in processes if psutil.pid_exists(process.pid)] == []
    assert installation.process is not None
    assert installation.process.returncode == 0


def test_every_killed_part_comes_back_and_no_job_is_lost(installation: Installation) -> None:
    store = installation.store()
    finish(store, accept(store))
    before = {name: installation.pid_of(name) for name in ("store", "mqtt", "relay", "worker-1", "api")}
    jobs = [accept(store, do="sleep", seconds=0.2) for _ in range(10)]

    for pid in before.values():
        kill(pid)

    def all_new() -> bool:
        return all(installation.pid_of(name) not in (0, pid) for name, pid in before.items())

    wait_until(all_new, 20, "a part did not come back", 0.1)
    finish(store, *jobs, accept(store))


def test_killed_altogether_it_finishes_every_accepted_job_after_a_restart(installation: Installation) -> None:
    store = installation.store()
    finish(store, accept(store))
    jobs = [accept(store, do="sleep", seconds=0.3) for _ in range(20)]
    wait_until(lambda: store.get(jobs[2]).done, 20, "jobs do not run")

    installation.kill_all()
    installation.start()

    finish(store, *jobs)


def test_a_killed_supervisor_leaves_nothing_behind(installation: Installation) -> None:
    others = [process.pid for process in installation.processes()[1:]]
    assert len(others) >= 6

    assert installation.process is not None
    installation.process.kill()
    installation.process.wait()

    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in others), 10, "something lives on")


def test_a_second_instance_on_the_same_folder_is_refused(installation: Installation) -> None:
    result = CliRunner().invoke(main, ["up", "--data", str(installation.data), "--port", "0"])

    assert result.exit_code == 1
    assert "another instance runs" in result.output


def test_a_port_in_use_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        result = CliRunner().invoke(main, ["up", "--data", str(tmp_path), "--port", port])

    assert result.exit_code == 1
    assert "try --port 0" in result.output


def test_a_worker_told_to_end_finishes_its_job_first(installation: Installation) -> None:
    store = installation.store()
    finish(store, accept(store))
    job = accept(store, do="sleep", seconds=1)
    wait_until(lambda: store.get(job).status is Status.RUNNING, 10, "the job does not start")

    kill(installation.pid_of("worker-1"), signal.SIGTERM)

    finish(store, job)
    assert store.get(job).attempt == 1


def test_a_long_folder_name_does_not_break_the_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 20) / ("down" * 20)
    installation = Installation(folder, slots=1)
    installation.start()
    installation.stop()
    assert isinstance(installation.process, subprocess.Popen)
    assert installation.process.returncode == 0
