"""A request on its way to a handler, already checked against its operation."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.types import Receive, Scope

if TYPE_CHECKING:
    from gridjobs_api.services import Services


@dataclass(slots=True)
class Call:
    """What every handler gets: the request, who asks, and the services it may use."""

    scope: Scope
    receive: Receive
    headers: dict[str, str]  # names in lower case; of a repeated header the last
    services: "Services"
    tenant: str
    principal: str = ""
    body: Any = None  # the JSON document, valid against its schema, where the operation takes one

    @property
    def trace_id(self) -> str:
        """The id that ties this request to logs and problems."""
        return str(self.scope["state"]["trace_id"])

    @property
    def request(self) -> Request:
        """The raw request, for bodies that are read as a stream."""
        return Request(self.scope, self.receive)
