"""Grid import as a job."""

import json
from typing import Any

from gridjobs_workers.grids import describe
from gridjobs_workers.grids.build import import_grid, import_upload
from gridjobs_workers.grids.codec import model_to_bytes
from gridjobs_workers.grids.describe import described
from gridjobs_workers.grids.model import Problem
from gridjobs_workers.grids.problems import ERROR, GridRejected
from gridjobs_workers.grids.sample import SAMPLE
from gridjobs_workers.task import JobFailure, Outcome, Task

ENGINE = {"name": "gridjobs-cim", "version": "0.1.0"}


def run(task: Task) -> Outcome:
    """Import uploaded files as a grid, or reject them with every reason."""
    files = task.input["files"]
    task.progress(0.1, "reading", f"{len(files)} file(s)")
    uploads = ((file["name"], task.blobs.get(file["digest"])) for file in files)
    try:
        imported = import_upload(uploads, name=task.input.get("name") or "")
    except GridRejected as rejected:
        raise _rejection(rejected, files) from rejected
    model = imported.model
    task.progress(0.8, "storing", f"{len(model.buses.mrid)} nodes")
    summary, problems = describe.summary(model), describe.problems(model)
    return Outcome(
        result={
            "type": "grid-import",
            "grid_id": task.input["grid_id"],
            "summary": summary,
            "problems": problems,
        },
        engine=ENGINE,
        resource={
            "status": "ready",
            "name": model.name,
            "model_digest": task.blobs.put(model_to_bytes(model)),
            "index_digest": task.blobs.put(imported.components.to_json()),
            "summary": json.dumps(summary),
            "problems": json.dumps(problems),
        },
    )


def warm() -> None:
    """Compile what an import needs, and keep it on disk."""
    import_grid([("sample.xml", SAMPLE)])


def _rejection(rejected: GridRejected, files: list[dict[str, Any]]) -> JobFailure:
    """Return every problem twice: as faults of the job, and with the grid, where its owner looks."""
    names = [file["name"] for file in files]
    errors = [
        {"pointer": _pointer(problem, names), "code": problem.code, "detail": _told(problem)}
        for problem in rejected.problems
        if problem.severity == ERROR
    ]
    found = [described(problem) for problem in rejected.problems]
    return JobFailure("grid_rejected", str(rejected), errors, resource={"problems": json.dumps(found)})


def _pointer(problem: Problem, names: list[str]) -> str:
    """The uploaded file that a problem is in, also when it lies inside an archive; else all files."""
    for number, name in enumerate(names):
        if problem.file == name or problem.file.startswith(f"{name}/"):
            return f"/files/{number}"
    return "/files"


def _told(problem: Problem) -> str:
    where = (
        f"{problem.file}:{problem.line}: " if problem.line else f"{problem.file}: " if problem.file else ""
    )
    return where + problem.detail + (f" (mRID {problem.mrid})" if problem.mrid else "")
