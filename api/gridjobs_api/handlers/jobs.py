"""Jobs: read, wait for, list, cancel, purge; their events and results."""

from collections.abc import Sequence

from starlette.responses import Response, StreamingResponse

from gridjobs.model import Job
from gridjobs_api import parts
from gridjobs_api.accept import chosen
from gridjobs_api.call import Call
from gridjobs_api.reply import etag, job_headers, job_reply, json_reply, no_content, not_modified
from gridjobs_api.sse import event_stream
from gridjobs_api.waiting import long_poll_s, seen_sequence, while_connected

# A picture or a document that a browser opens must not run anything in the name of this server.
PART_HEADERS = {
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}


async def list_jobs(
    call: Call,
    limit: int,
    cursor: str | None = None,
    type: str | None = None,  # noqa: A002  # the contract's name
    status: str | None = None,
    label: Sequence[str] = (),
) -> Response:
    """Give a page of jobs, newest first."""
    page = await call.services.jobs.list_jobs(
        call.tenant, job_type=type, status=status, labels=_labels(label), limit=limit, cursor=cursor
    )
    document = {"items": [job.to_dict() for job in page.items]}
    return json_reply(document | ({"next": page.next} if page.next else {}))


async def get_job(
    call: Call, job_id: str, prefer: str | None = None, if_none_match: str | None = None
) -> Response:
    """Give a job; on request only once it has changed."""
    wait_s = long_poll_s(prefer)
    if wait_s is None:
        job = await call.services.jobs.get(call.tenant, job_id)
    else:
        job = await _changed(call, job_id, if_none_match, wait_s)
    headers = {} if wait_s is None else {"Preference-Applied": f"wait={wait_s}"}
    if if_none_match is not None and _matches(if_none_match, etag(job)):
        return not_modified(job_headers(job) | headers)
    return job_reply(job, headers=headers)


async def _changed(call: Call, job_id: str, if_none_match: str | None, wait_s: int) -> Job:
    """Wait for a change since the version that the caller has; without one, for the end."""
    sequence = seen_sequence(if_none_match)
    with call.services.waiters.one():
        change = call.services.jobs.wait_for_change(call.tenant, job_id, sequence, wait_s)
        return await while_connected(call.receive, change)


async def purge_job(call: Call, job_id: str) -> Response:
    """Remove a finished job with its result."""
    await call.services.jobs.purge(call.tenant, job_id)
    return no_content()


async def cancel_job(call: Call, job_id: str) -> Response:
    """Ask a job to stop."""
    return job_reply(await call.services.jobs.cancel(call.tenant, job_id))


async def get_result(call: Call, job_id: str, if_none_match: str | None = None) -> Response:
    """Give the typed result of a succeeded job."""
    result = await call.services.jobs.result(call.tenant, job_id)
    headers = {"ETag": f'"{result.job.result_digest}"'}
    if if_none_match is not None and _matches(if_none_match, headers["ETag"]):
        return not_modified(headers)
    return json_reply(result.body, headers=headers)


async def get_result_part(call: Call, job_id: str, part: str) -> Response:
    """Give a table or file of a result in the form that the caller prefers."""
    found = await parts.find(call.services.jobs, call.tenant, job_id, part)
    media_type = chosen(call.headers.get("accept", ""), found.media_types)
    content = await parts.begun(found.content(media_type))
    return StreamingResponse(content, headers=PART_HEADERS, media_type=media_type)


async def list_job_events(call: Call, job_id: str, after: int) -> Response:
    """Give the events of a job, oldest first."""
    events = await call.services.jobs.events(call.tenant, job_id, after)
    return json_reply(b'{"items":[' + b",".join(event.to_json() for event in events) + b"]}")


async def stream_job_events(call: Call, job_id: str, last_event_id: str | None = None) -> Response:
    """Follow the events of a job."""
    after = int(last_event_id) if last_event_id and last_event_id.isdecimal() else 0
    return await event_stream(call, job_id, after)


def _labels(texts: Sequence[str]) -> list[tuple[str, str]]:
    pairs = (text.partition("=") for text in texts)
    return [(name, value) for name, _, value in pairs]


def _matches(if_none_match: str, tag: str) -> bool:
    """Compare entity tags weakly (RFC 9110, section 13.1.2)."""
    if if_none_match.strip() == "*":
        return True
    return tag in (candidate.strip().removeprefix("W/") for candidate in if_none_match.split(","))
