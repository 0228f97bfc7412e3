"""Datasets as the contract describes them."""

from collections.abc import Mapping
from typing import Any

import orjson

from gridjobs.resources import Resources
from gridjobs_api.moments import rfc3339

KIND = "dataset"


class Datasets:
    """Reads datasets."""

    def __init__(self, records: Resources) -> None:
        self.records = records

    async def columns(self, tenant: str, dataset_id: str) -> frozenset[str]:
        """Return the names of a dataset's columns; raises DatasetNotFound."""
        record = await self.records.get(tenant, dataset_id)
        return frozenset(column["name"] for column in orjson.loads(record["columns"]))


def describe(record: Mapping[str, str]) -> dict[str, Any]:
    """Return the contract's `Dataset`."""
    document = {
        "id": record["id"],
        "name": record.get("name") or None,
        "media_type": record["media_type"],
        "bytes": int(record["bytes"]),
        "digest": record["digest"],
        "rows": int(record["rows"]),
        "columns": orjson.loads(record["columns"]),
        "created_at": rfc3339(record["created_ms"]),
        "links": {"self": f"/v1/datasets/{record['id']}"},
    }
    return {name: value for name, value in document.items() if value is not None}
