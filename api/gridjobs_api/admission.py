"""Whether a submission makes sense, seen against what it refers to; every fault at once."""

from collections.abc import Mapping

from gridjobs.errors import ResourceNotFound, ResourceNotReady
from gridjobs.model import ResourceRef, Submission
from gridjobs_api.call import Call
from gridjobs_api.checks import World, faults_of
from gridjobs_api.domain_errors import problem_of
from gridjobs_api.problems import RequestProblem, faulty


async def admit(submission: Submission, call: Call) -> None:
    """Check a submission before it is accepted.

    Raises:
        RequestProblem: With every fault. Its code is that of what the submission refers to (`grid_not_found`,
            `grid_not_ready`) only when nothing else is wrong: then the caller need not change the request.
    """
    world, missing = await _world(submission.refers_to, call)
    faults = [fault for problem in missing for fault in problem.faults]
    faults += faults_of(submission.type, call.body, world)
    if not faults:
        return
    if len(missing) == len(faults) == 1:
        raise missing[0]
    raise faulty("invalid_input", faults)


async def _world(refers_to: Mapping[str, ResourceRef], call: Call) -> tuple[World, list[RequestProblem]]:
    """Load what a submission refers to, and a problem for each thing that cannot be used."""
    components: Mapping[str, str] | None = None
    columns: frozenset[str] | None = None
    missing: list[RequestProblem] = []
    for role, ref in refers_to.items():
        try:
            match role:
                case "grid":
                    components = await call.services.grids.components(call.tenant, ref.id)
                case "dataset":
                    columns = await call.services.datasets.columns(call.tenant, ref.id)
        except (ResourceNotFound, ResourceNotReady) as error:
            error.role = role
            missing.append(problem_of(error))
    return World(components, columns), missing
