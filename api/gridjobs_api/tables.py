"""Tables of results in the four forms that clients can ask for, encoded row group by row group."""

import io
import math
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
ARROW = "application/vnd.apache.arrow.stream"
TABLE_TYPES = (JSON, CSV, PARQUET, ARROW)

ROWS_A_CHUNK = 4096


def encode(parquet: bytes, media_type: str) -> Iterator[bytes]:
    """Yield a stored table (Parquet) in another form, some rows at a time; blocking, for a thread."""
    if media_type == PARQUET:
        return iter([parquet])
    encoder: Callable[[pa.Schema, Iterator[pa.RecordBatch]], Iterator[bytes]] = ENCODERS[media_type]
    file = pq.ParquetFile(pa.BufferReader(parquet))
    return encoder(file.schema_arrow, file.iter_batches(batch_size=ROWS_A_CHUNK))


def _json(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    plain = pa.schema([_microseconds(field) for field in schema])
    separator = b"["
    for batch in batches:
        rows = orjson.dumps([_dense(row) for row in batch.cast(plain).to_pylist()], option=orjson.OPT_UTC_Z)
        if len(rows) > 2:
            yield separator + rows[1:-1]
            separator = b","
    yield b"]" if separator == b"," else b"[]"


def _microseconds(field: pa.Field) -> pa.Field:
    """Return the field with the finest time that Python knows."""
    if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
        return field.with_type(pa.timestamp("us", field.type.tz))
    return field


def _dense(row: dict[str, Any]) -> dict[str, Any]:
    """Leave absent values out: the contract has no nulls, and JSON no number that is not finite."""
    return {name: value for name, value in row.items() if value is not None and not _endless(value)}


def _endless(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _csv(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    flat = pa.schema([_flat(field) for field in schema])
    buffer = io.BytesIO()
    with csv.CSVWriter(buffer, flat) as writer:
        for batch in batches:
            writer.write_batch(_flattened(batch, flat))
            yield _drain(buffer)
    yield _drain(buffer)


def _flat(field: pa.Field) -> pa.Field:
    return pa.field(field.name, pa.string()) if pa.types.is_nested(field.type) else field


def _flattened(batch: pa.RecordBatch, flat: pa.Schema) -> pa.RecordBatch:
    """Write lists and structures as JSON text: CSV has no other way."""
    columns = [
        pa.array([None if value is None else orjson.dumps(value).decode() for value in column.to_pylist()])
        if pa.types.is_nested(column.type)
        else column
        for column in batch.columns
    ]
    return pa.record_batch([c.cast(f.type) for c, f in zip(columns, flat, strict=True)], schema=flat)


def _arrow(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield _drain(buffer)
    yield _drain(buffer)


def _drain(buffer: io.BytesIO) -> bytes:
    written = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return written


ENCODERS = {JSON: _json, CSV: _csv, ARROW: _arrow}
