"""`gridjobs api`: the HTTP role."""

import click

from gridjobs import logs
from gridjobs.settings import Settings


@click.command("api")
@click.option("--host", help="Address to listen on; GRIDJOBS_API_HOST by default.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; GRIDJOBS_API_PORT by default.")
def command(host: str | None, port: int | None) -> None:
    """Serve HTTP: validate, accept, read, stream events, show the documentation."""
    from gridjobs_api import main

    given = {name: value for name, value in (("api_host", host), ("api_port", port)) if value is not None}
    settings = Settings().model_copy(update=given)
    logs.configure(settings)
    try:
        main.serve(settings)
    except main.ExposedWithoutIdentity as error:
        raise click.ClickException(str(error)) from None
