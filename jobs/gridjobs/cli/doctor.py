"""`gridjobs doctor`: whether this installation can do its work, and what to do if not."""

import sys

import click

from gridjobs.checkup import examine
from gridjobs.settings import Settings


@click.command("doctor")
def command() -> None:
    """Check packages, store, broker, blobs, space and port. Exit status 1 when something needs care."""
    healthy = True
    for finding in examine(Settings()):
        mark = click.style("ok  ", fg="green") if finding.good else click.style("BAD ", fg="red")
        click.echo(f"{mark} {finding.subject:<9} {finding.what}")
        if not finding.good:
            healthy = False
            click.echo(f"     {'':<9} -> {finding.advice}")
    sys.exit(0 if healthy else 1)
