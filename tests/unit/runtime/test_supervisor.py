"""The supervisor, with real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from support.process import wait_until

from gridjobs.processes import ProcessId, end, identify, is_alive
from gridjobs.supervisor import NotReady, Service, Supervisor

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)",
]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    for name in ("run", "log"):
        (tmp_path / name).mkdir()
    supervisor = Supervisor(tmp_path / "run", tmp_path / "log")
    yield supervisor
    supervisor.stop()


def watch(supervisor: Supervisor, seconds: float) -> None:
    end_s = time.monotonic() + seconds
    supervisor.watch(until=lambda: time.monotonic() > end_s)


def test_a_killed_service_is_restarted(supervisor: Supervisor) -> None:
    supervisor.start(Service("sleeper", SLEEP))
    first = supervisor.pids()["sleeper"]

    os.kill(first, signal.SIGKILL)
    supervisor.watch(until=lambda: supervisor.pids().get("sleeper", first) != first)

    assert identify(first) is None
    assert identify(supervisor.pids()["sleeper"]) is not None


def test_a_service_that_keeps_dying_is_restarted_ever_more_slowly(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    starts = tmp_path / "starts"
    command = ["/bin/sh", "-c", f"echo x >> {starts}; exit 1"]

    supervisor.start(Service("broken", command))
    watch(supervisor, 2.5)

    # Pauses of 0.1, 0.2, 0.4, 0.8 and 1.6 s: five starts within 2.5 s.
    assert 4 <= len(starts.read_text().split()) <= 6


def test_a_service_that_is_never_ready_is_an_error(supervisor: Supervisor) -> None:
    with pytest.raises(NotReady, match="slow"):
        supervisor.start(Service("slow", SLEEP, ready=lambda: False), timeout_s=0.3)


def test_stopping_ends_all_and_kills_the_stubborn(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(Service("sleeper", SLEEP, stage=1))
    log = tmp_path / "log" / "stubborn.log"
    supervisor.start(
        Service("stubborn", STUBBORN, grace_s=0.3, ready=lambda: log.exists() and log.stat().st_size > 0)
    )
    pids = supervisor.pids()

    supervisor.stop()

    assert set(pids) == {"sleeper", "stubborn"}
    assert [identify(pid) for pid in pids.values()] == [None, None]
    assert list((tmp_path / "run").iterdir()) == []


def test_higher_stages_end_first(supervisor: Supervisor, tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    for stage in (0, 2, 1):
        script = f"trap 'sleep 0.1; echo {stage} >> {ends}; exit' TERM; echo up; while :; do sleep 0.02; done"
        log = tmp_path / "log" / f"s{stage}.log"
        service = Service(
            f"s{stage}", ["/bin/sh", "-c", script], stage=stage, ready=lambda log=log: log.stat().st_size > 0
        )
        supervisor.start(service)

    supervisor.stop()

    assert ends.read_text().split() == ["2", "1", "0"]


def test_services_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from gridjobs.supervisor import Service, Supervisor
supervisor = Supervisor()
supervisor.start(Service("sleeper", {SLEEP!r}))
print(supervisor.pids()["sleeper"], flush=True)
supervisor.watch()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        while not (line := parent.stdout.readline()).strip().isdigit():
            pass
        child = int(line)
        assert identify(child) is not None

        parent.kill()

        wait_until(lambda: identify(child) is None, 5, "the service lives on")


def test_leftovers_of_a_killed_instance_are_ended(supervisor: Supervisor, tmp_path: Path) -> None:
    with subprocess.Popen(SLEEP) as left:
        process = identify(left.pid)
        assert process is not None
        record = orjson.dumps({"pid": process.pid, "birth": process.birth})
        (tmp_path / "run" / "old.pid").write_bytes(record)

        supervisor.end_leftovers()

        assert left.wait(5) == -signal.SIGKILL
    assert list((tmp_path / "run").iterdir()) == []


def test_a_stranger_with_a_recycled_pid_is_left_alone(supervisor: Supervisor, tmp_path: Path) -> None:
    with subprocess.Popen(SLEEP) as stranger:
        record = orjson.dumps({"pid": stranger.pid, "birth": "an earlier life"})
        (tmp_path / "run" / "old.pid").write_bytes(record)
        (tmp_path / "run" / "torn.pid").write_bytes(b'{"pid":')

        supervisor.end_leftovers()

        assert identify(stranger.pid) is not None
        stranger.kill()


def test_a_process_is_told_from_its_successor() -> None:
    mine = identify(os.getpid())
    assert mine is not None
    assert is_alive(mine)
    assert not is_alive(ProcessId(mine.pid, "an earlier life"))
    assert end(ProcessId(mine.pid, "an earlier life"))


def test_a_long_log_is_cut_and_keeps_its_last_part(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridjobs.supervisor.LOG_LIMIT_BYTES", 1000)
    supervisor.start(Service("chatty", ["/bin/sh", "-c", "while :; do echo aaaaaaaaaa; sleep 0.005; done"]))
    file = tmp_path / "log" / "chatty.log"

    watch(supervisor, 1.5)

    assert file.stat().st_size < 1500
    assert file.with_suffix(".log.1").stat().st_size >= 1000


def test_orphans_that_fall_to_the_supervisor_are_buried(supervisor: Supervisor) -> None:
    supervisor.start(Service("sleeper", SLEEP))
    stranger = os.posix_spawn("/bin/true", ["true"], {})

    watch(supervisor, 0.5)

    with pytest.raises(ChildProcessError):
        os.waitpid(stranger, os.WNOHANG)
    assert supervisor.pids().keys() == {"sleeper"}
