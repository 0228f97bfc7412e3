"""How answers are written: one place for JSON, jobs and problems."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from gridjobs.model import Job
from gridjobs_api.problems import PROBLEM_JSON, RequestProblem, as_json

POLL_AFTER_S = "1"


def json_reply(
    content: Any, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a JSON document; bytes are taken for JSON already."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return Response(body, status, headers, "application/json")


def job_reply(job: Job, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a job, its entity tag, and when to ask again while it is not done."""
    return json_reply(job.to_json(), status, {**job_headers(job), **(headers or {})})


def job_headers(job: Job) -> dict[str, str]:
    """Return the headers of every answer about a job."""
    headers = {"ETag": etag(job)}
    if not job.done:
        headers["Retry-After"] = POLL_AFTER_S
    return headers


def etag(job: Job) -> str:
    """Return the strong entity tag of a job as it stands."""
    return f'"{job.sequence}"'


def not_modified(headers: Mapping[str, str]) -> Response:
    """Answer that what the client has is still current."""
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)


def no_content() -> Response:
    """Answer that it is done and there is nothing to say."""
    return Response(status_code=HTTPStatus.NO_CONTENT)


def problem_reply(problem: RequestProblem, trace_id: str) -> Response:
    """Answer with problem details."""
    headers = dict(problem.headers)
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(problem.retry_after_s))
    return Response(orjson.dumps(as_json(problem, trace_id)), problem.kind.status, headers, PROBLEM_JSON)
