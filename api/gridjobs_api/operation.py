"""One operation of the contract: what comes in is checked, then the handler is called."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from connexion.operations import AbstractOperation
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gridjobs_api.bodies import JSON, JsonBody
from gridjobs_api.call import Call
from gridjobs_api.parameters import Parameters
from gridjobs_api.problems import RequestProblem
from gridjobs_api.services import Services

Handler: TypeAlias = Callable[..., Awaitable[Response]]


class Operation:
    """An operation, compiled once: parameters, body, handler."""

    def __init__(self, operation: AbstractOperation, services: Services) -> None:
        self.id: str = operation.operation_id
        self.handler: Handler = operation.function
        self.services = services
        # What documents no bad request (a probe) answers whatever it is asked with.
        self.parameters = Parameters(operation.parameters, strict="400" in operation.responses)
        self.media_types = tuple(operation.consumes)
        self.body_required: bool = operation.request_body.get("required", False)
        self.json_body = (
            JsonBody(operation.body_schema(JSON), services.settings.body_limit_bytes)
            if JSON in self.media_types
            else None
        )

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, path_parameters: Mapping[str, str]
    ) -> None:
        """Check the request and answer it."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        arguments = self.parameters.read(path_parameters, scope["query_string"], headers)
        call = Call(scope, receive, headers, self.services, self.services.settings.default_tenant)
        if self.media_types:
            self._check_media_type(headers)
        if self.json_body is not None:
            call.body = await self.json_body.read(receive, headers)
        response = await self.handler(call, **arguments)
        await response(scope, receive, send)

    def _check_media_type(self, headers: Mapping[str, Any]) -> None:
        given = headers.get("content-type", "").partition(";")[0].strip().lower()
        if given not in self.media_types and not (given == "" and self.media_types == (JSON,)):
            expected = " or ".join(self.media_types)
            raise RequestProblem("unsupported_media_type", f"the body must be {expected}")
