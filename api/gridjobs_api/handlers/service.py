"""Probes, metrics, and the API's own description."""

from importlib.metadata import version

from starlette.responses import Response

from gridjobs.metrics import read_async
from gridjobs_api.call import Call
from gridjobs_api.jobtypes import job_types
from gridjobs_api.metrics import exposition
from gridjobs_api.pages import package_file
from gridjobs_api.reply import json_reply

HEALTHY = {"status": "ok", "version": version("gridjobs")}


async def get_health(_: Call) -> Response:
    """Answer at all."""
    return json_reply(HEALTHY)


async def get_readiness(call: Call) -> Response:
    """Say whether jobs can be accepted: the store answers and loses nothing."""
    await call.services.readiness.check()
    return json_reply(HEALTHY)


async def get_metrics(call: Call) -> Response:
    """Give what Prometheus reads."""
    stats = await read_async(call.services.jobs)
    return Response(exposition(call.services.metrics, stats), media_type="text/plain")


async def list_job_types(call: Call) -> Response:
    """List every job type with its schemas."""
    return json_reply({"items": job_types(call.services.bundle)})


async def get_openapi(_: Call) -> Response:
    """Give the OpenAPI description."""
    return json_reply(package_file("openapi.json"))


async def get_asyncapi(_: Call) -> Response:
    """Give the AsyncAPI description."""
    return json_reply(package_file("asyncapi.json"))
