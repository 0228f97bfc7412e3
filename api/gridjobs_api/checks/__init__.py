"""What a schema cannot say: checks of a submission against the world, per job type, before it is accepted.

A job type without checks of its own needs no entry here.
"""

from collections.abc import Mapping
from typing import Any

from gridjobs_api.checks import common, estimation
from gridjobs_api.checks.world import Check, World
from gridjobs_api.problems import Fault

__all__ = ["World", "faults_of"]

CHECKS: Mapping[str, tuple[Check, ...]] = {"estimation": estimation.CHECKS}


def faults_of(job_type: str, body: Mapping[str, Any], world: World) -> list[Fault]:
    """Return every fault that the checks of a job type find."""
    checks = common.CHECKS + CHECKS.get(job_type, ())
    return [fault for check in checks for fault in check(body, world)]
