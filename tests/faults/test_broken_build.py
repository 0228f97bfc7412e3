"""The faults suite would notice a defect: the same scenario on the build as it is, and on sabotaged ones.

A worker is stopped in the middle of a job. Its lease expires, another worker takes the job, and then the first one
wakes up with its result in hand.
"""

import random
import signal
import time
from pathlib import Path

import httpx
import orjson
import pytest
from faults.harness import observe
from faults.harness.history import History, violations
from faults.harness.workload import Clients, Wish, persistent, upload_grid
from faults.test_faults import PROBES
from support.installation import TESTS, Installation, kill
from support.process import wait_until

Sabotage = tuple[tuple[str, str, str], ...]  # script, what stands there, what shall stand there

SABOTAGE = """
import gridjobs.scripts
sound = gridjobs.scripts.source

def source(name):
    text = sound(name)
    for script, good, bad in {replacements!r}:
        if name == script:
            assert good in text, good
            text = text.replace(good, bad)
    return text

gridjobs.scripts.source = source
"""
NO_FENCE = (("commit", "job.status ~= 'running' or job.fence ~= fence", "job.status ~= 'running'"),)
ENDS_TWICE = (
    ("commit", "if is_done(job.status) then", "if false then"),
    ("commit", "job.status ~= 'running' or job.fence ~= fence", "false"),
    ("heartbeat", "not job or job.status ~= 'running' or job.fence ~= fence", "not job"),
)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize(
    ("replacements", "noticed"),
    [
        pytest.param((), (), id="as built"),
        pytest.param(NO_FENCE, ("ended with the result of attempt 1",), id="without the fence"),
        pytest.param(ENDS_TWICE, ("one terminal event",), id="committing twice"),
    ],
)
def test_a_worker_that_wakes_up_too_late(
    replacements: Sabotage, noticed: tuple[str, ...], tmp_path: Path
) -> None:
    history = run(tmp_path, replacements)

    found = violations(history)

    assert len(history.runs) == 2
    if not noticed:
        assert found == []
    for words in noticed:
        assert any(words in violation for violation in found), found


def run(folder: Path, replacements: Sabotage) -> History:
    sabotage = folder / "sabotage"
    sabotage.mkdir()
    if replacements:
        (sabotage / "sitecustomize.py").write_text(SABOTAGE.format(replacements=replacements))
    journal = folder / "journal"
    journal.touch()
    env = {
        **PROBES,
        "PROBE_JOURNAL": str(journal),
        "PYTHONPATH": f"{TESTS}:{sabotage}",
    }
    installation = Installation(folder / "up", env)
    installation.start()
    try:
        history = History(delivery_complete=False)
        scenario(installation, history, journal)
        observe.wait_for_endings(installation.url, history, timeout_s=30)
        time.sleep(4)  # whoever still computes gets the time to write
        observe.collect(installation.url, history, journal)
        return history
    finally:
        installation.stop()


def scenario(installation: Installation, history: History, journal: Path) -> None:
    labels = {"do": "hang", "seconds": "3", "value": "v"}  # silent: the result is the first thing to be heard
    clients = Clients(installation.url, upload_grid(installation.url), history, random.Random(1))
    for _ in clients.run([Wish("key", labels, frozenset({"succeeded"}))], within_s=0):
        time.sleep(0.01)
    job_id = history.accepted[0].job_id
    wait_until(lambda: job_id.encode() in journal.read_bytes(), 20, "the job does not start")
    busy = orjson.loads(journal.read_bytes().splitlines()[-1])["worker"]
    kill(busy, signal.SIGSTOP)
    wait_until(lambda: attempt(installation, job_id) == 2, 30, "nobody takes the job over")
    kill(busy, signal.SIGCONT)


def attempt(installation: Installation, job_id: str) -> int:
    job = persistent(lambda: httpx.get(f"{installation.url}/v1/jobs/{job_id}")).json()
    return int(job["attempt"]) if job["status"] == "running" else 0
