"""What an uploaded table holds: rows and typed columns; a table that nobody could use is refused."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from gridjobs_api.problems import Fault, RequestProblem, faulty

MAX_LOOSENED = 8
COLUMN = re.compile(r"In CSV column #(\d+)")


@dataclass(frozen=True, slots=True)
class Table:
    """The shape of a table."""

    rows: int
    columns: list[dict[str, str]]  # [{"name", "type"}]


def inspect(path: Path, media_type: str) -> Table:
    """Read a table through once; blocking, for a thread.

    Raises:
        RequestProblem: `invalid_file`, with the reason and without the content.
    """
    try:
        schema, rows = READERS[media_type](path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, UnicodeDecodeError):
        raise RequestProblem("invalid_file", f"it cannot be read as {media_type}") from None
    if faults := _faults(schema):
        raise faulty("invalid_file", faults)
    return Table(rows, [{"name": field.name, "type": str(field.type)} for field in schema])


def _parquet(path: Path) -> tuple[pa.Schema, int]:
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            file.read_row_group(group)
        return file.schema_arrow, file.metadata.num_rows


def _csv(path: Path) -> tuple[pa.Schema, int]:
    """Infer the types from the first rows; where later ones do not fit, loosen the column and begin again."""
    types: dict[str, pa.DataType] = {}
    for _ in range(MAX_LOOSENED):
        try:
            return _csv_with(path, types)
        except pa.ArrowInvalid as error:
            if (match := COLUMN.search(str(error))) is None:
                raise
            field = _csv_schema(path, types).field(int(match[1]))
            types[field.name] = _looser(field.type)
    return _csv_with(path, {field.name: pa.string() for field in _csv_schema(path, types)})


def _looser(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind):
        return pa.float64()
    if pa.types.is_timestamp(kind) and kind.unit != "ns":
        return pa.timestamp("ns", kind.tz)
    return pa.string()


def _csv_with(path: Path, types: Mapping[str, pa.DataType]) -> tuple[pa.Schema, int]:
    with csv.open_csv(path, convert_options=csv.ConvertOptions(column_types=types)) as reader:
        return reader.schema, sum(batch.num_rows for batch in reader)


def _csv_schema(path: Path, types: Mapping[str, pa.DataType]) -> pa.Schema:
    with csv.open_csv(path, convert_options=csv.ConvertOptions(column_types=types)) as reader:
        return reader.schema


def _faults(schema: pa.Schema) -> list[Fault]:
    faults = []
    names = list(schema.names)
    for place, field in enumerate(schema):
        pointer = f"/columns/{place}"
        if not field.name:
            faults.append(Fault(pointer, "missing", "the column has no name"))
        elif names.index(field.name) != place:
            faults.append(Fault(pointer, "not_unique", "another column has the same name"))
        if pa.types.is_timestamp(field.type) and field.type.tz is None:
            faults.append(Fault(pointer, "naive_time", "times need an offset, as 2026-01-01T00:00:00Z"))
        if pa.types.is_binary(field.type):  # so does CSV that is not UTF-8 look
            faults.append(
                Fault(pointer, "wrong_format", "the column is neither numbers nor times nor UTF-8 text")
            )
    return faults


READERS: Mapping[str, Callable[[Path], tuple[pa.Schema, int]]] = {
    "text/csv": _csv,
    "application/vnd.apache.parquet": _parquet,
}
