import re
from importlib.metadata import version
from importlib.resources import files

import httpx
import pytest
from jsonschema import Draft4Validator
from support.api import Hand
from support.requests import BODY


def test_probes_answer(api: httpx.Client) -> None:
    for path in ("/healthz", "/readyz"):
        assert api.get(path).json() == {"status": "ok", "version": version("gridjobs")}
    assert api.get("/healthz", params={"probe": "kubelet"}).status_code == 200


def test_head_answers_like_get_without_a_body(api: httpx.Client) -> None:
    got, head = api.get("/v1/jobs"), httpx.head(f"{api.base_url}/v1/jobs")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


def test_metrics_show_jobs_and_durations(api: httpx.Client, hand: Hand, grid_id: str) -> None:
    for _ in range(2):
        job = api.post("/v1/estimations", json=BODY | {"grid_id": grid_id}).json()
    hand.take(job["id"])
    api.get("/v1/jobs/nowhere")

    text = api.get("/metrics").text
    assert 'gridjobs_jobs{status="queued",type="estimation"} 1.0' in text
    assert 'gridjobs_jobs{status="running",type="estimation"} 1.0' in text
    assert 'gridjobs_oldest_queued_seconds{type="estimation"}' in text
    assert re.search(r'duration_seconds_count\{operation="getJob",status="404"\} [1-9]', text)
    assert re.search(r'duration_seconds_count\{operation="submitEstimation",status="202"\} [1-9]', text)


def test_job_types_carry_schemas_that_stand_alone(api: httpx.Client) -> None:
    listed = {item["type"]: item for item in api.get("/v1/job-types").json()["items"]}
    assert {"estimation", "grid-import"} <= listed.keys()
    estimation = listed["estimation"]
    assert estimation["path"] == "/v1/estimations"

    validator = Draft4Validator(estimation["request_schema"])
    assert list(validator.iter_errors(BODY | {"grid_id": "g"})) == []
    wrong = {"measurements": [{"component": 1}]}
    assert len(list(validator.iter_errors(wrong))) > 2


def test_descriptions_keep_the_names_of_schemas(api: httpx.Client) -> None:
    document = api.get("/openapi.json").json()
    body = document["paths"]["/v1/estimations"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/EstimationRequest"}
    assert api.get("/asyncapi.json").json()["asyncapi"] == "3.0.0"


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/events"])
def test_pages_need_nothing_but_this_server(api: httpx.Client, path: str) -> None:
    page = api.get(path)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]

    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert links
    for link in links:
        assert link.startswith(("/", "data:")), link
        if link.startswith("/"):
            assert api.get(link).status_code == 200, link


def test_scripts_of_the_pages_carry_their_licences(api: httpx.Client) -> None:
    assets = {entry.name for entry in files("gridjobs_api").joinpath("pages", "assets").iterdir()}
    for script in ("redoc", "asyncapi"):
        assert {f"{script}.standalone.js", f"{script}.LICENSE.txt"} <= assets
        answer = api.get(f"/docs/assets/{script}.LICENSE.txt")
        assert "icense" in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "cdn.redoc.ly" not in api.get("/docs/assets/redoc.standalone.js").text


def test_nothing_outside_the_pages_is_served(api: httpx.Client) -> None:
    for path in (
        "/docs/assets/",
        "/docs/assets/../openapi.json",
        "/docs/assets/..%2fdocs.html",
        "/docs/",
        "/v1",
        "/v2/jobs",
    ):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
