"""An actor for tests: does what its input says, good or bad.

Reached with GRIDJOBS_EXTRA_ACTORS="probe=support.actors:run" and this folder's parent on PYTHONPATH.
"""

import ctypes
import os
import secrets
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from gridjobs_workers.task import JobFailure, Outcome, Part, Task

EXTRA_ACTORS = "probe=support.actors:run"


def run(task: Task) -> Outcome:
    return globals()[f"_{task.input.get('do', 'echo')}"](task)


def run_labels(task: Task) -> Outcome:
    """As `run`, told by the request's labels: so real requests over HTTP can misbehave too."""
    journaled = replace(task, input={**task.input.get("labels", {}), "nonce": secrets.token_hex(8)})
    nonce = journaled.input["nonce"]
    line = {"job": task.job_id, "attempt": task.attempt, "nonce": nonce, "worker": os.getppid()}
    with open(os.environ["PROBE_JOURNAL"], "ab", buffering=0) as journal:
        journal.write(orjson.dumps(line) + b"\n")
    return run(journaled)


def make_grid(task: Task) -> Outcome:
    """Accept any grid unseen; it has one node, N1."""
    index = task.blobs.put(b'{"N1": ["node", "N1", "TopologicalNode", 20]}')
    return Outcome(result={"type": task.type}, resource={"index_digest": index})


def _outcome(task: Task, **more: Any) -> Outcome:
    result = {"type": task.type, "echo": task.input.get("value"), **more}
    if "nonce" in task.input:
        result |= {"attempt": task.attempt, "nonce": task.input["nonce"]}
    return Outcome(result=result, engine={"name": "probe", "version": "1"})


def _echo(task: Task) -> Outcome:
    return _outcome(task)


def _pid(task: Task) -> Outcome:
    return _outcome(task, pid=os.getpid())


def _sleep(task: Task) -> Outcome:
    """Sleep in small steps of Python, as a polite computation does."""
    steps = max(1, int(float(task.input["seconds"]) / 0.02))
    for step in range(steps):
        task.progress(step / steps, "sleeping", "")
        time.sleep(0.02)
    return _outcome(task)


def _hang(task: Task) -> Outcome:
    """Sleep in C with the interpreter locked: no signal handler and no thread of Python runs."""
    ctypes.PyDLL(None).sleep(int(task.input["seconds"]))
    return _outcome(task)


def _exit(task: Task) -> Outcome:
    os._exit(int(task.input.get("status", 3)))


def _segfault(task: Task) -> Outcome:
    ctypes.string_at(0)
    return _outcome(task)


def _kill(task: Task) -> Outcome:
    os.kill(os.getpid(), signal.SIGKILL)
    return _outcome(task)


def _eat(task: Task) -> Outcome:
    eaten = []
    while True:
        eaten.append(bytearray(16 * 2**20))


def _oops(task: Task) -> Outcome:
    raise ValueError("a defect of the actor")


def _fail(task: Task) -> Outcome:
    fault = {"pointer": "/value", "code": "bad_value", "detail": "not that one"}
    raise JobFailure("bad_input", "the value is bad", [fault], [Part("why", b"because", "text/plain")])


def _parts(task: Task) -> Outcome:
    table = pa.table({"bus": ["a", "b"], "v_kv": [20.1, 19.9]})
    return Outcome({"type": task.type}, [Part("buses", table), Part("note", b"hi", "text/plain")])


def _large(task: Task) -> Outcome:
    return _outcome(task, large="x" * int(task.input["bytes"]))


def _once(task: Task) -> Outcome:
    """Kill the process on the first attempts, succeed on the last."""
    if task.attempt < int(task.input["succeed_at"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return _outcome(task)


def _cleanup(task: Task) -> Outcome:
    """Leave a file when interrupted in the middle."""
    try:
        return _sleep(task)
    finally:
        Path(task.input["file"]).write_text("cleaned up")


def _descendant(task: Task) -> Outcome:
    """Start a process that would outlive a careless kill, and wait."""
    pid = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "60")
    Path(task.input["file"]).write_text(str(pid))
    return _sleep(task)


def _print(task: Task) -> Outcome:
    print("a library prints this", flush=True)
    os.write(2, b"and C code that\n")
    return _outcome(task)
