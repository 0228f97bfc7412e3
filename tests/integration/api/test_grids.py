import io
import zipfile
from typing import Any

import httpx
import pytest
from support.api import Hand

XML = b'<?xml version="1.0"?><rdf:RDF xmlns:rdf="r"/>'
COMPONENTS: dict[str, list[Any]] = {
    "N1": ["node", "Bus 1", "TopologicalNode", 20.0],
    "N2": ["node", None, "TopologicalNode", 20.0],
    "L1-2": ["branch", "Line", "ACLineSegment", None],
}


def upload(api: httpx.Client, *files: tuple[str, bytes], **texts: str) -> httpx.Response:
    return api.post("/v1/grids", files=[("files", file) for file in files], data=texts)


def test_upload_stores_the_files_and_starts_the_import(api: httpx.Client, hand: Hand) -> None:
    answer = upload(api, ("eq.xml", XML), ("../../etc/tp.xml", b"<tp/>"), name="Feeder 7")

    assert answer.status_code == 202
    grid = answer.json()
    assert (grid["name"], grid["status"]) == ("Feeder 7", "importing")
    assert [file["name"] for file in grid["files"]] == ["eq.xml", "tp.xml"]
    assert hand.store.blobs.get(grid["files"][0]["digest"]) == XML
    assert answer.headers["location"] == grid["links"]["self"]
    job = api.get(grid["links"]["job"]).json()
    assert (job["type"], job["status"]) == ("grid-import", "queued")
    assert hand.store.claim(job["id"]) is not None


def test_same_content_is_the_same_grid_whatever_the_files_are_called(api: httpx.Client) -> None:
    first = upload(api, ("eq.xml", XML), ("tp.xml", b"<tp/>"))
    again = upload(api, ("b.xml", b"<tp/>"), ("a.xml", XML), ("c.xml", XML))
    other = upload(api, ("eq.xml", XML))

    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 202)
    assert first.json() == again.json()
    assert other.json()["id"] != first.json()["id"]
    assert len(api.get("/v1/jobs").json()["items"]) == 2


def test_upload_with_a_key_can_be_repeated(api: httpx.Client) -> None:
    def send(content: bytes) -> httpx.Response:
        headers = {"Idempotency-Key": "upload-1"}
        return api.post("/v1/grids", files=[("files", ("a.xml", content))], headers=headers)

    first, again, other = send(XML), send(XML), send(b"<other/>")
    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 422)
    assert again.json()["job_id"] == first.json()["job_id"]
    assert other.json()["code"] == "idempotency_key_reused"


def test_large_upload_arrives_whole(api: httpx.Client, hand: Hand) -> None:
    content = bytes(range(256)) * 40_000  # 10 MB, and lines that look like boundaries in it
    content = content[:5_000_000] + b"\r\n--not-the-boundary\r\n" + content[5_000_000:]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("eq.xml", XML)

    grid = upload(api, ("large.bin", content), ("model.zip", buffer.getvalue())).json()

    assert [file["bytes"] for file in grid["files"]] == [len(content), len(buffer.getvalue())]
    assert hand.store.blobs.get(grid["files"][0]["digest"]) == content


def test_form_with_faults_names_them_all(api: httpx.Client) -> None:
    answer = api.post(
        "/v1/grids", files=[("file", ("a.xml", XML))], data={"name": "x" * 201, "colour": "red"}
    )
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/name", "/colour", "/file", "/files"]
    assert "xxx" not in answer.text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"no form at all"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="files"\r\n\r\ncut off',
        ),
        ("multipart/form-data; boundary=" + "b" * 300, b"x"),
    ],
)
def test_body_that_is_no_form_is_refused(api: httpx.Client, content_type: str, body: bytes) -> None:
    answer = api.post("/v1/grids", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")


def test_text_where_a_file_belongs_is_refused(api: httpx.Client) -> None:
    answer = api.post("/v1/grids", files=[("files", (None, b"<rdf/>"))])
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "not_a_file")


def test_ready_grid_lists_its_components(api: httpx.Client, hand: Hand) -> None:
    grid = upload(api, ("eq.xml", XML)).json()
    path = f"/v1/grids/{grid['id']}"
    early = api.get(f"{path}/components")
    assert (early.status_code, early.json()["code"]) == (409, "grid_not_ready")

    hand.make_ready(grid, COMPONENTS)

    described = api.get(path).json()
    assert (described["status"], described["links"]["components"]) == ("ready", f"{path}/components")
    first = api.get(f"{path}/components", params={"limit": 2}).json()
    rest = api.get(f"{path}/components", params={"limit": 2, "cursor": first["next"]}).json()
    assert first["items"] == [
        {"mrid": "L1-2", "kind": "branch", "name": "Line", "cim_class": "ACLineSegment"},
        {"mrid": "N1", "kind": "node", "name": "Bus 1", "cim_class": "TopologicalNode", "base_kv": 20.0},
    ]
    assert ([item["mrid"] for item in rest["items"]], "next" in rest) == (["N2"], False)
    nodes = api.get(f"{path}/components", params={"kind": "node"}).json()
    assert [item["mrid"] for item in nodes["items"]] == ["N1", "N2"]
    for cursor in ("%%%", "é", "__8="):
        assert api.get(f"{path}/components", params={"cursor": cursor}).status_code == 400


def test_rejected_grid_tells_why_and_takes_no_jobs(api: httpx.Client, hand: Hand) -> None:
    grid = upload(api, ("eq.xml", XML)).json()
    hand.reject(grid, [{"code": "no_equipment", "severity": "error", "detail": "no EQ profile"}])

    described = api.get(f"/v1/grids/{grid['id']}").json()
    assert (described["status"], described["problems"][0]["code"]) == ("rejected", "no_equipment")
    components = api.get(f"/v1/grids/{grid['id']}/components")
    assert (components.status_code, components.json()["code"]) == (409, "grid_unusable")
    assert components.json()["retryable"] is False
    refused = api.post("/v1/estimations", json={"grid_id": grid["id"], "measurements": []})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")
    assert refused.json()["errors"][0]["code"] == "grid_rejected"


def test_grid_whose_import_was_cancelled_is_imported_by_the_next_upload(api: httpx.Client) -> None:
    first = upload(api, ("eq.xml", XML)).json()
    api.post(f"{first['links']['job']}/cancel")

    assert api.get(first["links"]["self"]).json()["status"] == "failed"
    refused = api.post("/v1/estimations", json={"grid_id": first["id"], "measurements": []})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "grid_failed")
    again = upload(api, ("eq.xml", XML))
    assert (again.status_code, again.json()["status"]) == (202, "importing")
    assert again.json()["job_id"] != first["job_id"]


def test_grids_are_listed_newest_first_and_deleted(api: httpx.Client, hand: Hand) -> None:
    grids = [upload(api, (f"{n}.xml", b"<%d/>" % n)).json() for n in range(3)]
    first = api.get("/v1/grids", params={"limit": 2}).json()
    rest = api.get("/v1/grids", params={"limit": 2, "cursor": first["next"]}).json()
    listed = [grid["id"] for grid in first["items"] + rest["items"]]
    assert sorted(listed) == sorted(grid["id"] for grid in grids)

    path = f"/v1/grids/{grids[0]['id']}"
    assert api.delete(path).status_code == 409
    hand.make_ready(grids[0], COMPONENTS)
    assert api.delete(path).status_code == 204
    assert (api.get(path).status_code, api.delete(path).status_code) == (404, 404)
    job = api.post("/v1/estimations", json={"grid_id": grids[0]["id"], "measurements": []})
    assert (job.status_code, job.json()["code"]) == (404, "grid_not_found")


def test_grid_deleted_after_it_was_used_takes_no_more_jobs(api: httpx.Client, hand: Hand) -> None:
    grid = upload(api, ("eq.xml", XML)).json()
    hand.make_ready(grid, COMPONENTS)
    body = {"grid_id": grid["id"], "measurements": []}
    assert api.post("/v1/estimations", json=body).status_code == 202

    assert api.delete(f"/v1/grids/{grid['id']}").status_code == 204

    refused = api.post("/v1/estimations", json=body)
    assert (refused.status_code, refused.json()["code"]) == (404, "grid_not_found")
