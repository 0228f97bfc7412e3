"""Whoever adds a job type writes a path and two schemas: everything else is there."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.api import Hand

from gridjobs.settings import Settings
from gridjobs.store import JobStore
from gridjobs_api.app import create_app


@pytest.fixture
def bundle() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files("gridjobs_api").joinpath("pages/openapi.json").read_bytes())
    operation = copy.deepcopy(document["paths"]["/v1/estimations"]["post"])
    operation |= {"operationId": "submitHosting", "tags": ["hosting"], "x-job-type": "hosting-capacity"}
    operation["requestBody"]["content"]["application/json"]["schema"] = {
        "type": "object",
        "required": ["grid_id", "nodes"],
        "additionalProperties": False,
        "properties": {
            "grid_id": {"type": "string"},
            "nodes": {"type": "array", "items": {"type": "string", "maxLength": 5}},
            "deadline_at": {"$ref": "#/components/schemas/DeadlineAt"},
        },
    }
    document["paths"]["/v1/hosting-capacities"] = {"post": operation}
    return document


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application in this process, which is started and stopped as a server would."""
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    heard: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan", "state": {}}, told.get, heard.put))
    await told.put({"type": "lifespan.startup"})
    assert (await heard.get())["type"] == "lifespan.startup.complete"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        yield client
    await told.put({"type": "lifespan.shutdown"})
    assert (await heard.get())["type"] == "lifespan.shutdown.complete"
    await life


def test_new_job_type_needs_no_handler(bundle: dict[str, Any], redis_url: str, tmp_path: Path) -> None:
    settings = Settings(store_url=redis_url, data_dir=tmp_path)

    async def scenario(hand: Hand) -> tuple[httpx.Response, httpx.Response]:
        async with served(create_app(settings, bundle)) as client:
            wrong = {"grid_id": "g", "nodes": ["too long"], "deadline_at": "x", "more": 1}
            faulty = await client.post("/v1/hosting-capacities", json=wrong)
            upload = await client.post("/v1/grids", files={"files": ("a.xml", b"<a/>")})
            hand.make_ready(upload.json(), {"N1": ["node"]})
            body = {"grid_id": upload.json()["id"], "nodes": ["N1"]}
            return faulty, await client.post("/v1/hosting-capacities", json=body)

    with closing(JobStore.connect(settings)) as store:
        faulty, accepted = asyncio.run(scenario(Hand(store)))
        claim = store.claim(accepted.json()["id"])

    pointers = [fault["pointer"] for fault in faulty.json()["errors"]]
    assert (faulty.status_code, sorted(pointers)) == (422, ["/deadline_at", "/more", "/nodes/0"])
    assert (accepted.status_code, accepted.json()["type"]) == (202, "hosting-capacity")
    assert claim is not None
    assert json.loads(claim.input)["nodes"] == ["N1"]
    assert claim.resources["grid"]["status"] == "ready"
