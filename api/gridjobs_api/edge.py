"""The outermost layer: a trace id, a rate limit, a duration, and no failure that is not a problem."""

import os
import re
import time
from typing import Any

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gridjobs_api.domain_errors import problem_of
from gridjobs_api.metrics import RequestMetrics
from gridjobs_api.ratelimit import RateLimit
from gridjobs_api.reply import problem_reply

log = structlog.get_logger(__name__)
TRACEPARENT = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
LIMITED = "/v1/"  # probes, metrics and pages are not counted


class EdgeMiddleware:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, *, limit: RateLimit, metrics: RequestMetrics) -> None:
        self.app = app
        self.limit = limit
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began_s = time.perf_counter()
        state: dict[str, Any] = {"trace_id": _trace_id(scope), "operation": "none"}
        scope["state"] = state
        answer = Answer(send)
        try:
            if scope["path"].startswith(LIMITED):
                answer.headers = self.limit.take(_client(scope))
            await self.app(scope, receive, answer)
        except ClientDisconnect:
            answer.status = answer.status or 499
        except Exception as error:
            await self._refuse(error, scope, receive, answer)
        finally:
            self.metrics.observe(state["operation"], answer.status, time.perf_counter() - began_s)

    async def _refuse(self, error: Exception, scope: Scope, receive: Receive, answer: "Answer") -> None:
        problem = problem_of(error)
        if problem.kind.status >= 500:
            details = {"code": problem.code, "operation": scope["state"]["operation"]}
            log.error("request_failed", trace_id=scope["state"]["trace_id"], exc_info=error, **details)
        if answer.status:
            raise error  # too late for a problem: the server breaks the connection off
        await problem_reply(problem, scope["state"]["trace_id"])(scope, receive, answer)


class Answer:
    """Passes the answer on, remembers its status and adds headers."""

    __slots__ = ("headers", "send", "status")

    def __init__(self, send: Send) -> None:
        self.send = send
        self.status = 0
        self.headers: dict[str, str] = {}

    async def __call__(self, message: Message) -> None:
        """Send one ASGI message."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.headers:
                extra = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
                message = {**message, "headers": [*message["headers"], *extra]}
        await self.send(message)


def _trace_id(scope: Scope) -> str:
    """Return the caller's W3C trace id, or a new one."""
    for name, value in scope["headers"]:
        if name == b"traceparent" and (match := TRACEPARENT.fullmatch(value)):
            return str(match[1].decode())
    return os.urandom(16).hex()


def _client(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""
