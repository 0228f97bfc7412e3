"""Grids: upload, list, describe, delete; their components."""

import asyncio
import hashlib
from base64 import b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from gridjobs.blobs import BlobStore
from gridjobs.canonical import canonical_json
from gridjobs.errors import InvalidCursor
from gridjobs.model import JobType, NewResource, Submission
from gridjobs_api.call import Call
from gridjobs_api.grids import KIND, Index, describe
from gridjobs_api.idempotency import bare
from gridjobs_api.multipart import Form, FormReader
from gridjobs_api.reply import POLL_AFTER_S, json_reply, no_content
from gridjobs_api.spool import Spooled
from gridjobs_api.uploads import read_into, temporary_folder

ID_LENGTH = 32
ROUTE = "/v1/grids"


async def upload_grid(call: Call, idempotency_key: str | None = None) -> Response:
    """Store the files and accept their import; the same files give the same grid."""
    await call.services.readiness.require()
    async with temporary_folder() as folder:
        reader = FormReader(call.headers["content-type"], folder, frozenset({"name"}))
        await read_into(reader.feed, call, call.services.settings.upload_limit_bytes)
        form = reader.end()
        await asyncio.to_thread(_store, form, call.services.jobs.blobs)
    accepted = await call.services.jobs.accept(_submission(form, call, idempotency_key))
    assert accepted.resource is not None
    is_new = accepted.job is not None and not accepted.replayed
    return _grid_reply(accepted.resource, HTTPStatus.ACCEPTED if is_new else HTTPStatus.OK)


async def list_grids(call: Call, limit: int, cursor: str | None = None) -> Response:
    """Give a page of grids, newest first."""
    records, following = await call.services.grids.records.page(call.tenant, limit, cursor)
    return _page([describe(record) for record in records], following)


async def get_grid(call: Call, grid_id: str) -> Response:
    """Describe a grid."""
    return _grid_reply(await call.services.grids.records.get(call.tenant, grid_id), HTTPStatus.OK)


async def delete_grid(call: Call, grid_id: str) -> Response:
    """Delete a grid; jobs accepted before keep what they need."""
    await call.services.grids.records.delete(call.tenant, grid_id)
    return no_content()


async def list_grid_components(
    call: Call, grid_id: str, limit: int, cursor: str | None = None, kind: str | None = None
) -> Response:
    """Give a page of a grid's components, in the order of their mRIDs."""
    index = await call.services.grids.index(call.tenant, grid_id)
    mrids = await asyncio.to_thread(_ordered, index, kind)
    begin = bisect_right(mrids, _decoded(cursor)) if cursor else 0
    page = mrids[begin : begin + limit]
    following = _encoded(page[-1]) if begin + limit < len(mrids) else None
    return _page([index.describe(mrid) for mrid in page], following)


def grid_id_of(files: Iterable[Spooled]) -> str:
    """Return the id that the content of some files decides, not their order, names or repetitions."""
    digests = sorted({file.digest for file in files})
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:ID_LENGTH]


def _store(form: Form, blobs: BlobStore) -> None:
    for _, file in form.files:
        blobs.put_file(file.path, file.digest)


def _submission(form: Form, call: Call, key: str | None) -> Submission:
    distinct = {file.digest: (name, file) for name, file in form.files}
    grid_id = grid_id_of(file for _, file in form.files)
    files = [{"name": n, "bytes": f.bytes, "digest": f.digest} for n, f in distinct.values()]
    name = form.texts.get("name", "")
    grid = NewResource(
        KIND,
        grid_id,
        fields={"files": orjson.dumps(files).decode(), **({"name": name} if name else {})},
        blobs=list(distinct),
    )
    return Submission(
        type=JobType.GRID_IMPORT,
        tenant=call.tenant,
        principal=call.principal,
        input=canonical_json({"grid_id": grid_id, "files": files, **({"name": name} if name else {})}),
        creates=grid,
        idempotency_key=bare(key),
        route=ROUTE,
        trace_id=call.trace_id,
    )


def _grid_reply(record: Mapping[str, str], status: int) -> Response:
    document = describe(record)
    headers = {"Location": document["links"]["self"]}
    if record["status"] == "importing":
        headers["Retry-After"] = POLL_AFTER_S
    return json_reply(document, status, headers)


def _page(items: list[dict[str, Any]], following: str | None) -> Response:
    return json_reply({"items": items} | ({"next": following} if following else {}))


def _ordered(index: Index, kind: str | None) -> list[str]:
    return sorted(mrid for mrid, found in index.kinds.items() if kind is None or found == kind)


def _encoded(mrid: str) -> str:
    return urlsafe_b64encode(mrid.encode()).decode()


def _decoded(cursor: str) -> str:
    try:
        return b64decode(cursor, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise InvalidCursor(cursor) from None
