"""The `gridjobs` command. Each subcommand is a module, imported only when it is called."""

import importlib
from collections.abc import Mapping
from typing import Any

import click

COMMANDS: Mapping[str, str] = {
    "up": "Run everything on this machine",
    "api": "Serve HTTP",
    "relay": "Publish hints and events, reconcile",
    "worker": "Run jobs",
    "demo": "Estimate the state of an example grid, show it, and stop",
    "doctor": "Check the installation and say what to do",
}


class Commands(click.Group):
    """Finds a command in the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name the commands in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"gridjobs.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=Commands)
@click.version_option(package_name="gridjobs")
def main(**_: Any) -> None:
    """Run computations on electricity distribution grids as jobs.

    Every setting is an environment variable GRIDJOBS_...; `gridjobs up` needs none.
    """
