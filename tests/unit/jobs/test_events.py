import json
from typing import Any

from gridjobs.contract.models import JobEvent
from gridjobs.events import Event
from gridjobs.model import Job

FIELDS = {
    "id": b"01981c4e-5b5a-7c5e-9a53-0a3c8a9d1f00",
    "tenant": b"utility-1",
    "principal": b"alice",
    "type": b"power-flow",
    "status": b"succeeded",
    "attempt": b"1",
    "sequence": b"4",
    "created_ms": b"1795176000000",
    "updated_ms": b"1795176000120",
    "expires_ms": b"1797768000120",
    "started_ms": b"1795176000020",
    "finished_ms": b"1795176000120",
    "input_digest": b"aa",
    "result_digest": b"bb",
    "engine": b'{"name":"gridjobs-wls","version":"0.1.0"}',
    "labels": b'{"substation":"Bergheim"}',
    "trace_id": b"t1",
}


def event(name: str = "succeeded", **changes: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Event(name, Job.from_fields(FIELDS | changes)).to_json())
    return document


def test_an_event_is_the_cloudevent_of_the_contract() -> None:
    document = event()

    assert document["specversion"] == "1.0"
    assert document["id"] == "01981c4e-5b5a-7c5e-9a53-0a3c8a9d1f00:4"
    assert document["type"] == "org.gridjobs.job.succeeded.v1"
    assert document["subject"] == "01981c4e-5b5a-7c5e-9a53-0a3c8a9d1f00"
    # 1795176000120 ms after the epoch, by `date -u -d @1795176000`
    assert document["time"] == "2026-11-20T12:00:00.120Z"
    JobEvent.model_validate(document)


def test_an_event_carries_the_job_but_not_its_owner() -> None:
    data = event()["data"]

    assert data["done"] is True
    assert data["labels"] == {"substation": "Bergheim"}
    assert data["links"]["result"] == "/v1/jobs/01981c4e-5b5a-7c5e-9a53-0a3c8a9d1f00/result"
    assert not {"tenant", "principal"} & data.keys()


def test_the_routing_key_names_tenant_type_job_and_event() -> None:
    key = Event("queued", Job.from_fields(FIELDS)).routing_key

    assert key == "v1.utility-1.jobs.power-flow.01981c4e-5b5a-7c5e-9a53-0a3c8a9d1f00.queued"


def test_only_progress_may_be_lost() -> None:
    job = Job.from_fields(FIELDS)

    assert not Event("progress", job).durable
    assert all(Event(name, job).durable for name in ("queued", "started", "succeeded", "expired"))


def test_an_error_tells_the_trace() -> None:
    data = event("failed", status=b"failed", error=b'{"code":"not_converged"}')["data"]

    assert data["error"] == {"code": "not_converged", "trace_id": "t1"}
    assert "result" not in data["links"]


def test_a_job_without_a_result_any_more_has_no_link_to_it() -> None:
    assert "result" not in event("expired", result_expired=b"1")["data"]["links"]
