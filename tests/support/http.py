"""An HTTP client for tests; an independent validator checks every exchange against the contract."""

import json
import warnings
from functools import cache
from importlib.resources import files
from typing import Any

import httpx
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.paths.exceptions import PathError, PathNotFound, ServerNotFound
from werkzeug.datastructures import Headers, ImmutableMultiDict

BINARY = ("application/vnd.apache.parquet", "application/vnd.apache.arrow.stream", "image/png")
TEXT = ("text/csv", "text/event-stream", "image/svg+xml", "application/xml")


class NotTheContract(AssertionError):
    """Raised when an exchange is not as the contract says."""


class _Request:
    def __init__(self, request: httpx.Request) -> None:
        self.host_url = f"{request.url.scheme}://{request.url.netloc.decode()}"
        self.path = request.url.path
        self.method = request.method.lower()
        self.content_type = request.headers.get("content-type", "").lower()
        is_form = self.content_type.startswith("multipart/")  # sent as a stream, cannot be read again
        self.body = None if is_form else request.content or None
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(request.url.params.multi_items()), header=Headers(dict(request.headers))
        )


class _Response:
    def __init__(self, response: httpx.Response) -> None:
        self.status_code = response.status_code
        self.content_type = response.headers.get("content-type", "").lower()
        self.headers = Headers(dict(response.headers))
        self.data = response.content


@cache
def contract() -> OpenAPI:
    """The contract, as the API serves it."""
    bundle: dict[str, Any] = json.loads(files("gridjobs_api").joinpath("pages/openapi.json").read_bytes())
    opaque: dict[str, Any] = dict.fromkeys(BINARY, _as_it_is) | dict.fromkeys(TEXT, _decoded)
    opaque["application/problem+json"] = json.loads
    return OpenAPI.from_dict(bundle, config=Config(extra_media_type_deserializers=opaque))


def _as_it_is(data: bytes, **_: str) -> bytes:
    return data


def _decoded(data: bytes, **_: str) -> str:
    return data.decode("utf-8", "replace")


def check(response: httpx.Response) -> None:
    """Check an exchange; a request only when it was taken, since tests also send wrong ones.

    Raises:
        NotTheContract: With what is wrong. Paths outside the contract (pages) are not looked at.
    """
    request = _Request(response.request)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            contract().validate_response(request, _Response(response))
            if response.is_success and "multipart" not in request.content_type:
                contract().validate_request(request)
        except (PathNotFound, ServerNotFound):
            assert not request.path.startswith("/v1/") or response.status_code == 404
        except PathError:
            assert response.status_code == 405, "only an unknown method may be outside the contract"
        except OpenAPIError as error:
            reason = error.__cause__ or error
            details = [str(e) for e in getattr(reason, "schema_errors", [])]
            what = f"{request.method} {request.path} -> {response.status_code}"
            raise NotTheContract(f"{what}: {error} {reason} {details}"[:2000]) from error


def checked_client(base_url: str, **options: Any) -> httpx.Client:
    """A client whose every answer is read and checked."""

    def hook(response: httpx.Response) -> None:
        response.read()
        check(response)

    return httpx.Client(base_url=base_url, event_hooks={"response": [hook]}, timeout=40, **options)
