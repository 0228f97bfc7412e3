import json
import threading
import time
from typing import Any

import httpx
import pytest
from support.api import ApiServer, Hand
from support.http import checked_client
from support.redis import RedisServer
from support.requests import RESULT

Frame = dict[str, Any]


def frames(lines: Any) -> list[Frame]:
    """Parse a stream of server-sent events; comments count as frames too."""
    found: list[Frame] = []
    frame: Frame = {}
    for line in lines:
        if line.startswith(":"):
            found.append({"comment": line[1:].strip()})
        elif line:
            name, _, value = line.partition(": ")
            frame[name] = value
        elif frame:
            found.append(frame)
            frame = {}
    return found


def test_events_are_listed_in_order_and_after_a_sequence(
    api: httpx.Client, hand: Hand, job: dict[str, Any]
) -> None:
    hand.succeed(job["id"], RESULT)
    events = api.get(f"/v1/jobs/{job['id']}/events").json()["items"]

    assert [event["type"].split(".")[3] for event in events] == ["queued", "started", "succeeded"]
    last = events[-1]
    assert (last["subject"], last["id"]) == (job["id"], f"{job['id']}:{last['data']['sequence']}")
    assert last["data"] == api.get(f"/v1/jobs/{job['id']}").json()
    after = events[1]["data"]["sequence"]
    assert api.get(f"/v1/jobs/{job['id']}/events", params={"after": after}).json()["items"] == events[2:]


def test_stream_follows_the_job_to_its_end(api: httpx.Client, hand: Hand, job: dict[str, Any]) -> None:
    def work() -> None:
        time.sleep(0.5)
        hand.succeed(job["id"], RESULT)

    threading.Thread(target=work).start()
    answer = api.get(f"/v1/jobs/{job['id']}/events/stream")

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    events = [frame for frame in frames(answer.text.split("\n")) if "data" in frame]
    assert [event["event"].split(".")[3] for event in events] == ["queued", "started", "succeeded"]
    listed = api.get(f"/v1/jobs/{job['id']}/events").json()["items"]
    assert [json.loads(event["data"]) for event in events] == listed
    assert [int(event["id"]) for event in events] == [event["data"]["sequence"] for event in listed]


def test_stream_resumes_after_the_last_event_seen(api: httpx.Client, hand: Hand, job: dict[str, Any]) -> None:
    hand.succeed(job["id"], RESULT)
    path = f"/v1/jobs/{job['id']}/events/stream"
    all_frames = frames(api.get(path).text.split("\n"))
    second = all_frames[2]["id"]

    resumed = frames(api.get(path, headers={"Last-Event-ID": second}).text.split("\n"))
    ended = frames(api.get(path, headers={"Last-Event-ID": all_frames[-1]["id"]}).text.split("\n"))

    assert resumed[1:] == all_frames[3:]
    assert [frame for frame in ended if "data" in frame] == []


def test_event_reaches_the_client_as_it_happens(
    api_server: ApiServer, api: httpx.Client, hand: Hand, job: dict[str, Any]
) -> None:
    with httpx.stream("GET", f"{api_server.url}/v1/jobs/{job['id']}/events/stream", timeout=10) as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith("event: ")).endswith("queued.v1")
        began = time.monotonic()
        hand.take(job["id"])
        assert next(line for line in lines if line.startswith("event: ")).endswith("started.v1")
        assert time.monotonic() - began < 1


@pytest.fixture(scope="module")
def talkative_server(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An API that keeps its streams open more often than usual, and only one at a time."""
    limits = {"GRIDJOBS_SSE_KEEPALIVE_S": "0.2", "GRIDJOBS_MAX_WAITERS": "1"}
    server = ApiServer(tmp_path_factory.mktemp("talkative-api"), redis_server.url, limits)
    server.start()
    yield server
    server.stop()


def test_comments_keep_a_quiet_stream_open_and_streams_are_counted(
    talkative_server: ApiServer, api: httpx.Client, job: dict[str, Any]
) -> None:
    path = f"/v1/jobs/{job['id']}/events/stream"
    with httpx.stream("GET", f"{talkative_server.url}{path}", timeout=10) as answer:
        lines = answer.iter_lines()
        assert [next(line for line in lines if line.startswith(":")) for _ in range(2)] == [
            ": keep-alive"
        ] * 2
        with checked_client(talkative_server.url) as other:
            refused = other.get(path)
            poll = other.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=1"})
    for too_many in (refused, poll):
        assert (too_many.status_code, too_many.json()["code"]) == (503, "too_many_waiters")

    with checked_client(talkative_server.url) as client:  # the place is free again once the client has left
        for _ in range(50):
            freed = client.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=1", "If-None-Match": '"1"'})
            if freed.status_code != 503:
                break
            time.sleep(0.1)
    assert freed.status_code == 304


def test_head_of_a_stream_ends_at_once(api_server: ApiServer, api: httpx.Client, job: dict[str, Any]) -> None:
    head = httpx.head(f"{api_server.url}/v1/jobs/{job['id']}/events/stream", timeout=2)
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


def test_client_that_leaves_a_long_poll_leaves_its_place(
    talkative_server: ApiServer, api: httpx.Client, job: dict[str, Any]
) -> None:
    url = f"{talkative_server.url}/v1/jobs/{job['id']}"
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(url, headers={"Prefer": "wait=20"}, timeout=0.5)
    time.sleep(0.3)
    assert httpx.get(url, headers={"Prefer": "wait=1", "If-None-Match": '"1"'}, timeout=5).status_code == 304
