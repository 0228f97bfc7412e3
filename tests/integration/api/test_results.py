import io
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from support.api import Hand
from support.requests import RESULT

ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
ROWS = 10_000
TABLE = pa.table(
    {
        "mrid": [f"N{n}" for n in range(ROWS)],
        "v_kv": [20.0 + n / ROWS for n in range(ROWS - 1)] + [None],
        "energised": [True] * ROWS,
        "time": pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * ROWS, pa.timestamp("ns", "UTC")),
        "components": [["a", 'b"'] if n else None for n in range(ROWS)],
    }
)


def of_json(data: bytes) -> pa.Table:
    rows = json.loads(data)
    return pa.table({name: [row.get(name) for row in rows] for name in rows[-1] | rows[0]})


READ = {
    "text/csv": lambda data: csv.read_csv(io.BytesIO(data)),
    PARQUET: lambda data: pq.read_table(io.BytesIO(data)),
    ARROW: lambda data: pa.ipc.open_stream(data).read_all(),
    "application/json": of_json,
}


def stored(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=3000)
    return buffer.getvalue()


@pytest.fixture
def parts_url(api: httpx.Client, hand: Hand, job: dict[str, Any]) -> str:
    parts = {
        "nodes": (stored(TABLE), PARQUET, ROWS),
        "empty": (stored(TABLE.slice(0, 0)), PARQUET, 0),
        "voltage-profile.svg": (b"<svg/>", "image/svg+xml", None),
        "voltage-profile.png": (b"\x89PNG\r\n", "image/png", None),
    }
    hand.succeed(job["id"], RESULT, parts)
    return f"/v1/jobs/{job['id']}/result/parts"


def test_table_is_json_by_default(api: httpx.Client, parts_url: str) -> None:
    answer = api.get(f"{parts_url}/nodes")
    rows = answer.json()

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == "Accept"
    assert len(rows) == ROWS
    assert rows[0] == {"mrid": "N0", "v_kv": 20.0, "energised": True, "time": "2026-01-01T00:00:00Z"}
    assert rows[-1]["components"] == ["a", 'b"']
    assert "v_kv" not in rows[-1], "absent values are left out"


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("text/csv", "text/csv"),
        (PARQUET, PARQUET),
        (f"{ARROW};q=0.9, text/csv;q=0.5", ARROW),
        ("text/*", "text/csv"),
        ("application/json;q=0, */*;q=0.1", "text/csv"),
        ("*/*", "application/json"),
    ],
)
def test_table_is_given_in_the_form_asked_for(
    api: httpx.Client, parts_url: str, accept: str, given: str
) -> None:
    answer = api.get(f"{parts_url}/nodes", headers={"Accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == given
    table = READ[given](answer.content)
    assert str(table["time"][0].as_py()).replace(" ", "T").startswith("2026-01-01T00:00:00")
    assert table["mrid"].to_pylist() == TABLE["mrid"].to_pylist()
    assert table["v_kv"].to_pylist()[:-1] == TABLE["v_kv"].to_pylist()[:-1]


def test_empty_table_is_empty_in_every_form(api: httpx.Client, parts_url: str) -> None:
    assert api.get(f"{parts_url}/empty").json() == []
    lines = api.get(f"{parts_url}/empty", headers={"Accept": "text/csv"}).text.splitlines()
    assert lines == ['"mrid","v_kv","energised","time","components"']
    arrow = api.get(f"{parts_url}/empty", headers={"Accept": ARROW}).content
    assert pa.ipc.open_stream(arrow).read_all().num_rows == 0


def test_file_is_given_as_it_is(api: httpx.Client, parts_url: str) -> None:
    picture = api.get(f"{parts_url}/voltage-profile.svg")
    assert (picture.content, picture.headers["content-type"]) == (b"<svg/>", "image/svg+xml")
    assert "sandbox" in picture.headers["content-security-policy"], "a browser must not run what is in it"
    assert api.get(f"{parts_url}/voltage-profile.png").content == b"\x89PNG\r\n"


def test_form_that_cannot_be_given_is_not_acceptable(api: httpx.Client, parts_url: str) -> None:
    for part, accept in (
        ("nodes", "image/png"),
        ("voltage-profile.png", "application/json"),
        ("nodes", "a/b;q=x"),
    ):
        answer = api.get(f"{parts_url}/{part}", headers={"Accept": accept})
        assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


@pytest.mark.parametrize("given", ["application/json", "text/csv", PARQUET, ARROW])
def test_table_that_stands_in_the_result_is_a_part_too(
    api: httpx.Client, hand: Hand, job: dict[str, Any], given: str
) -> None:
    nodes = [{"mrid": "N1", "energised": True}, {"mrid": "N2", "energised": True, "v_kv": 20.5}]
    hand.succeed(
        job["id"],
        RESULT | {"nodes": nodes, "branches": []},
        {"nodes": (b"", PARQUET, 2), "branches": (b"", PARQUET, 0)},
    )
    path = f"/v1/jobs/{job['id']}/result/parts"

    answer = api.get(f"{path}/nodes", headers={"Accept": given})
    assert READ[given](answer.content)["v_kv"].to_pylist() == [None, 20.5]
    assert api.get(f"{path}/branches", headers={"Accept": given}).status_code == 200
    assert api.get(f"{path}/islands").status_code == 404


def test_unknown_part_is_not_found(api: httpx.Client, parts_url: str) -> None:
    missing = api.get(f"{parts_url}/nowhere")
    assert (missing.status_code, missing.json()["code"]) == (404, "part_not_found")


def test_result_too_large_for_the_store_is_read_from_the_blobs(
    api: httpx.Client, hand: Hand, job: dict[str, Any]
) -> None:
    nodes = [{"mrid": f"node-{n}", "energised": True, "v_kv": 20.5} for n in range(3000)]
    hand.succeed(job["id"], RESULT | {"nodes": nodes})
    assert api.get(f"/v1/jobs/{job['id']}/result").json()["nodes"] == nodes


def test_expired_result_is_gone_while_its_job_is_still_known(
    api: httpx.Client, hand: Hand, job: dict[str, Any]
) -> None:
    hand.succeed(job["id"], RESULT)
    hand.expire_results()

    assert api.get(f"/v1/jobs/{job['id']}").json()["status"] == "succeeded"
    gone = api.get(f"/v1/jobs/{job['id']}/result")
    assert (gone.status_code, gone.json()["code"]) == (410, "result_expired")
