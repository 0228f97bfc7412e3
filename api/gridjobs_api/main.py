"""The API process: uvicorn around the application."""

import ipaddress

import uvicorn
from starlette.types import ASGIApp

from gridjobs.settings import Settings
from gridjobs_api.app import create_app


class ExposedWithoutIdentity(Exception):
    """Raised when the API would listen for the world although it knows nobody."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"refusing to listen on {host}: the API checks no identity yet, so it serves this machine only; "
            "listen on 127.0.0.1, behind a proxy that authenticates"
        )


def app() -> ASGIApp:
    """Build the application from the environment, for `uvicorn --factory gridjobs_api.main:app`."""
    settings = Settings()
    require_safe_host(settings)
    return create_app(settings)


def serve(settings: Settings) -> None:
    """Serve until told to stop.

    Raises:
        ExposedWithoutIdentity: The address is not loopback.
    """
    require_safe_host(settings)
    uvicorn.run(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
    )


def require_safe_host(settings: Settings) -> None:
    """Refuse to be reachable from elsewhere without knowing who asks; raises ExposedWithoutIdentity.

    The settings of identity do not open it: nothing enforces them yet.
    """
    if not is_loopback(settings.api_host):
        raise ExposedWithoutIdentity(settings.api_host)


def is_loopback(host: str) -> bool:
    """Say whether an address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
