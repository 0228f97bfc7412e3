import threading
import time
from typing import Any

import httpx
from support.api import Hand
from support.requests import BODY, RESULT


def test_submission_answers_with_the_job_and_where_it_is(api: httpx.Client, grid_id: str) -> None:
    answer = api.post("/v1/estimations", json=BODY | {"grid_id": grid_id})

    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["retry-after"] == "1"
    assert (job["status"], job["done"], job["type"]) == ("queued", False, "estimation")
    assert job["labels"] == {"substation": "Bergheim"}
    assert api.get(job["links"]["self"]).json() == job


def test_same_key_and_body_give_the_same_job_however_the_key_is_quoted(
    api: httpx.Client, grid_id: str
) -> None:
    body = BODY | {"grid_id": grid_id}
    first = api.post("/v1/estimations", json=body, headers={"Idempotency-Key": "k-1"})
    again = api.post("/v1/estimations", json=body, headers={"Idempotency-Key": '"k-1"'})
    reordered = dict(reversed(body.items()))
    third = api.post("/v1/estimations", json=reordered, headers={"Idempotency-Key": "k-1"})

    assert [r.status_code for r in (first, again, third)] == [202, 202, 202]
    assert first.json()["id"] == again.json()["id"] == third.json()["id"]
    assert len(api.get("/v1/jobs", params={"type": "estimation"}).json()["items"]) == 1


def test_same_key_with_another_body_is_refused(api: httpx.Client, grid_id: str) -> None:
    headers = {"Idempotency-Key": "k-2"}
    api.post("/v1/estimations", json=BODY | {"grid_id": grid_id}, headers=headers)
    other = api.post(
        "/v1/estimations", json=BODY | {"grid_id": grid_id, "zero_injections": False}, headers=headers
    )

    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"


def test_replay_gives_the_job_although_its_deadline_has_passed_meanwhile(
    api: httpx.Client, grid_id: str
) -> None:
    deadline = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    body = BODY | {"grid_id": grid_id, "deadline_at": deadline}
    headers = {"Idempotency-Key": "k-3"}
    first = api.post("/v1/estimations", json=body, headers=headers)
    assert first.status_code == 202
    time.sleep(2.1)

    again = api.post("/v1/estimations", json=body, headers=headers)
    without_key = api.post("/v1/estimations", json=body)

    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert (without_key.status_code, without_key.json()["errors"][0]["code"]) == (422, "deadline_passed")


def test_unchanged_job_is_not_sent_again(api: httpx.Client, job: dict[str, Any]) -> None:
    same = api.get(f"/v1/jobs/{job['id']}", headers={"If-None-Match": '"1"'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", '"1"')
    for stale in ('"0"', 'W/"7"', "nonsense"):
        assert api.get(f"/v1/jobs/{job['id']}", headers={"If-None-Match": stale}).status_code == 200
    for current in ("*", 'W/"1"', '"9", "1"'):
        assert api.get(f"/v1/jobs/{job['id']}", headers={"If-None-Match": current}).status_code == 304


def test_long_poll_answers_as_soon_as_the_job_changes(
    api: httpx.Client, hand: Hand, job: dict[str, Any]
) -> None:
    threading.Timer(0.5, hand.take, [job["id"]]).start()
    began = time.monotonic()
    changed = api.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=10", "If-None-Match": '"1"'})
    took_s = time.monotonic() - began

    assert changed.json()["status"] == "running"
    assert changed.headers["preference-applied"] == "wait=10"
    assert 0.4 < took_s < 5


def test_long_poll_without_a_version_waits_for_the_end(
    api: httpx.Client, hand: Hand, job: dict[str, Any]
) -> None:
    threading.Timer(0.5, hand.succeed, [job["id"], RESULT]).start()
    ended = api.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "respond-async, wait=10"})
    assert (ended.json()["status"], ended.json()["done"]) == ("succeeded", True)
    assert "retry-after" not in ended.headers


def test_long_poll_gives_up_after_its_time(api: httpx.Client, job: dict[str, Any]) -> None:
    began = time.monotonic()
    answer = api.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=1", "If-None-Match": '"1"'})
    assert answer.status_code == 304
    assert 0.9 < time.monotonic() - began < 5


def test_cancel_is_idempotent_and_leaves_a_finished_job_alone(
    api: httpx.Client, hand: Hand, job: dict[str, Any], grid_id: str
) -> None:
    first = api.post(f"/v1/jobs/{job['id']}/cancel").json()
    assert (first["status"], first["error"]["code"]) == ("cancelled", "cancelled")
    assert api.post(f"/v1/jobs/{job['id']}/cancel").json() == first

    other = api.post("/v1/estimations", json=BODY | {"grid_id": grid_id}).json()
    hand.succeed(other["id"], RESULT)
    assert api.post(f"/v1/jobs/{other['id']}/cancel").json()["status"] == "succeeded"


def test_purged_job_is_gone_everywhere(api: httpx.Client, job: dict[str, Any]) -> None:
    path = f"/v1/jobs/{job['id']}"
    refused = api.delete(path)
    assert (refused.status_code, refused.json()["code"]) == (409, "job_not_done")
    api.post(f"{path}/cancel")

    assert api.delete(path).status_code == 204
    for method, below in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/cancel"),
        ("GET", "/result"),
        ("GET", "/result/parts/nodes"),
        ("GET", "/events"),
        ("GET", "/events/stream"),
    ]:
        gone = api.request(method, path + below)
        assert (gone.status_code, gone.json()["code"]) == (410, "job_gone"), below


def test_unknown_job_is_not_found_everywhere(api: httpx.Client) -> None:
    for method, below in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "/cancel"),
        ("GET", "/result"),
        ("GET", "/events"),
    ]:
        missing = api.request(method, f"/v1/jobs/01a1f933-99ae-7363-8ccd-82e9b8357132{below}")
        assert (missing.status_code, missing.json()["code"]) == (404, "job_not_found")


def test_result_is_a_conflict_until_the_job_has_succeeded(
    api: httpx.Client, hand: Hand, job: dict[str, Any]
) -> None:
    path = f"/v1/jobs/{job['id']}/result"
    early = api.get(path)
    assert (early.status_code, early.json()["code"], early.headers["retry-after"]) == (
        409,
        "job_not_done",
        "1",
    )
    assert early.json()["retryable"] is True

    hand.succeed(job["id"], RESULT)
    result = api.get(path)
    assert result.json() == RESULT
    assert api.get(path, headers={"If-None-Match": result.headers["etag"]}).status_code == 304


def test_result_of_a_failed_job_is_its_own_problem(
    api: httpx.Client, hand: Hand, job: dict[str, Any]
) -> None:
    problem = {
        "type": "/problems/not_converged",
        "title": "Not converged",
        "status": 422,
        "code": "not_converged",
        "detail": "50 iterations",
        "retryable": False,
        "errors": [{"pointer": "/measurements/0", "code": "suspect", "detail": "residual of 40 sigma"}],
    }
    hand.fail(job["id"], problem)

    assert api.get(f"/v1/jobs/{job['id']}").json()["error"]["code"] == "not_converged"
    conflict = api.get(f"/v1/jobs/{job['id']}/result")
    assert conflict.status_code == 409
    body = conflict.json()
    assert (body["code"], body["status"], body["errors"]) == ("not_converged", 409, problem["errors"])


def test_pages_walk_all_jobs_newest_first_and_filters_combine(api: httpx.Client, grid_id: str) -> None:
    bodies = [BODY | {"grid_id": grid_id, "labels": {"round": str(n % 2), "n": str(n)}} for n in range(7)]
    ids = [api.post("/v1/estimations", json=body).json()["id"] for body in bodies]

    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        query = {"limit": 3, "type": "estimation"} | ({"cursor": cursor} if cursor else {})
        page = api.get("/v1/jobs", params=query).json()
        seen += [job["id"] for job in page["items"]]
        cursor, pages = page.get("next"), pages + 1

    assert seen == ids[::-1]
    odd = api.get("/v1/jobs", params={"label": "round=1", "status": "queued"}).json()["items"]
    assert [job["id"] for job in odd] == ids[5::-2]
    both = api.get("/v1/jobs", params=[("label", "round=1"), ("label", "n=3")]).json()["items"]
    assert [job["id"] for job in both] == [ids[3]]
    assert api.get("/v1/jobs", params={"status": "running"}).json() == {"items": []}


def test_cursor_that_is_not_ours_is_refused(api: httpx.Client) -> None:
    for cursor in ("%00", "x", "****", "W10="):
        answer = api.get("/v1/jobs", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor"), cursor
