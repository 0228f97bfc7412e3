"""The warm child process: runs actors one at a time, fed by its worker through a socket.

It may be killed at any moment, and it never outlives its worker. It knows neither store nor broker.
"""

import contextlib
import faulthandler
import importlib
import resource
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping

import orjson

from gridjobs.processes import die_with_parent
from gridjobs_workers import registry
from gridjobs_workers.frames import Frame, Pipe, PipeClosed
from gridjobs_workers.parts import stored
from gridjobs_workers.task import BlobReader, JobFailure, Task

PROGRESS_PAUSE_S = 0.05
RESULT_JSON = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class Cancelled(BaseException):
    """Raised inside an actor whose job was cancelled, so that it can clean up before the kill."""


class Child:
    """Serves tasks from a socket until the socket closes."""

    def __init__(self, pipe: Pipe, actors: Mapping[str, str], blobs: BlobReader) -> None:
        self.pipe = pipe
        self.actors = actors
        self.blobs = blobs
        self._running = False
        self._quiet_until = 0.0

    def warm(self) -> None:
        """Import every actor, and let those that offer `warm()` compile what they need."""
        for kind, entry in self.actors.items():
            try:
                module = importlib.import_module(entry.partition(":")[0])
                getattr(module, "warm", lambda: None)()
            except Exception:
                print(f"cannot warm {kind}:\n{traceback.format_exc()}", file=sys.stderr, flush=True)

    def serve(self) -> None:
        """Answer every task frame with exactly one of `done`, `failed` or `error`."""
        signal.signal(signal.SIGUSR1, self._on_cancel)
        self._send(Frame("ready"))
        while (request := self.pipe.exchange(timeout_s=None)) is not None:
            self._send(self.answer(request))

    def answer(self, request: Frame) -> Frame:
        """Run one task; whatever it raises becomes an answer."""
        try:
            with self._cancellable():
                try:
                    return self._run(request)
                except JobFailure as failure:
                    return self._failed(failure)
        except Cancelled:
            return Frame("cancelled")
        except MemoryError:
            return Frame(
                "error", {"code": "out_of_memory", "detail": "the job needs more memory than it may"}
            )
        except Exception as error:
            traceback.print_exc()
            return Frame("error", {"code": "internal_error", "detail": f"{type(error).__name__}: {error}"})

    def _run(self, request: Frame) -> Frame:
        task = Task(
            **request.fields, input=orjson.loads(request.body), blobs=self.blobs, progress=self._progress
        )
        outcome = registry.load(self.actors[task.type])(task)
        parts = [stored(part, self.blobs) for part in outcome.parts]
        fields = {"parts": parts, "engine": outcome.engine, "resource": outcome.resource}
        inline = {part.name: part.content for part in outcome.parts if isinstance(part.content, list)}
        result = {**outcome.result, **inline, "parts": parts}
        return Frame("done", fields, orjson.dumps(result, option=RESULT_JSON))

    def _failed(self, failure: JobFailure) -> Frame:
        problem = {"code": failure.code, "detail": failure.detail, "errors": failure.errors}
        parts = [stored(part, self.blobs) for part in failure.parts]
        return Frame("failed", {"problem": problem, "parts": parts, "resource": failure.resource})

    def _progress(self, fraction: float, stage: str, message: str) -> None:
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + PROGRESS_PAUSE_S
            fields = {"fraction": fraction, "stage": stage, "message": message}
            self._send(Frame("progress", fields))

    def _send(self, frame: Frame) -> None:
        self.pipe.post(frame)
        self.pipe.flush()

    @contextlib.contextmanager
    def _cancellable(self) -> Iterator[None]:
        self._running, self._quiet_until = True, 0.0
        try:
            yield
        finally:
            self._running = False

    def _on_cancel(self, *_: object) -> None:
        if self._running:
            self._running = False
            raise Cancelled


def limit_memory(headroom_bytes: int) -> None:
    """Let this process map at most so much more than it has mapped now; beyond that, MemoryError."""
    if headroom_bytes and sys.platform == "linux":
        with open("/proc/self/statm") as statm:
            mapped = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + headroom_bytes, resource.RLIM_INFINITY))


def _prefer_me_when_memory_runs_out() -> None:
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("500")


def main(pipe_number: int, parent_pid: int, open_blobs: Callable[[], BlobReader]) -> None:
    """Boot: read the greeting, warm up, serve."""
    die_with_parent(parent_pid)
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prefer_me_when_memory_runs_out()
    pipe = Pipe(socket.socket(fileno=pipe_number))
    with contextlib.suppress(PipeClosed):
        greeting = pipe.exchange(timeout_s=None)
        assert greeting is not None
        child = Child(pipe, greeting.fields["actors"], open_blobs())
        child.warm()
        limit_memory(greeting.fields["memory_bytes"])
        child.serve()


if __name__ == "__main__":
    from gridjobs.blobs import BlobStore
    from gridjobs.settings import Settings

    main(int(sys.argv[1]), int(sys.argv[2]), lambda: BlobStore(Settings().effective_blob_url))
