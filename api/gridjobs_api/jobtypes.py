"""The job types, as the contract itself lists them."""

from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]


def job_types(bundle: Mapping[str, Any]) -> list[Json]:
    """Return every job type of a bundled description, with self-contained request and result schemas."""
    return [
        {
            "type": operation["x-job-type"],
            "path": path,
            "summary": operation["summary"],
            "request_schema": _with_definitions(_request(operation), bundle),
            "result_schema": _with_definitions(_result(operation["x-job-type"], bundle), bundle),
        }
        for path, operation in _operations(bundle)
        if "x-job-type" in operation
    ]


def _operations(bundle: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    for path, item in bundle["paths"].items():
        for member in item.values():
            if isinstance(member, dict) and "operationId" in member:
                yield path, member


def _request(operation: Json) -> Json:
    content: Json = operation["requestBody"]["content"]
    schema: Json = next(iter(content.values()))["schema"]
    return schema


def _result(job_type: str, bundle: Mapping[str, Any]) -> Json:
    mapping: dict[str, str] = bundle["components"]["schemas"]["JobResult"]["discriminator"]["mapping"]
    return {"$ref": mapping[job_type]}


def _with_definitions(schema: Json, bundle: Mapping[str, Any]) -> Json:
    """Add the schemas that a schema refers to, directly or not, where its references point to."""
    needed: dict[str, Json] = {}
    waiting = [schema]
    while waiting:
        for name in _references(waiting.pop()):
            if name not in needed:
                needed[name] = bundle["components"]["schemas"][name]
                waiting.append(needed[name])
    return {**schema, "components": {"schemas": needed}} if needed else schema


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rpartition("/")[2]
        for member in node.values():
            yield from _references(member)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)
