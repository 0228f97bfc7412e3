import json
import time
from typing import Any

import httpx
import pytest
from support.api import ApiServer
from support.http import checked_client
from support.process import free_port
from support.redis import RedisServer
from support.requests import BODY

JSON = {"Content-Type": "application/json"}


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    return sorted((fault["pointer"], fault["code"]) for fault in answer.json()["errors"])


def test_all_faults_of_the_schema_are_named_at_once_without_echoing_the_input(api: httpx.Client) -> None:
    secret = "s3cr3t-value"
    body = {
        "grid_id": "",
        "measurements": [
            {"component": "N1", "measurand": secret, "value": secret},
            {"component": "N1", "measurand": "voltage_magnitude", "value": 1, "sigma": 0, "sort": 1},
            {"measurand": "voltage_angle", "side": 4, "value": 1},
        ],
        "solver": {"tolerance": 1, "max_iterations": 1.5},
        "labels": {"a/b~c": 7},
        "deadline_at": "tomorrow",
    }
    answer = api.post("/v1/estimations", json=body)

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_input"
    assert faults(answer) == sorted(
        [
            ("/grid_id", "wrong_length"),
            ("/measurements/0/measurand", "not_allowed"),
            ("/measurements/0/value", "wrong_type"),
            ("/measurements/1/sigma", "out_of_range"),
            ("/measurements/1/sort", "unknown_property"),
            ("/measurements/2/component", "missing"),
            ("/measurements/2/side", "out_of_range"),
            ("/solver/tolerance", "out_of_range"),
            ("/solver/max_iterations", "wrong_type"),
            ("/labels/a~1b~0c", "wrong_type"),
            ("/deadline_at", "wrong_format"),
        ]
    )
    assert secret not in answer.text


def test_all_faults_against_the_grid_are_named_at_once(api: httpx.Client, grid_id: str) -> None:
    of = {"component": "N1", "measurand": "voltage_magnitude", "value": 20.0}
    body = {
        "grid_id": grid_id,
        "measurements": [
            of,
            of | {"component": "nowhere"},
            of | {"measurand": "current_magnitude"},
            of | {"component": "SW", "measurand": "active_power"},
            of | {"component": "SW"},
            of | {"unit": "MW"},
            of | {"sigma": 1, "accuracy_class": 1},
            of | {"value": -1},
        ],
        "deadline_at": "2020-01-01T00:00:00Z",
    }
    answer = api.post("/v1/estimations", json=body)

    assert answer.status_code == 422
    assert faults(answer) == [
        ("/deadline_at", "deadline_passed"),
        ("/measurements/1/component", "unknown_component"),
        ("/measurements/2/measurand", "measurand_not_applicable"),
        ("/measurements/3/measurand", "measurand_not_applicable"),
        ("/measurements/5/unit", "unit_mismatch"),
        ("/measurements/6/accuracy_class", "sigma_given_twice"),
        ("/measurements/7/value", "negative_magnitude"),
    ]


def test_measurements_come_from_exactly_one_source(api: httpx.Client, grid_id: str) -> None:
    neither = api.post("/v1/estimations", json={"grid_id": grid_id})
    assert (neither.status_code, faults(neither)) == (422, [("/measurements", "missing")])

    dataset = api.post(
        "/v1/datasets", content=b"time,value\n2026-01-01T00:00:00Z,1\n", headers={"Content-Type": "text/csv"}
    )
    both = api.post("/v1/estimations", json=BODY | {"grid_id": grid_id, "dataset_id": dataset.json()["id"]})
    assert (both.status_code, faults(both)) == (
        422,
        [
            ("/dataset_id", "missing_column"),
            ("/dataset_id", "missing_column"),
            ("/dataset_id", "source_given_twice"),
        ],
    )


def test_grid_that_does_not_exist_is_not_found_and_one_being_imported_conflicts(api: httpx.Client) -> None:
    missing = api.post("/v1/estimations", json=BODY | {"grid_id": "nowhere"})
    assert (missing.status_code, missing.json()["code"]) == (404, "grid_not_found")
    assert faults(missing) == [("/grid_id", "grid_not_found")]

    grid = api.post("/v1/grids", files=[("files", ("a.xml", b"<a/>"))]).json()
    early = api.post("/v1/estimations", json=BODY | {"grid_id": grid["id"]})
    assert (early.status_code, early.json()["code"], early.json()["retryable"]) == (
        409,
        "grid_not_ready",
        True,
    )
    assert early.headers["retry-after"] == "1"

    with_more = api.post("/v1/estimations", json={"grid_id": "nowhere", "dataset_id": "none"})
    assert with_more.status_code == 422
    assert faults(with_more) == [("/dataset_id", "dataset_not_found"), ("/grid_id", "grid_not_found")]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b"{", "cut off"),
        (b'{"grid_id": "\xff\xfe"}', "not UTF-8"),
        (b'{"grid_id": "g", "measurements": NaN}', "not a number"),
        (b'{"grid_id": 1e999}', "infinite"),
        ('{"grid_id": "é"}'.encode("utf-16"), "UTF-16"),
        (b"[" * 100_000, "deeply nested"),
    ],
)
def test_body_that_is_not_json_is_refused(api: httpx.Client, content: bytes, what: str) -> None:
    answer = api.post("/v1/estimations", content=content, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body"), what


def test_body_that_is_json_but_no_object_is_refused(api: httpx.Client) -> None:
    for document in (None, [], "text", 7):
        answer = api.post("/v1/estimations", content=json.dumps(document), headers=JSON)
        assert (answer.status_code, faults(answer)) == (422, [("", "wrong_type")])


def test_other_media_types_are_refused(api: httpx.Client) -> None:
    for path, kind in (
        ("/v1/estimations", "text/plain"),
        ("/v1/grids", "application/json"),
        ("/v1/datasets", "application/zip"),
    ):
        answer = api.post(path, content=b"x", headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_unknown_method_is_refused_with_the_methods_that_are_known(api: httpx.Client) -> None:
    for method, path, allowed in (
        ("DELETE", "/v1/jobs", "GET, HEAD"),
        ("PUT", "/v1/grids", "GET, HEAD, POST"),
        ("PATCH", "/v1/jobs/x", "DELETE, GET, HEAD"),
        ("GET", "/v1/estimations", "POST"),
        ("POST", "/docs", "GET, HEAD"),
    ):
        answer = api.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed), (method, path)


def test_all_wrong_parameters_are_named_at_once(api: httpx.Client) -> None:
    answer = api.get("/v1/jobs?limit=0&status=" + "x" * 40 + "&foo=1&label=" + "y" * 300)
    assert answer.status_code == 400
    assert faults(answer) == [
        ("query/foo", "unknown_parameter"),
        ("query/label/0", "wrong_format"),
        ("query/label/0", "wrong_length"),
        ("query/limit", "out_of_range"),
        ("query/status", "wrong_length"),
    ]
    for query, pointer in (
        ("limit=1&limit=2", "query/limit"),
        ("limit=1.5", "query/limit"),
        ("limit=+1", "query/limit"),
        ("label=x", "query/label/0"),
        ("status=%ff", "query"),
    ):
        wrong = api.get(f"/v1/jobs?{query}")
        assert (wrong.status_code, [pointer for pointer, _ in faults(wrong)]) == (400, [pointer]), query


def test_problem_carries_the_trace_of_the_caller(api: httpx.Client) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    traced = api.get("/v1/jobs/x", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert traced.json()["trace_id"] == trace
    assert len(api.get("/v1/jobs/x").json()["trace_id"]) == 32
    assert traced.headers["content-type"] == "application/problem+json"


@pytest.fixture(scope="module")
def strict_server(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An API with narrow limits."""
    limits = {
        "GRIDJOBS_BODY_LIMIT_BYTES": "1024",
        "GRIDJOBS_UPLOAD_LIMIT_BYTES": "4096",
        "GRIDJOBS_RATE_LIMIT_PER_MINUTE": "30",
        "GRIDJOBS_QUEUE_BOUND": "1",
        "GRIDJOBS_MAX_WAITERS": "1",
    }
    server = ApiServer(tmp_path_factory.mktemp("strict-api"), redis_server.url, limits)
    server.start()
    yield server
    server.stop()


def test_body_over_the_limit_is_refused_before_it_is_read(strict_server: ApiServer, redis_url: str) -> None:
    def endless() -> Any:
        for _ in range(64):
            yield b" " * 1024

    with checked_client(strict_server.url) as api:
        announced = httpx.post(f"{strict_server.url}/v1/estimations", content=b" " * 2000, headers=JSON)
        streamed = httpx.post(f"{strict_server.url}/v1/estimations", content=endless(), headers=JSON)
        upload = api.post("/v1/grids", files=[("files", ("a.xml", b"x" * 5000))])
        dataset = api.post("/v1/datasets", content=b"a\n" * 4000, headers={"Content-Type": "text/csv"})

    for answer in (announced, streamed, upload, dataset):
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_full_queue_is_refused_for_now(strict_server: ApiServer, redis_url: str) -> None:
    with checked_client(strict_server.url) as api:
        first = api.post("/v1/grids", files=[("files", ("a.xml", b"<a/>"))])
        second = api.post("/v1/grids", files=[("files", ("b.xml", b"<b/>"))])

    assert first.status_code == 202
    assert (second.status_code, second.json()["code"], second.headers["retry-after"]) == (
        503,
        "queue_full",
        "5",
    )


def test_caller_over_the_rate_limit_is_told_when_to_come_again(
    strict_server: ApiServer, redis_url: str
) -> None:
    with checked_client(strict_server.url) as api:
        answers = [api.get("/v1/jobs") for _ in range(40)]
        probe = api.get("/readyz")

    good = [answer for answer in answers if answer.status_code == 200]
    refused = answers[-1]
    assert 0 < len(good) < 35
    assert good[0].headers["ratelimit-policy"] == '"default";q=30;w=60'
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert refused.headers["ratelimit"].startswith('"default";r=0;t=')
    assert probe.status_code == 200, "probes are not counted"


def test_store_that_could_lose_jobs_accepts_none(private_redis: RedisServer, tmp_path: Any) -> None:
    server = ApiServer(tmp_path / "api", private_redis.url)
    server.start()
    try:
        with checked_client(server.url) as api:
            assert api.get("/readyz").status_code == 200
            import redis

            with redis.Redis.from_url(private_redis.url) as admin:
                admin.config_set("appendfsync", "everysec")
            unready = api.get("/readyz")
            refused = api.post("/v1/grids", files=[("files", ("a.xml", b"<a/>"))])
            assert (unready.status_code, unready.json()["code"]) == (503, "store_not_durable")
            assert refused.status_code == 503
    finally:
        server.stop()


def test_store_that_is_away_is_a_problem_and_comes_back(private_redis: RedisServer, tmp_path: Any) -> None:
    server = ApiServer(tmp_path / "api", private_redis.url)
    server.start()
    try:
        with checked_client(server.url) as api:
            assert api.get("/v1/jobs").status_code == 200
            private_redis.kill()
            began = time.monotonic()
            away = api.get("/v1/jobs")
            assert (away.status_code, away.json()["code"]) == (503, "store_unavailable")
            assert "retry-after" in away.headers
            assert time.monotonic() - began < 10
            assert api.get("/healthz").status_code == 200
            private_redis.start()
            assert api.get("/v1/jobs").status_code == 200
    finally:
        server.stop()


def test_api_without_identity_refuses_to_listen_for_strangers(tmp_path: Any) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "gridjobs.cli", "api", "--host", "0.0.0.0", "--port", str(free_port())]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert "refusing to listen on 0.0.0.0" in ended.stderr
