"""Just enough HTTP to use the API as any program would."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

Document = dict[str, Any]


class Api:
    """The API at one address."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **headers: str) -> Document:
        """Read a JSON document."""
        document: Document = json.loads(self.read(path, **headers))
        return document

    def read(self, path: str, **headers: str) -> bytes:
        """Read any document."""
        request = urllib.request.Request(self.url + path, headers=headers)  # noqa: S310  # our own server
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return bytes(answer.read())

    def post(self, path: str, body: Document) -> Document:
        """Submit a job; the key makes it safe to repeat."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
        return self._send(path, json.dumps(body).encode(), headers)

    def upload(self, path: str, file: Path) -> Document:
        """Upload one file as multipart/form-data."""
        edge = uuid4().hex
        head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{file.name}"\r\n\r\n'
        body = head.encode() + file.read_bytes() + f"\r\n--{edge}--\r\n".encode()
        return self._send(path, body, {"Content-Type": f"multipart/form-data; boundary={edge}"})

    def events(self, path: str) -> Iterator[Document]:
        """Follow server-sent events until the server ends the stream."""
        request = urllib.request.Request(self.url + path)  # noqa: S310
        with urllib.request.urlopen(request, timeout=120) as stream:  # noqa: S310
            for line in stream:
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])

    def until(self, path: str, settled: Callable[[Document], bool], timeout_s: float = 120.0) -> Document:
        """Read a document until it has settled; raises TimeoutError."""
        end = time.monotonic() + timeout_s
        while not settled(document := self.get(path)):
            if time.monotonic() > end:
                raise TimeoutError(f"{path} has not settled in {timeout_s:.0f} s")
            time.sleep(0.1)
        return document

    def _send(self, path: str, body: bytes, headers: dict[str, str]) -> Document:
        request = urllib.request.Request(self.url + path, body, headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            document: Document = json.loads(answer.read())
            return document
