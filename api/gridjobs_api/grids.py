"""Grids as the contract describes them, and an index of their components that is kept at hand."""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gridjobs.blobs import BlobStore
from gridjobs.errors import BlobMissing, BlobStoreUnavailable, ResourceNotReady
from gridjobs.resources import Resources
from gridjobs_api.moments import rfc3339

KIND = "grid"
MAX_COMPONENTS = 500_000  # of all indexes at hand; about 100 MB
ROW = ("kind", "name", "cim_class", "base_kv")
Record = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Index:
    """The components of one grid."""

    rows: Mapping[str, list[Any]]  # by mRID, as `ROW` says
    kinds: Mapping[str, str]  # kind by mRID

    def describe(self, mrid: str) -> dict[str, Any]:
        """Return the contract's `GridComponent`."""
        named = zip(ROW, self.rows[mrid], strict=False)
        return {"mrid": mrid} | {name: value for name, value in named if value is not None}


class Grids:
    """Reads grids and their component indexes."""

    def __init__(self, records: Resources, blobs: BlobStore) -> None:
        self.records = records
        self.blobs = blobs
        self._indexes: OrderedDict[str, Index] = OrderedDict()  # by digest: content never changes
        self._digests: dict[tuple[str, str], str] = {}  # of ready grids

    async def components(self, tenant: str, grid_id: str) -> Mapping[str, str]:
        """Return the kind of every component of a ready grid, by mRID.

        Raises GridNotFound and ResourceNotReady. A grid that was ready a moment ago is not looked up again:
        the store itself refuses a job on a grid that has been deleted since.
        """
        digest = self._digests.get((tenant, grid_id))
        if digest is None or digest not in self._indexes:
            return (await self.index(tenant, grid_id)).kinds
        self._indexes.move_to_end(digest)
        return self._indexes[digest].kinds

    async def index(self, tenant: str, grid_id: str) -> Index:
        """Return the component index of a ready grid; raises as `components` does."""
        record = await self.records.get(tenant, grid_id)
        if record["status"] != "ready":
            raise ResourceNotReady(KIND, grid_id, record["status"])
        digest = record["index_digest"]
        if digest not in self._indexes:
            try:
                blob = await self.blobs.get_async(digest)
            except (
                BlobMissing
            ) as error:  # the record says that it is there: the loss is ours, not the caller's
                raise BlobStoreUnavailable(f"the index of grid {grid_id} is missing") from error
            self._keep(digest, await asyncio.to_thread(_parsed, blob))
        self._digests[tenant, grid_id] = digest
        return self._indexes[digest]

    def _keep(self, digest: str, index: Index) -> None:
        self._indexes[digest] = index
        while len(self._indexes) > 1 and sum(len(i.kinds) for i in self._indexes.values()) > MAX_COMPONENTS:
            self._indexes.popitem(last=False)
        if len(self._digests) > 10_000:
            self._digests.clear()


def describe(record: Record) -> dict[str, Any]:
    """Return the contract's `Grid`."""
    base = f"/v1/grids/{record['id']}"
    document: dict[str, Any] = {
        "id": record["id"],
        "name": record.get("name") or None,
        "status": record["status"],
        "created_at": rfc3339(record["created_ms"]),
        "job_id": record.get("job_id"),
        "files": orjson.loads(record["files"]),
        "summary": _json(record, "summary"),
        "problems": _json(record, "problems"),
        "links": {"self": base},
    }
    if "job_id" in record:
        document["links"]["job"] = f"/v1/jobs/{record['job_id']}"
    if record["status"] == "ready":
        document["links"]["components"] = f"{base}/components"
    return {name: value for name, value in document.items() if value is not None}


def _json(record: Record, name: str) -> Any:
    return orjson.loads(record[name]) if record.get(name) else None


def _parsed(blob: bytes) -> Index:
    rows: dict[str, list[Any]] = orjson.loads(blob)
    return Index(rows, {mrid: sys.intern(row[0]) for mrid, row in rows.items()})
