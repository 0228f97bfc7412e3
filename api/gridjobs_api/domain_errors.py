"""The one table from errors of the job domain to problems of HTTP."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException

from gridjobs import errors
from gridjobs_api.problems import Fault, Kind, RequestProblem

LATER_S = 1.0
STORE_LATER_S = 2.0
QUEUE_LATER_S = 5.0


def _job_failed(error: errors.JobFailed) -> RequestProblem:
    """The job's own problem, as a conflict: there is no result, and there will be none."""
    problem: dict[str, Any] = dict(error.problem)
    kind = Kind(
        HTTPStatus.CONFLICT, problem.get("title", "The job has no result"), problem.get("retryable", False)
    )
    faults = [Fault(f["pointer"], f["code"], f["detail"]) for f in problem.get("errors", [])]
    return RequestProblem(problem.get("code", "job_failed"), problem.get("detail", ""), faults, own_kind=kind)


def _resource_not_found(error: errors.ResourceNotFound) -> RequestProblem:
    code = f"{error.kind}_not_found"
    detail = f"there is no such {error.kind}"
    if error.role:  # a submission refers to it
        return RequestProblem(code, detail, [Fault(f"/{error.role}_id", code, detail)])
    return RequestProblem(code, detail)


def _resource_not_ready(error: errors.ResourceNotReady) -> RequestProblem:
    detail = f"the {error.kind} is {error.status}"
    faults = [Fault(f"/{error.role}_id", f"{error.kind}_{error.status}", detail)] if error.role else []
    if error.status == "importing":
        return RequestProblem("grid_not_ready", detail, faults, retry_after_s=LATER_S)
    return RequestProblem("invalid_input" if error.role else "grid_unusable", detail, faults)


TABLE: Mapping[type[Exception], Callable[..., RequestProblem]] = {
    errors.JobNotFound: lambda _: RequestProblem("job_not_found", "there is no such job"),
    errors.ResourceNotFound: _resource_not_found,
    errors.PartNotFound: lambda _: RequestProblem("part_not_found", "the result has no part of this name"),
    errors.NotFound: lambda _: RequestProblem("not_found", "there is no such thing"),
    errors.JobGone: lambda _: RequestProblem("job_gone", "the job has been purged"),
    errors.ResultExpired: lambda _: RequestProblem("result_expired", "the result has passed its retention"),
    errors.JobNotFinished: lambda _: RequestProblem(
        "job_not_done", "the job is not done yet", retry_after_s=LATER_S
    ),
    errors.JobFailed: _job_failed,
    errors.IdempotencyConflict: lambda _: RequestProblem(
        "idempotency_key_reused", "the key came before with another body; use a new one"
    ),
    errors.ResourceNotReady: _resource_not_ready,
    errors.InvalidCursor: lambda _: RequestProblem(
        "invalid_cursor",
        "use the `next` of a page as it is",
        [Fault("query/cursor", "invalid_cursor", "is not ours")],
    ),
    errors.QueueFull: lambda _: RequestProblem(
        "queue_full", "too many jobs of this type wait", retry_after_s=QUEUE_LATER_S
    ),
    errors.StoreNotDurable: lambda error: RequestProblem(
        "store_not_durable", str(error), retry_after_s=STORE_LATER_S
    ),
    errors.StoreUnavailable: lambda _: RequestProblem(
        "store_unavailable", "the store does not answer", retry_after_s=STORE_LATER_S
    ),
    errors.BlobStoreUnavailable: lambda _: RequestProblem(
        "store_unavailable", "the blob store does not answer", retry_after_s=STORE_LATER_S
    ),
    errors.BlobMissing: lambda _: RequestProblem("result_expired", "what is asked for is no longer kept"),
    HTTPException: lambda _: RequestProblem("not_found", "there is nothing at this path"),
}


def problem_of(error: Exception) -> RequestProblem:
    """Return the problem that tells the caller about an error; what nobody foresaw is an internal error."""
    if isinstance(error, RequestProblem):
        return error
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind](error)
    return RequestProblem("internal_error", "the fault is ours; quote the trace id when asking for help")
