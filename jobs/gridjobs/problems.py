"""Problems that end a job, as data (RFC 9457, the contract's `Problem` without HTTP knowledge)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

# "Within a job the status that an HTTP answer would have had": 422 unless the fault was not the input's.
_STATUS: Final = {
    "attempts_exhausted": 500,
    "deadline_exceeded": 504,
    "cancelled": 409,
    "internal_error": 500,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a job has no result."""

    code: str
    detail: str
    title: str = ""
    retryable: bool = False
    errors: Sequence[dict[str, Any]] = field(default=())  # [{"pointer", "code", "detail"}]

    def to_dict(self) -> dict[str, Any]:
        """Return the contract's form."""
        problem: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": self.title or self.code.replace("_", " ").capitalize(),
            "status": _STATUS.get(self.code, 422),
            "code": self.code,
            "detail": self.detail,
            "retryable": self.retryable,
        }
        if self.errors:
            problem["errors"] = list(self.errors)
        return problem

    def to_json(self) -> bytes:
        """Return the contract's form as JSON."""
        return orjson.dumps(self.to_dict())


DEADLINE_EXCEEDED: Final = Problem("deadline_exceeded", "the job was not finished at its deadline")
CANCELLED: Final = Problem("cancelled", "the job was cancelled on request")
LEASE_LOST: Final = Problem(
    "attempts_exhausted",
    "every attempt lost its worker (a crash, memory, or a lost connection)",
    title="All attempts failed",
    retryable=True,
)


def attempts_exhausted(last: Problem) -> Problem:
    """Return the problem of a job whose last allowed attempt has ended with `last`."""
    return Problem(
        "attempts_exhausted",
        f"every attempt failed; the last with {last.code}: {last.detail}",
        title="All attempts failed",
        retryable=True,
        errors=last.errors,
    )
