"""From an operation of the contract to the function that handles it: by tag and name, or by job type."""

import re
from importlib import import_module
from typing import Any

from connexion.operations import AbstractOperation
from connexion.resolver import Resolution, Resolver

from gridjobs_api.bodies import JSON
from gridjobs_api.handlers.submit import submitter

HANDLERS = "gridjobs_api.handlers"


class HandlerResolver(Resolver):  # type: ignore[misc]  # connexion is untyped
    """Finds `handlers/<tag>.py`, function `<operation_id>` in snake case.

    An operation with `x-job-type` and a JSON body needs no function of its own: all of them share one.
    """

    def resolve(self, operation: AbstractOperation) -> Resolution:
        """Return the handler of an operation; raises AttributeError or ImportError where there is none."""
        spec: dict[str, Any] = operation._operation  # connexion gives no other way to vendor extensions
        job_type = spec.get("x-job-type")
        if job_type is not None and JSON in spec["requestBody"]["content"]:
            return Resolution(submitter(job_type, operation.path), spec["operationId"])
        module = import_module(f"{HANDLERS}.{spec['tags'][0]}")
        return Resolution(getattr(module, _snake(spec["operationId"])), spec["operationId"])


def _snake(name: str) -> str:
    return re.sub(r"(?=[A-Z])", "_", name).lower()
