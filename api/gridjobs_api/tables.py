"""Tables of results in the four forms that clients can ask for, encoded row group by row group."""

import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
ARROW = "application/vnd.apache.arrow.stream"
TABLE_TYPES = (JSON, CSV, PARQUET, ARROW)

ROWS_A_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Batches:
    """A table as a stream."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


def read(parquet: bytes) -> Batches:
    """Return a stored table, some rows at a time."""
    file = pq.ParquetFile(pa.BufferReader(parquet))
    return Batches(file.schema_arrow, file.iter_batches(batch_size=ROWS_A_CHUNK))


def of_rows(rows: Sequence[Mapping[str, Any]]) -> Batches:
    """Return rows as a table with every column that any of them has."""
    names = dict.fromkeys(name for row in rows for name in row)
    table = pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})
    return Batches(table.schema, iter(table.to_batches(max_chunksize=ROWS_A_CHUNK)))


def encode(table: Batches, media_type: str) -> Iterator[bytes]:
    """Yield a table in a form, piece by piece; blocking, for a thread."""
    encoder: Callable[[pa.Schema, Iterator[pa.RecordBatch]], Iterator[bytes]] = ENCODERS[media_type]
    return encoder(table.schema, table.batches)


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
    if not len(schema):  # rows that stand in a result have no columns where there are no rows
        yield b"\n"
        return
    with csv.CSVWriter(buffer, flat) as writer:
        for batch in batches:
            writer.write_batch(_flattened(batch, flat))
            yield _drain(buffer)
    yield _drain(buffer)


def _flat(field: pa.Field) -> pa.Field:
    is_text = pa.types.is_nested(field.type) or pa.types.is_timestamp(field.type)
    return pa.field(field.name, pa.string()) if is_text else field


def _flattened(batch: pa.RecordBatch, flat: pa.Schema) -> pa.RecordBatch:
    return pa.record_batch([_text(column) for column in batch.columns], schema=flat)


def _text(column: pa.Array) -> pa.Array:
    """Write times as RFC 3339, lists and structures as JSON: CSV itself has neither."""
    if pa.types.is_timestamp(column.type):
        microseconds = column.cast(pa.timestamp("us", column.type.tz))
        return pc.strftime(
            microseconds, format="%Y-%m-%dT%H:%M:%SZ" if column.type.tz else "%Y-%m-%dT%H:%M:%S"
        )
    if pa.types.is_nested(column.type):
        values = column.to_pylist()
        return pa.array([None if v is None else orjson.dumps(v).decode() for v in values], pa.string())
    return column


def _arrow(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield _drain(buffer)
    yield _drain(buffer)


def _parquet(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    yield buffer.getvalue()


def _drain(buffer: io.BytesIO) -> bytes:
    written = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return written


ENCODERS = {JSON: _json, CSV: _csv, PARQUET: _parquet, ARROW: _arrow}
