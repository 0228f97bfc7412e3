"""The one handler of every operation that starts a job from a JSON body: nothing in it knows a job type."""

from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from gridjobs.canonical import canonical_json
from gridjobs.model import Job, Submission
from gridjobs_api.admission import admit
from gridjobs_api.call import Call
from gridjobs_api.checks.common import moment
from gridjobs_api.idempotency import bare
from gridjobs_api.operation import Handler
from gridjobs_api.problems import RequestProblem
from gridjobs_api.references import references
from gridjobs_api.reply import job_reply


def submitter(job_type: str, route: str) -> Handler:
    """Return the handler that accepts jobs of a type at a path."""

    async def submit(call: Call, idempotency_key: str | None = None) -> Response:
        """Accept a job and point the caller at it."""
        submission = _submission(job_type, route, call, idempotency_key)
        try:
            await admit(submission, call)
        except RequestProblem:  # what was sound when it came first may have aged since
            job = await call.services.jobs.replay(submission) if idempotency_key else None
            if job is None:
                raise
            return _accepted(job)
        await call.services.readiness.require()
        accepted = await call.services.jobs.accept(submission)
        assert accepted.job is not None, "only a submission that makes a resource may find it there already"
        return _accepted(accepted.job)

    return submit


def _accepted(job: Job) -> Response:
    return job_reply(job, HTTPStatus.ACCEPTED, {"Location": f"/v1/jobs/{job.id}"})


def _submission(job_type: str, route: str, call: Call, key: str | None) -> Submission:
    body: dict[str, Any] = call.body
    deadline = body.get("deadline_at")
    return Submission(
        type=job_type,
        tenant=call.tenant,
        principal=call.principal,
        input=canonical_json(body),
        labels=body.get("labels", {}),
        deadline_at=moment(deadline) if deadline else None,
        refers_to=references(body),
        idempotency_key=bare(key),
        route=route,
        trace_id=call.trace_id,
    )
