import io

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.api import Hand

CSV = b"time,load,site\n2026-01-01T00:00:00Z,1,A\n2026-01-01T00:15:00Z,2.5,B\n"


def upload(api: httpx.Client, content: bytes, kind: str = "text/csv", **query: str) -> httpx.Response:
    return api.post("/v1/datasets", content=content, headers={"Content-Type": kind}, params=query)


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def test_csv_is_stored_and_described(api: httpx.Client, hand: Hand) -> None:
    answer = upload(api, CSV, name="Loads")

    assert answer.status_code == 201
    dataset = answer.json()
    assert (dataset["name"], dataset["rows"], dataset["bytes"]) == ("Loads", 2, len(CSV))
    assert dataset["columns"] == [
        {"name": "time", "type": "timestamp[s, tz=UTC]"},
        {"name": "load", "type": "double"},
        {"name": "site", "type": "string"},
    ]
    assert hand.store.blobs.get(dataset["digest"]) == CSV
    assert api.get(answer.headers["location"]).json() == dataset


def test_same_bytes_are_the_same_dataset(api: httpx.Client) -> None:
    first, again = upload(api, CSV), upload(api, CSV, "text/csv; charset=utf-8")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


def test_parquet_is_described_by_its_schema(api: httpx.Client) -> None:
    table = pa.table({"n": pa.array([1, 2, 3], pa.int64()), "v": pa.array([1.5, None, 2.5])})
    dataset = upload(api, parquet(table), "application/vnd.apache.parquet").json()
    assert (dataset["rows"], [column["type"] for column in dataset["columns"]]) == (3, ["int64", "double"])


def test_column_that_turns_into_fractions_or_text_late_is_typed_by_all_its_rows(api: httpx.Client) -> None:
    time = b"2026-01-01T00:00:00"
    rows = b"".join(
        b"%d,%d,%d,%sZ\n" % (n, n, n, time) for n in range(100_000)
    )  # several blocks of the reader
    dataset = upload(api, b"a,b,c,d\n" + rows + b"1,1.5,none,%s.25Z\n" % time).json()
    assert dataset["rows"] == 100_001
    assert [column["type"] for column in dataset["columns"]] == [
        "int64",
        "double",
        "string",
        "timestamp[ns, tz=UTC]",
    ]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "text/csv"),
        (b"a,b\n1\n", "text/csv"),
        (b"a\n\xff\xfe\n", "text/csv"),
        (b"PAR1 not really", "application/vnd.apache.parquet"),
        (parquet(pa.table({"a": [1]}))[:-20], "application/vnd.apache.parquet"),
        (CSV, "application/vnd.apache.parquet"),
    ],
)
def test_table_that_cannot_be_read_is_refused(api: httpx.Client, content: bytes, kind: str) -> None:
    answer = upload(api, content, kind)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_file")


def test_all_faults_of_the_columns_are_named(api: httpx.Client) -> None:
    answer = upload(api, b"time,v,v\n2026-01-01 00:00:00,1,2\n")
    assert answer.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]] == [
        ("/columns/0", "naive_time"),
        ("/columns/2", "not_unique"),
    ]


def test_datasets_are_listed_and_deleted(api: httpx.Client) -> None:
    ids = [upload(api, b"a\n%d\n" % n).json()["id"] for n in range(3)]
    page = api.get("/v1/datasets", params={"limit": 2}).json()
    rest = api.get("/v1/datasets", params={"limit": 2, "cursor": page["next"]}).json()
    assert sorted(d["id"] for d in page["items"] + rest["items"]) == sorted(ids)

    path = f"/v1/datasets/{ids[0]}"
    assert api.delete(path).status_code == 204
    assert (api.get(path).status_code, api.delete(path).status_code) == (404, 404)
