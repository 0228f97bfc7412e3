"""One attempt of one job: watches the child until it answers, dies, or has to be stopped."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridjobs.model import Completion, Heartbeat, PartRef, Status
from gridjobs.problems import CANCELLED, DEADLINE_EXCEEDED, Problem
from gridjobs_workers.frames import Frame
from gridjobs_workers.slot import ChildDied, Slot

ANSWERS = ("done", "failed", "error", "cancelled")

Progress = dict[str, Any]  # fraction, stage, message
Beat = Callable[[Progress | None], Heartbeat]
"""Renews the lease and passes progress on."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things may take [s]."""

    beat_s: float
    cancel_grace_s: float
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Broken:
    """Not the job's fault, as far as one can tell: it may be tried again."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Stopped because the worker is to end: the job is as good as not started."""


Verdict = Completion | Broken | Abandoned


class Attempt:
    """Watches one run in a slot's child."""

    def __init__(self, slot: Slot, beat: Beat, pace: Pace, stopping: Callable[[], bool]) -> None:
        self.slot = slot
        self.beat = beat
        self.pace = pace
        self.stopping = stopping
        self._progress: Progress | None = None
        self._deadline = self._timeout = math.inf

    def run(self, job_id: str, task: Frame, left_s: float | None = None) -> Verdict:
        """Run a task to its verdict; the child is replaced unless it answered.

        Args:
            job_id: The job, for the log.
            task: The frame for the child.
            left_s: Time until the job's own deadline [s].

        Raises:
            StaleFence: `beat` found that the lease is lost; the child is dead by then.
        """
        self._deadline = math.inf if left_s is None else time.monotonic() + left_s
        self._timeout = time.monotonic() + self.pace.timeout_s
        try:
            self.slot.submit(job_id, task)
            verdict, healthy = self._watch()
        except ChildDied as death:
            verdict, healthy = Broken(Problem("crashed", f"the process that ran the job {death}")), False
        except BaseException:
            self.slot.kill()
            raise
        if healthy:
            self.slot.finish()
        else:
            self.slot.kill()
        return verdict

    def _watch(self) -> tuple[Verdict, bool]:
        """Return the verdict, and whether the child is fit for the next job."""
        next_beat = time.monotonic() + self.pace.beat_s
        while True:
            wake = min(next_beat, self._deadline, self._timeout)
            answer = self.slot.wait(wake - time.monotonic())
            if answer is not None and (verdict := self._heard(answer)) is not None:
                return verdict, answer.kind in ("done", "failed")
            now = time.monotonic()
            if now >= self._deadline:
                return _failed(DEADLINE_EXCEEDED), False
            if now >= self._timeout:
                return Broken(Problem("timeout", f"not finished after {self.pace.timeout_s:g} s")), False
            if now >= next_beat:
                next_beat = now + self.pace.beat_s
                if (verdict := self._beat()) is not None:
                    return verdict, False

    def _beat(self) -> Verdict | None:
        progress, self._progress = self._progress, None
        heard = self.beat(progress)
        if heard.cancel_requested:
            self._interrupt()
            return Completion(status=Status.CANCELLED, error=CANCELLED.to_dict())
        if heard.deadline_passed:
            return _failed(DEADLINE_EXCEEDED)
        return Abandoned() if self.stopping() else None

    def _heard(self, frame: Frame) -> Verdict | None:
        match frame.kind:
            case "done":
                return _succeeded(frame)
            case "failed":
                fields = frame.fields
                return _failed(Problem(**fields["problem"]), fields["parts"], fields["resource"])
            case "error":
                return Broken(Problem(**frame.fields))
            case "cancelled":
                return Broken(Problem("interrupted", "somebody else interrupted the computation"))
            case "progress":
                self._progress = frame.fields
        return None

    def _interrupt(self) -> None:
        """Give the actor a moment to clean up; a result that comes within it counts for nothing."""
        self.slot.interrupt()
        end = time.monotonic() + self.pace.cancel_grace_s
        while (left_s := end - time.monotonic()) > 0:
            try:
                answer = self.slot.wait(left_s)
            except ChildDied:
                return
            if answer is not None and answer.kind in ANSWERS:
                return


def _succeeded(frame: Frame) -> Completion:
    return Completion(
        status=Status.SUCCEEDED,
        result=frame.body,
        parts=_part_refs(frame.fields["parts"]),
        engine=frame.fields["engine"],
        resource=frame.fields["resource"],
    )


def _failed(
    problem: Problem, parts: Sequence[dict[str, Any]] = (), resource: Mapping[str, str] | None = None
) -> Completion:
    return Completion(
        status=Status.FAILED, error=problem.to_dict(), parts=_part_refs(parts), resource=resource or {}
    )


def _part_refs(parts: Sequence[dict[str, Any]]) -> list[PartRef]:
    return [
        PartRef(
            part["name"],
            part.get("digest", ""),
            part["media_types"][0],
            part.get("bytes", 0),
            part.get("rows"),
        )
        for part in parts
    ]
