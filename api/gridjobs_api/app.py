"""The API as an ASGI application: connexion loads the contract, ours is what runs for each request.

A request passes three layers: the edge (trace id, rate limit, durations, every failure becomes a problem),
connexion's lifespan, and the operations, which check the request and call a handler. Of connexion's own
layers these are left out: its validation stops at the first fault and echoes the input (ours: operation.py),
its Swagger UI comes from elsewhere (ours: pages.py), and responses are validated in the tests.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
from connexion.middleware import ConnexionMiddleware
from connexion.middleware.lifespan import LifespanMiddleware
from starlette.types import ASGIApp

from gridjobs.settings import Settings
from gridjobs_api.edge import EdgeMiddleware
from gridjobs_api.operations import OperationsApp
from gridjobs_api.pages import package_file, pages
from gridjobs_api.ratelimit import RateLimit
from gridjobs_api.resolver import HandlerResolver
from gridjobs_api.services import Services


def create_app(settings: Settings, bundle: Mapping[str, Any] | None = None) -> ASGIApp:
    """Build the application; it connects to the store when the first request needs it.

    Args:
        settings: How this installation is set up.
        bundle: The contract as one OpenAPI document; the one that was packaged by default.
    """
    services = Services.connect(settings, bundle or orjson.loads(package_file("openapi.json")))

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        await services.jobs.aclose()

    edge = partial(EdgeMiddleware, limit=RateLimit(settings.rate_limit_per_minute), metrics=services.metrics)
    app = ConnexionMiddleware(
        OperationsApp(services, pages),
        import_name=__name__,
        lifespan=lifespan,
        middlewares=[edge, LifespanMiddleware],
        resolver=HandlerResolver(),
    )
    app.add_api(dict(services.bundle))
    return app  # type: ignore[no-any-return]  # connexion is untyped
