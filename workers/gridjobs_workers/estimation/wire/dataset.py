"""Measurements from a dataset in long form: one row a measurement, several times make snapshots."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

PARQUET = "application/vnd.apache.parquet"
TEXTS = ("component", "measurand", "unit", "phase", "id")
NUMBERS = ("value", "sigma", "accuracy_class")
COLUMNS = (*TEXTS, *NUMBERS, "side", "pseudo")
Snapshot = tuple[str, list[dict[str, Any]]]  # time ("" where there is none), measurements


class BadDataset(Exception):
    """The dataset is no table of measurements."""


def snapshots(content: bytes, media_type: str) -> Iterator[Snapshot]:
    """Yield the measurements of each time, in order of time.

    Args:
        content: CSV or Parquet, as uploaded.
        media_type: Which of the two.

    Raises:
        BadDataset: A column is missing or holds something else than it should.
    """
    table = _read(content, media_type)
    if "time" not in table.column_names:
        yield "", _rows(table)
        return
    times = pc.cast(table["time"], pa.timestamp("us", "UTC")) if _is_text(table["time"]) else table["time"]
    ordered = table.set_column(table.column_names.index("time"), "time", times).sort_by("time")
    for moment in pc.unique(ordered["time"]):
        rows = ordered.filter(pc.equal(ordered["time"], moment))
        yield moment.as_py().isoformat().replace("+00:00", "Z"), _rows(rows)


def _read(content: bytes, media_type: str) -> pa.Table:
    types = {name: pa.string() for name in TEXTS} | {name: pa.float64() for name in NUMBERS}
    try:
        if media_type == PARQUET:
            table = pq.read_table(BytesIO(content))
        else:
            options = csv.ConvertOptions(column_types=types, strings_can_be_null=True)
            table = csv.read_csv(BytesIO(content), convert_options=options)
        missing = {"component", "measurand", "value"} - set(table.column_names)
        if missing:
            raise BadDataset(f"the dataset has no column {', '.join(sorted(missing))}")
        for name, kind in types.items():
            if name in table.column_names:
                place = table.column_names.index(name)
                table = table.set_column(place, name, table[name].cast(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadDataset(str(error)) from error
    return table


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    known = table.select([name for name in table.column_names if name in COLUMNS])
    return [{k: v for k, v in row.items() if v is not None} for row in known.to_pylist()]


def _is_text(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))
