"""JSON bodies: read within a size limit, parsed and validated, all faults at once."""

from collections.abc import Mapping
from typing import Any

import orjson
from jsonschema_rs import Draft4Validator
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from gridjobs_api.faults import compiled, faults_of
from gridjobs_api.problems import RequestProblem, faulty

JSON = "application/json"


class JsonBody:
    """The JSON request body of one operation."""

    def __init__(self, schema: dict[str, Any], max_bytes: int) -> None:
        self.validator: Draft4Validator = compiled(schema)
        self.max_bytes = max_bytes

    async def read(self, receive: Receive, headers: Mapping[str, str]) -> Any:
        """Return the document.

        Raises:
            RequestProblem: `body_too_large`, `malformed_body` or `invalid_input`.
        """
        raw = await read_capped(receive, headers, self.max_bytes)
        document = parsed(raw)
        if not self.validator.is_valid(document):
            raise faulty("invalid_input", faults_of(self.validator, document))
        return document


def parsed(raw: bytes) -> Any:
    """Parse JSON (RFC 8259: UTF-8, no NaN); raises RequestProblem with the place of the first error."""
    if not raw:
        raise RequestProblem("malformed_body", "a JSON body is required")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise RequestProblem("malformed_body", f"not valid JSON in UTF-8: {error.msg} at {where}") from None


async def read_capped(receive: Receive, headers: Mapping[str, str], max_bytes: int) -> bytes:
    """Read the whole body; refuses it as soon as it is announced or found to be over the limit."""
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise too_large(max_bytes)
    message = await receive()
    if not message.get("more_body"):  # nearly always: one piece, not copied
        return _piece(message, max_bytes)
    pieces, size = [_piece(message, max_bytes)], 0
    while message.get("more_body"):
        message = await receive()
        pieces.append(_piece(message, max_bytes))
        size += len(pieces[-1])
        if size > max_bytes:
            raise too_large(max_bytes)
    return b"".join(pieces)


def _piece(message: Mapping[str, Any], max_bytes: int) -> bytes:
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    piece: bytes = message.get("body", b"")
    if len(piece) > max_bytes:
        raise too_large(max_bytes)
    return piece


def too_large(max_bytes: int) -> RequestProblem:
    """Return the problem that names the limit."""
    return RequestProblem(
        "body_too_large", f"the body may have {max_bytes} bytes; bulk belongs into a dataset"
    )
