"""`gridjobs api`: the HTTP role."""

import click

from gridjobs import logs
from gridjobs.settings import Settings


@click.command("api")
@click.option("--host", help="Address to listen on; GRIDJOBS_API_HOST by default.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; GRIDJOBS_API_PORT by default.")
def command(host: str | None, port: int | None) -> None:
    """Serve HTTP: validate, accept, read, stream events, show the documentation."""
    import uvicorn

    settings = Settings()
    logs.configure(settings)
    uvicorn.run(
        "gridjobs_api.main:app",
        factory=True,
        host=host or settings.api_host,
        port=settings.api_port if port is None else port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
