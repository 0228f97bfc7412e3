"""Calls about grids and datasets."""

import orjson

from gridjobs import errors, keys
from gridjobs.calls.call import Call, Reply, record
from gridjobs.calls.cursors import decode_cursor, encode_cursor
from gridjobs.calls.submission import new_resource
from gridjobs.model import (
    NewResource,
    routable,
)


def create_resource(resource: NewResource, tenant: str) -> Call[tuple[bool, dict[str, str]]]:
    """Create a resource that no job has to make; returns whether it is new, and the record."""
    spec = orjson.dumps({**new_resource(resource, tenant), "tenant": routable(tenant)})
    return Call("resource_create", (spec,), lambda reply: (reply[0] == b"created", record(reply[1])))


def get_resource(kind: str, tenant: str, resource_id: str) -> Call[dict[str, str]]:
    """Read a resource's record; empty when there is none."""
    return Call("resource_get", (keys.resource(kind, tenant, resource_id),), record)


def delete_resource(kind: str, tenant: str, resource_id: str) -> Call[None]:
    """Delete a resource."""

    def decode(reply: Reply) -> None:
        if reply[0] == b"not_found":
            raise errors.resource_not_found(kind, resource_id)
        if reply[0] == b"not_ready":
            raise errors.ResourceNotReady(kind, resource_id, reply[1].decode())

    return Call("resource_delete", (keys.resource(kind, tenant, resource_id),), decode)


def list_resources(
    kind: str, tenant: str, limit: int, cursor: str | None
) -> Call[tuple[list[dict[str, str]], str | None]]:
    """Read a page of resources and the cursor of the next."""
    args = (f"{kind}:{tenant}", decode_cursor(cursor), limit)
    return Call(
        "resource_list", args, lambda reply: ([record(flat) for flat in reply[1]], encode_cursor(reply[2]))
    )
