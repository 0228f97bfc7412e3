"""Length-prefixed frames between a worker and its child, over a socket pair.

A frame is a small JSON header and an opaque body (a job's input, a result), so that large JSON crosses
the pipe without being parsed on the way.
"""

import select
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

import orjson

PREFIX = struct.Struct("!IQ")
CHUNK_BYTES = 1 << 20


class PipeClosed(Exception):
    """The other end of the pipe is gone."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: what it is, its small fields, and its bytes."""

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""

    def encoded(self) -> bytes:
        """Return the bytes that go over the pipe."""
        header = orjson.dumps([self.kind, self.fields], option=orjson.OPT_SERIALIZE_NUMPY)
        return b"".join((PREFIX.pack(len(header), len(self.body)), header, self.body))


class Pipe:
    """One end of the pair. Never waits longer than asked: the process at the other end may be stopped."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._incoming = bytearray()
        self._outgoing = memoryview(b"")

    def post(self, frame: Frame) -> None:
        """Send a frame, as far as the other end takes it now; `exchange` sends the rest."""
        self._outgoing = memoryview(bytes(self._outgoing) + frame.encoded())
        self._send()

    def flush(self) -> None:
        """Wait until the other end has taken all."""
        while self._outgoing:
            self._ready(None)
            self._send()

    def exchange(self, timeout_s: float | None) -> Frame | None:
        """Wait for the next frame, sending on what is left to send meanwhile; None if none came.

        Raises:
            PipeClosed: The other end is gone.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while (frame := self._take()) is None:
            left_s = None if end is None else end - time.monotonic()
            if not self._ready(left_s):
                return None
            self._send()
            self._receive()
        return frame

    def close(self) -> None:
        """Close this end."""
        self._end.close()

    def _ready(self, timeout_s: float | None) -> bool:
        poll = select.poll()
        poll.register(self._end, select.POLLIN | (select.POLLOUT if self._outgoing else 0))
        return bool(poll.poll(None if timeout_s is None else max(0.0, timeout_s) * 1000))

    def _send(self) -> None:
        try:
            while self._outgoing:
                self._outgoing = self._outgoing[self._end.send(self._outgoing) :]
        except BlockingIOError:
            pass
        except ConnectionError as error:
            raise PipeClosed(str(error)) from error

    def _receive(self) -> None:
        try:
            data = self._end.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except ConnectionError as error:
            raise PipeClosed(str(error)) from error
        if not data:
            raise PipeClosed("end of stream")
        self._incoming += data

    def _take(self) -> Frame | None:
        if len(self._incoming) < PREFIX.size:
            return None
        header_size, body_size = PREFIX.unpack_from(self._incoming)
        start = PREFIX.size + header_size
        if len(self._incoming) < start + body_size:
            return None
        kind, fields = orjson.loads(self._incoming[PREFIX.size : start])
        body = bytes(self._incoming[start : start + body_size])
        del self._incoming[: start + body_size]
        return Frame(kind, fields, body)
