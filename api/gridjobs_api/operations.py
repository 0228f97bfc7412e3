"""The application that connexion builds from the contract: paths and methods to operations."""

import re
from collections.abc import Iterable
from typing import Any

from connexion.middleware.abstract import AbstractRoutingAPI, SpecMiddleware
from connexion.operations import AbstractOperation
from connexion.spec import Specification
from starlette.types import ASGIApp, Receive, Scope, Send

from gridjobs_api.operation import Operation
from gridjobs_api.problems import RequestProblem
from gridjobs_api.services import Services

Methods = dict[str, Operation]


class OperationsApi(AbstractRoutingAPI[Operation]):  # type: ignore[misc]  # connexion is untyped
    """The operations of one OpenAPI description, by path and method."""

    def __init__(self, specification: Specification, services: Services, **options: Any) -> None:
        self.services = services
        self.fixed: dict[str, Methods] = {}
        self.templates: list[tuple[re.Pattern[str], Methods]] = []
        super().__init__(specification, **options)

    def make_operation(self, operation: AbstractOperation) -> Operation:
        """Compile one operation."""
        return Operation(operation, self.services)

    @staticmethod
    def _framework_path_and_name(operation: AbstractOperation, path: str) -> tuple[str, str]:
        return path, operation.operation_id

    def _add_operation_internal(
        self,
        method: str,
        path: str,
        operation: Operation,
        name: str | None = None,  # noqa: ARG002  # connexion's interface
    ) -> None:
        if "{" not in path:
            self.fixed.setdefault(path, {})[method.upper()] = operation
            return
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + r"\Z")
        known = next((methods for other, methods in self.templates if other == pattern), None)
        if known is None:
            known = {}
            self.templates.append((pattern, known))
        known[method.upper()] = operation

    def find(self, path: str) -> tuple[Methods, dict[str, str]] | None:
        """Return the methods of a path and its parameters; None when the contract does not know the path."""
        if path in self.fixed:
            return self.fixed[path], {}
        for pattern, methods in self.templates:
            if match := pattern.match(path):
                return methods, match.groupdict()
        return None


class OperationsApp(SpecMiddleware):  # type: ignore[misc]  # connexion is untyped
    """Innermost application: runs operations, and hands paths outside the contract to the pages."""

    def __init__(self, services: Services, pages: ASGIApp) -> None:
        self.services = services
        self.pages = pages
        self.apis: list[OperationsApi] = []

    def add_api(self, specification: Specification, **options: Any) -> OperationsApi:
        """Register a description; connexion calls this once it has loaded and validated it."""
        api = OperationsApi(specification, self.services, **options)
        self.apis.append(api)
        return api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raises RequestProblem for the error middleware."""
        for api in self.apis:
            if (found := api.find(scope["path"])) is not None:
                methods, path_parameters = found
                operation = _chosen(methods, scope["method"])
                scope["state"]["operation"] = operation.id
                await operation(scope, receive, send, path_parameters)
                return
        await self.pages(scope, receive, send)


def _chosen(methods: Methods, method: str) -> Operation:
    if method in methods:
        return methods[method]
    if method == "HEAD" and "GET" in methods:
        return methods["GET"]  # the server leaves the body out
    allowed = ", ".join(_allowed(methods))
    raise RequestProblem("method_not_allowed", f"this path knows {allowed}", headers={"Allow": allowed})


def _allowed(methods: Iterable[str]) -> list[str]:
    known = set(methods)
    return sorted(known | {"HEAD"} if "GET" in known else known)
