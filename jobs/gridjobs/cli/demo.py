"""`gridjobs demo`: a real run of everything on this machine."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gridjobs.demo.client import Api
from gridjobs.demo.report import figures, table

HERE = Path(__file__).resolve()
EXAMPLES = (HERE.parents[1] / "_examples", HERE.parents[3] / "examples")


@click.command("demo")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".data/demo"),
    show_default=True,
    help="Folder for data and pictures.",
)
def command(data: Path) -> None:
    """Start everything, estimate the state of an example grid, show it, and stop."""
    example = next((folder / "cigre_mv" for folder in EXAMPLES if (folder / "cigre_mv").is_dir()), None)
    if example is None:
        raise click.ClickException("the example grid is missing from this installation")
    with _running(data) as url:
        _tour(Api(url), example, data)


def _tour(api: Api, example: Path, data: Path) -> None:
    click.secho("\n1. Upload the CIGRE MV benchmark (CGMES 2.4.15)", bold=True)
    grid = api.upload("/v1/grids", example / "grid.zip")
    grid = api.until(f"/v1/grids/{grid['id']}", lambda found: found["status"] != "importing")
    if grid["status"] != "ready":
        reasons = "; ".join(problem["detail"] for problem in grid.get("problems", []))
        raise click.ClickException(f"the grid is {grid['status']}: {reasons}; logs are in {data / 'log'}")
    counts = ", ".join(f"{number} {kind}" for kind, number in grid["summary"]["counts"].items() if number)
    click.echo(f"  grid {grid['id']}: {counts}")

    click.secho("\n2. Estimate its state from a few meters", bold=True)
    request = json.loads((example / "estimation.json").read_text())
    started = time.perf_counter()
    job = api.post("/v1/estimations", {"grid_id": grid["id"], **request})
    click.echo(f"  job {job['id']} accepted")
    for event in api.events(f"/v1/jobs/{job['id']}/events/stream"):
        _show(event["data"], time.perf_counter() - started)
    job = api.get(f"/v1/jobs/{job['id']}")
    if job["status"] != "succeeded":
        reason = job.get("error", {}).get("detail", "no reason given")
        raise click.ClickException(f"the job is {job['status']}: {reason}; logs are in {data / 'log'}")

    click.secho("\n3. The estimated state", bold=True)
    result = api.get(f"/v1/jobs/{job['id']}/result")
    click.echo(table(result))
    click.echo(f"\n{figures(result)}")
    for name in ("voltage-profile.svg", "voltage-profile.png"):
        picture = data / name
        picture.write_bytes(api.read(f"/v1/jobs/{job['id']}/result/parts/{name}"))
        click.echo(f"  picture: {picture}")
    click.echo("\n  To keep it running: .venv/bin/gridjobs up --port 8080; the documentation is at /docs")


def _show(job: dict[str, object], elapsed_s: float) -> None:
    progress = job.get("progress")
    stage = f" {progress['fraction']:4.0%} {progress.get('stage', '')}" if isinstance(progress, dict) else ""
    click.echo(f"  {1000 * elapsed_s:6.0f} ms  {job['status']}{stage}")


@contextmanager
def _running(data: Path) -> Iterator[str]:
    """Run `gridjobs up` on a free port; yields its address."""
    data.mkdir(parents=True, exist_ok=True)
    click.echo(
        "Starting Gridjobs on free loopback ports (the first run compiles the kernels, about a minute) ..."
    )
    up = [sys.executable, "-m", "gridjobs.cli", "up", "--data", str(data), "--port", "0"]
    with (data / "up.log").open("w") as log:
        process = subprocess.Popen(up, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield _address(process, data)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        click.echo("Stopped.")


def _address(process: subprocess.Popen[str], data: Path) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Gridjobs is up: "):
            url = line.split()[-1]
            click.echo(f"  {url}, documentation at {url}/docs")
            return url
    raise click.ClickException(f"Gridjobs did not start; see {data / 'up.log'}")
