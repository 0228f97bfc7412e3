"""The checker itself: a sound history passes, and each broken promise is found."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from faults.harness.history import Accepted, Ending, History, Seen, violations


def job(status: str, sequence: int, attempt: int, **more: Any) -> dict[str, Any]:
    return {"id": "j", "status": status, "sequence": sequence, "attempt": attempt, **more}


def event(name: str, data: dict[str, Any]) -> bytes:
    return orjson.dumps(
        {
            "id": f"j:{data['sequence']}",
            "subject": "j",
            "type": f"org.gridjobs.job.{name}.v1",
            "data": data,
        }
    )


def sound() -> History:
    """One job whose first attempt was lost and whose second succeeded."""
    result = orjson.dumps({"echo": "7", "attempt": 2, "nonce": "b"})
    end = job("succeeded", 5, 2, result_digest=hashlib.sha256(result).hexdigest())
    log = [
        event("queued", job("queued", 1, 0)),
        event("started", job("running", 2, 1)),
        event("queued", job("queued", 3, 1)),
        event("started", job("running", 4, 2)),
        event("succeeded", end),
    ]
    return History(
        accepted=[Accepted("k", "j", frozenset({"succeeded"}), "7")],
        seen=[Seen("j", 1, "queued", 0), Seen("j", 4, "running", 2)],
        endings={"j": Ending(end, result)},
        logs={"j": log},
        delivered=[*log, log[-1]],
        runs=[("j", 1, "a"), ("j", 2, "b")],
    )


def lose(history: History) -> None:
    history.endings["j"] = Ending(job("queued", 1, 0), None)


def forget(history: History) -> None:
    del history.endings["j"]


def accept_twice(history: History) -> None:
    history.accepted.append(Accepted("k", "another", frozenset({"succeeded"}), "7"))


def end_otherwise(history: History) -> None:
    history.accepted[0] = replace(history.accepted[0], expect=frozenset({"failed:bad_input"}))


def commit_the_lost_attempts_result(history: History) -> None:
    result = orjson.dumps({"echo": "7", "attempt": 1, "nonce": "a"})
    end = history.endings["j"].job | {"result_digest": hashlib.sha256(result).hexdigest()}
    history.endings["j"] = Ending(end, result)


def invent_a_result(history: History) -> None:
    history.runs.pop()


def mix_up_inputs(history: History) -> None:
    history.accepted[0] = replace(history.accepted[0], value="8")


def change_the_stored_result(history: History) -> None:
    ending = history.endings["j"]
    assert ending.result is not None
    history.endings["j"] = Ending(ending.job, ending.result + b" ")


def end_twice(history: History) -> None:
    history.logs["j"].append(event("failed", job("failed", 6, 2)))


def go_on_after_the_end(history: History) -> None:
    history.logs["j"].append(event("started", job("running", 6, 3)))


def number_two_events_alike(history: History) -> None:
    history.logs["j"].insert(2, history.logs["j"][1])


def skip_an_attempt(history: History) -> None:
    del history.logs["j"][1]


def deliver_two_ends(history: History) -> None:
    history.delivered.append(event("failed", job("failed", 6, 2)))


def deliver_other_bytes(history: History) -> None:
    history.delivered.append(history.delivered[0].replace(b"queued", b"Queued"))


def never_deliver_the_end(history: History) -> None:
    history.delivered = history.delivered[:4]


def announce_another_end(history: History) -> None:
    history.logs["j"][-1] = history.delivered[-1] = event("succeeded", job("succeeded", 5, 2))
    del history.delivered[4]


def go_back_in_time(history: History) -> None:
    history.seen.append(Seen("j", 3, "queued", 1))


def revive(history: History) -> None:
    history.seen += [Seen("j", 4, "failed", 2)]


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lose, "still queued"),
        (forget, "now unknown"),
        (accept_twice, "one idempotency key made 2 jobs"),
        (end_otherwise, "expected ['failed:bad_input']"),
        (commit_the_lost_attempts_result, "with the result of attempt 1"),
        (invent_a_result, "nobody computed"),
        (mix_up_inputs, "another input"),
        (change_the_stored_result, "but the result's is"),
        (end_twice, "one terminal event"),
        (go_on_after_the_end, "one terminal event"),
        (number_two_events_alike, "do not grow"),
        (skip_an_attempt, "not counted one by one"),
        (deliver_two_ends, "2 different terminal events"),
        (deliver_other_bytes, "other bytes"),
        (never_deliver_the_end, "never delivered"),
        (announce_another_end, "disagree"),
        (go_back_in_time, "went back"),
        (revive, "was failed, later succeeded"),
    ],
)
def test_a_broken_promise_is_found(break_it: Callable[[History], None], words: str) -> None:
    history = sound()
    break_it(history)

    found = violations(history)

    assert any(words in violation for violation in found), found


def test_a_sound_history_passes() -> None:
    assert violations(sound()) == []


def test_a_lossy_subscriber_may_miss_events_but_not_get_wrong_ones() -> None:
    history = sound()
    history.delivery_complete = False
    history.delivered = []
    assert violations(history) == []

    deliver_other_bytes(sound_delivery := sound())
    sound_delivery.delivery_complete = False
    assert violations(sound_delivery)
