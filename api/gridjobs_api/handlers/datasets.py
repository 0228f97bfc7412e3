"""Datasets: upload, list, describe, delete."""

import asyncio
from http import HTTPStatus

import orjson
from starlette.responses import Response

from gridjobs.model import NewResource
from gridjobs_api.call import Call
from gridjobs_api.datasets import KIND, describe
from gridjobs_api.inspection import inspect
from gridjobs_api.reply import json_reply, no_content
from gridjobs_api.spool import Spool
from gridjobs_api.uploads import read_into, temporary_folder

ID_LENGTH = 32


async def upload_dataset(call: Call, name: str | None = None) -> Response:
    """Store a table; the same bytes give the same dataset."""
    media_type = call.headers["content-type"].partition(";")[0].strip().lower()
    async with temporary_folder() as folder:
        spool = await asyncio.to_thread(Spool, folder)
        await read_into(spool.write, call, call.services.settings.upload_limit_bytes)
        file = spool.end()
        table = await asyncio.to_thread(inspect, file.path, media_type)
        await asyncio.to_thread(call.services.jobs.blobs.put_file, file.path, file.digest)
    fields = {
        "media_type": media_type,
        "bytes": str(file.bytes),
        "digest": file.digest,
        "rows": str(table.rows),
        "columns": orjson.dumps(table.columns).decode(),
        **({"name": name} if name else {}),
    }
    dataset = NewResource(KIND, file.digest[:ID_LENGTH], fields, [file.digest], "ready")
    is_new, record = await call.services.datasets.records.create(call.tenant, dataset)
    document = describe(record)
    status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return json_reply(document, status, {"Location": document["links"]["self"]})


async def list_datasets(call: Call, limit: int, cursor: str | None = None) -> Response:
    """Give a page of datasets, newest first."""
    records, following = await call.services.datasets.records.page(call.tenant, limit, cursor)
    page = {"items": [describe(record) for record in records]}
    return json_reply(page | ({"next": following} if following else {}))


async def get_dataset(call: Call, dataset_id: str) -> Response:
    """Describe a dataset."""
    return json_reply(describe(await call.services.datasets.records.get(call.tenant, dataset_id)))


async def delete_dataset(call: Call, dataset_id: str) -> Response:
    """Delete a dataset; jobs accepted before keep what they need."""
    await call.services.datasets.records.delete(call.tenant, dataset_id)
    return no_content()
