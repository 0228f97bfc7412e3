"""Frames, registry, cache and parts."""

import io
import socket
from collections.abc import Iterator
from threading import Thread

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gridjobs_workers.cache import Recent
from gridjobs_workers.frames import Frame, Pipe, PipeClosed
from gridjobs_workers.parts import encoded
from gridjobs_workers.registry import UnknownJobType, actors, load
from gridjobs_workers.task import Part


@pytest.fixture
def ends() -> Iterator[tuple[Pipe, Pipe]]:
    one, other = socket.socketpair()
    with one, other:
        yield Pipe(one), Pipe(other)


def test_frames_arrive_in_order_whatever_their_size(ends: tuple[Pipe, Pipe]) -> None:
    ours, theirs = ends
    frames = [Frame("a", {"n": 1}), Frame("b", {}, b"x" * 3_000_000), Frame("c", {"text": "ä"}, b"\0\n")]

    def send() -> None:
        for frame in frames:
            theirs.post(frame)
        theirs.flush()

    sender = Thread(target=send)
    sender.start()

    assert [ours.exchange(5) for _ in frames] == frames
    sender.join()


def test_a_reader_that_is_stopped_does_not_block_the_writer(ends: tuple[Pipe, Pipe]) -> None:
    ours, theirs = ends
    large = Frame("task", {}, b"x" * 5_000_000)

    ours.post(large)

    assert ours.exchange(0.05) is None
    received = Thread(target=lambda: theirs.exchange(5))
    received.start()
    while received.is_alive():
        ours.exchange(0.01)


def test_a_torn_frame_is_a_closed_pipe(ends: tuple[Pipe, Pipe]) -> None:
    ours, theirs = ends
    theirs.post(Frame("done", {}, b"x" * 10_000_000))  # more than the kernel takes
    theirs.close()

    with pytest.raises(PipeClosed):
        ours.exchange(5)


def test_no_frame_within_the_time_is_none(ends: tuple[Pipe, Pipe]) -> None:
    assert ends[0].exchange(0) is None


def test_only_job_types_with_an_actor_are_served() -> None:
    known = actors("a=support.actors:run, b = no.such.module:run")

    assert known["a"] == "support.actors:run"
    assert "b" not in known


def test_extra_actors_win_over_the_built_in_ones() -> None:
    assert actors("estimation=support.actors:run")["estimation"] == "support.actors:run"


def test_an_entry_point_that_names_no_function_is_an_error() -> None:
    with pytest.raises(UnknownJobType):
        load("support.actors:EXTRA_ACTORS")
    with pytest.raises(UnknownJobType):
        load("support.actors:nothing")


def test_the_least_recently_used_value_leaves_the_cache_first() -> None:
    built = []

    def build(key: str) -> str:
        built.append(key)
        return key.upper()

    recent = Recent(capacity=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert recent.get(key, lambda key=key: build(key)) == key.upper()

    # "c" pushed out "b", which had to be built again; "a" was in use all the time.
    assert built == ["a", "b", "c", "b"]


def test_what_fails_to_build_is_not_kept() -> None:
    recent = Recent(capacity=2)
    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: 1 // 0)

    assert recent.get("a", lambda: 2) == 2


def test_a_table_is_stored_as_parquet_and_bytes_as_they_are() -> None:
    table = pa.table({"bus": ["a", "b"], "v_kv": [20.0, 19.9]})

    assert pq.read_table(io.BytesIO(encoded(Part("buses", table)))).equals(table)
    assert encoded(Part("note", b"hi", "text/plain")) == b"hi"
