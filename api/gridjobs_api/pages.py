"""The pages for people: a landing page and both references, served from package data, without any network."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gridjobs_api.problems import RequestProblem

PAGES: Mapping[str, str] = {"/": "index.html", "/docs": "docs.html", "/docs/events": "events.html"}
ASSETS = "/docs/assets/"
MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".txt": "text/plain",
    ".json": "application/json",
}
POLICY = (  # nothing but what this server gives; both references style their elements inline
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; "
    "base-uri 'none'; frame-ancestors 'none'"
)


@cache
def package_file(name: str) -> bytes:
    """Return one file of the `pages` folder; raises FileNotFoundError."""
    return files("gridjobs_api").joinpath("pages", *PurePosixPath(name).parts).read_bytes()


async def pages(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer what is not in the contract: a page, one of its assets, or not found."""
    path, method = scope["path"], scope["method"]
    name = PAGES.get(path) or _asset(path)
    if name is None:
        raise RequestProblem("not_found", "there is nothing at this path")
    if method not in ("GET", "HEAD"):
        raise RequestProblem("method_not_allowed", "a page is only read", headers={"Allow": "GET, HEAD"})
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache" if name.endswith(".html") else "max-age=3600",
    }
    media_type = MEDIA_TYPES[PurePosixPath(name).suffix]
    await Response(package_file(name), headers=headers, media_type=media_type)(scope, receive, send)


@cache
def _assets() -> frozenset[str]:
    return frozenset(entry.name for entry in files("gridjobs_api").joinpath("pages", "assets").iterdir())


def _asset(path: str) -> str | None:
    name = path.removeprefix(ASSETS) if path.startswith(ASSETS) else ""
    return f"assets/{name}" if name in _assets() else None
