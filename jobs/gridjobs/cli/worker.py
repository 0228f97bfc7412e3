"""`gridjobs worker`: the role that runs jobs."""

import click

from gridjobs import logs
from gridjobs.settings import Settings
from gridjobs.supervisor import Supervisor


@click.command("worker")
@click.option("--types", default="", help="Job types to serve, separated by commas; all by default.")
@click.option("--slots", default=0, help="Jobs at a time; one per core by default.")
def command(types: str, slots: int) -> None:
    """Run jobs, each in a process of its own."""
    from gridjobs_workers import main as worker

    settings = Settings()
    logs.configure(settings)
    job_types = [name for name in types.split(",") if name]
    try:
        services = worker.slots(settings, job_types, slots)
    except worker.NothingToServe as error:
        raise click.ClickException(str(error)) from None
    supervisor = Supervisor()
    supervisor.stop_on_signals()
    for service in services:
        supervisor.start(service)
    supervisor.watch()
    supervisor.stop()
