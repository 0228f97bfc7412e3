"""Result parts on their way to the blob store."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gridjobs_workers.task import BlobReader, Part

TABLE_MEDIA_TYPES = (
    "application/vnd.apache.parquet",
    "application/vnd.apache.arrow.stream",
    "application/json",
    "text/csv",
)


def stored(part: Part, blobs: BlobReader) -> dict[str, Any]:
    """Store a part and describe it as the contract's ResultPart; its first media type is the stored form."""
    if isinstance(part.content, list):
        return {"name": part.name, "media_types": list(TABLE_MEDIA_TYPES), "rows": len(part.content)}
    data = encoded(part)
    description = {"name": part.name, "digest": blobs.put(data), "bytes": len(data)}
    if isinstance(part.content, pa.Table):
        return description | {"media_types": list(TABLE_MEDIA_TYPES), "rows": part.content.num_rows}
    return description | {"media_types": [part.media_type]}


def encoded(part: Part) -> bytes:
    """Return the bytes that stand for a part: a table as Parquet, bytes as they are."""
    if isinstance(part.content, bytes):
        return part.content
    buffer = io.BytesIO()
    pq.write_table(part.content, buffer, compression="zstd")
    return buffer.getvalue()
