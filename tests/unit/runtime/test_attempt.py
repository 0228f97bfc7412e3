"""What becomes of an attempt, with real child processes and no store."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from support.process import wait_until

from gridjobs.errors import StaleFence
from gridjobs.model import Completion, Heartbeat, Status
from gridjobs.problems import CANCELLED
from gridjobs.processes import identify
from gridjobs_workers.attempt import Abandoned, Attempt, Broken, Pace, Progress, Verdict
from gridjobs_workers.frames import Frame
from gridjobs_workers.slot import Slot

PACE = Pace(beat_s=0.1, cancel_grace_s=0.2, timeout_s=60)
NOTHING = Heartbeat(cancel_requested=False, deadline_passed=False)
CANCEL = Heartbeat(cancel_requested=True, deadline_passed=False)


class Beats:
    """Answers heartbeats, and remembers the progress that came with them."""

    def __init__(self, *answers: Heartbeat | Exception) -> None:
        self.answers = list(answers)
        self.progress: list[Progress] = []

    def __call__(self, progress: Progress | None) -> Heartbeat:
        if progress is not None:
            self.progress.append(progress)
        answer = self.answers.pop(0) if self.answers else NOTHING
        if isinstance(answer, Exception):
            raise answer
        return answer


def run(
    slot: Slot, *, beats: Beats | None = None, pace: Pace = PACE, left_s: float | None = None, **input_: Any
) -> Verdict:
    fields = {"job_id": "j", "type": "probe", "tenant": "t", "attempt": 1, "resources": {}}
    attempt = Attempt(slot, beats or Beats(), pace, stopping=lambda: False)
    return attempt.run("j", Frame("task", fields, orjson.dumps(input_)), left_s)


def result(verdict: Verdict) -> dict[str, Any]:
    assert isinstance(verdict, Completion)
    assert verdict.status is Status.SUCCEEDED
    assert verdict.result is not None
    return orjson.loads(verdict.result)  # type: ignore[no-any-return]


def test_the_result_names_its_parts_and_its_engine(slot: Slot) -> None:
    verdict = run(slot, value=42)

    assert result(verdict) == {"type": "probe", "echo": 42, "parts": []}
    assert isinstance(verdict, Completion)
    assert verdict.engine == {"name": "probe", "version": "1"}


def test_parts_are_stored_before_the_verdict(slot: Slot, tmp_path: Path) -> None:
    verdict = run(slot, do="parts")

    table, note = result(verdict)["parts"]
    assert (table["rows"], table["media_types"][0]) == (2, "application/vnd.apache.parquet")
    assert (note["bytes"], note["media_types"]) == (2, ["text/plain"])
    assert [file.read_bytes() for file in tmp_path.rglob(note["digest"])] == [b"hi"]


def test_the_child_stays_warm_from_job_to_job(slot: Slot) -> None:
    assert result(run(slot, do="pid"))["pid"] == result(run(slot, do="pid"))["pid"]


def test_a_child_is_replaced_when_it_has_served_its_time(slot: Slot) -> None:
    slot.jobs_per_child = 1
    assert result(run(slot, do="pid"))["pid"] != result(run(slot, do="pid"))["pid"]


def test_a_large_result_passes_the_pipe(slot: Slot) -> None:
    assert len(result(run(slot, do="large", bytes=20_000_000))["large"]) == 20_000_000


def test_a_large_input_does_not_block_the_worker_while_the_child_warms_up(slot: Slot) -> None:
    slot.start()
    beats = Beats()

    assert result(run(slot, beats=beats, value="x" * 20_000_000))["echo"] == "x" * 20_000_000


def test_a_failure_of_the_job_itself_carries_its_faults_and_parts(slot: Slot) -> None:
    verdict = run(slot, do="fail")

    assert isinstance(verdict, Completion)
    assert verdict.status is Status.FAILED
    assert verdict.error is not None
    assert verdict.error["code"] == "bad_input"
    assert verdict.error["errors"][0]["pointer"] == "/value"
    assert [part.name for part in verdict.parts] == ["why"]


@pytest.mark.parametrize(
    ("do", "code", "detail"),
    [
        ("oops", "internal_error", "ValueError"),
        ("exit", "crashed", "status 3"),
        ("segfault", "crashed", "SIGSEGV"),
        ("kill", "crashed", "SIGKILL"),
        ("eat", "out_of_memory", "memory"),
    ],
)
def test_what_is_not_the_jobs_fault_may_be_tried_again(slot: Slot, do: str, code: str, detail: str) -> None:
    verdict = run(slot, do=do)

    assert isinstance(verdict, Broken)
    assert verdict.problem.code == code
    assert detail in verdict.problem.detail
    assert result(run(slot, value="next")) == {"type": "probe", "echo": "next", "parts": []}


def test_an_unknown_job_type_is_a_failed_attempt(slot: Slot) -> None:
    attempt = Attempt(slot, Beats(), PACE, stopping=lambda: False)
    fields = {"job_id": "j", "type": "nonsense", "tenant": "t", "attempt": 1, "resources": {}}

    verdict = attempt.run("j", Frame("task", fields, b"{}"))

    assert isinstance(verdict, Broken)


def test_progress_comes_out_with_the_heartbeats(slot: Slot) -> None:
    beats = Beats()

    run(slot, beats=beats, do="sleep", seconds=0.5)

    fractions = [progress["fraction"] for progress in beats.progress]
    assert 2 <= len(fractions) <= 6
    assert fractions == sorted(fractions)


def test_cancelling_lets_python_code_clean_up(slot: Slot, tmp_path: Path) -> None:
    run(slot)
    file = tmp_path / "cleaned"

    verdict = run(slot, beats=Beats(NOTHING, CANCEL), do="cleanup", seconds=30, file=str(file))

    assert verdict == Completion(status=Status.CANCELLED, error=CANCELLED.to_dict())
    assert file.read_text() == "cleaned up"


def test_cancelling_ends_code_that_holds_the_interpreter(slot: Slot) -> None:
    run(slot)
    started = time.monotonic()

    verdict = run(slot, beats=Beats(CANCEL), do="hang", seconds=30)

    assert verdict == Completion(status=Status.CANCELLED, error=CANCELLED.to_dict())
    # One heartbeat of 0.1 s, a grace of 0.2 s, and the kill.
    assert time.monotonic() - started < 1


def test_what_the_actor_started_dies_with_it(slot: Slot, tmp_path: Path) -> None:
    run(slot)
    file = tmp_path / "pid"

    run(slot, left_s=0.6, do="descendant", seconds=30, file=str(file))

    pid = int(file.read_text())
    wait_until(lambda: identify(pid) is None, 2, "the descendant lives on")


def test_the_deadline_ends_the_job_for_good(slot: Slot) -> None:
    run(slot)

    verdict = run(slot, left_s=0.2, do="hang", seconds=30)

    assert isinstance(verdict, Completion)
    assert verdict.error is not None
    assert verdict.error["code"] == "deadline_exceeded"


def test_a_deadline_already_passed_does_not_start_a_computation(slot: Slot) -> None:
    verdict = run(slot, left_s=-1, do="hang", seconds=30)

    assert isinstance(verdict, Completion)
    assert verdict.error is not None
    assert verdict.error["code"] == "deadline_exceeded"


def test_an_attempt_that_takes_too_long_is_broken_off(slot: Slot) -> None:
    run(slot)

    verdict = run(slot, pace=Pace(0.1, 0.2, timeout_s=0.3), do="hang", seconds=30)

    assert isinstance(verdict, Broken)
    assert verdict.problem.code == "timeout"


def test_a_lost_lease_kills_the_computation(slot: Slot) -> None:
    busy = result(run(slot, do="pid"))["pid"]

    with pytest.raises(StaleFence):
        run(slot, beats=Beats(StaleFence("lost")), do="hang", seconds=30)

    assert identify(busy) is None


def test_a_worker_that_stops_abandons_its_job(slot: Slot) -> None:
    run(slot)
    fields = {"job_id": "j", "type": "probe", "tenant": "t", "attempt": 1, "resources": {}}
    attempt = Attempt(slot, Beats(), PACE, stopping=lambda: True)

    verdict = attempt.run("j", Frame("task", fields, b'{"do": "hang", "seconds": 30}'))

    assert verdict == Abandoned()


def test_what_libraries_print_does_not_disturb_the_pipe(slot: Slot) -> None:
    assert result(run(slot, do="print", value=1))["echo"] == 1


def test_a_busy_child_does_not_outlive_its_killed_worker(probe_environment: None, tmp_path: Path) -> None:
    # Busy in C with the interpreter locked: it would not notice that its pipe is closed.
    script = """
import sys
from gridjobs_workers.frames import Frame
from gridjobs_workers.slot import Slot
slot = Slot({"probe": "support.actors:run"}, command=[sys.executable, "-m", "support.probe_child"])
fields = {"job_id": "j", "type": "probe", "tenant": "t", "attempt": 1, "resources": {}}
slot.submit("j", Frame("task", fields, b'{"do": "hang", "seconds": 60}'))
assert slot.wait(30).kind == "ready"
print(slot.pid, flush=True)
slot.wait(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        child = int(worker.stdout.readline())
        time.sleep(0.5)
        assert identify(child) is not None
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(lambda: identify(child) is None, 5, "the child lives on")
