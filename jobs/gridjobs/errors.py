"""Everything that can go wrong in the job domain, as one tree; each docstring says when the error is raised.

HTTP status codes are chosen at the edge, in the API's table, never here.
"""


class GridjobsError(Exception):
    """Base of all errors that callers are expected to handle."""


class NotFound(GridjobsError):
    """Raised when a thing does not exist for this tenant; another tenant's thing does not exist either."""


class JobNotFound(NotFound):
    """Raised when no job has this id, or it belongs to another tenant."""


class ResourceNotFound(NotFound):
    """Raised when no resource of this kind has this id, or it belongs to another tenant."""

    def __init__(self, kind: str, resource_id: str, role: str = "") -> None:
        super().__init__(f"there is no {kind} {resource_id}")
        self.kind = kind
        self.resource_id = resource_id
        self.role = role  # the name under which a submission refers to it, e.g. "grid"


class GridNotFound(ResourceNotFound):
    """Raised when the resource that does not exist is a grid."""


class DatasetNotFound(ResourceNotFound):
    """Raised when the resource that does not exist is a dataset."""


class PartNotFound(NotFound):
    """Raised when a job's result has no part of this name."""


class JobGone(GridjobsError):
    """Raised when the job existed and has been purged, by its owner or at the end of its retention."""


class ResultExpired(GridjobsError):
    """Raised when the job is still known but its result has passed its retention."""


class JobNotFinished(GridjobsError):
    """Raised when something needs a finished job (its result, a purge) and the job is not done."""


class JobFailed(GridjobsError):
    """Raised when the result of a failed or cancelled job is asked for; `problem` says why there is none."""

    def __init__(self, problem: dict[str, object]) -> None:
        super().__init__(f"{problem.get('code')}: {problem.get('detail')}")
        self.problem = problem


class IdempotencyConflict(GridjobsError):
    """Raised when an idempotency key comes again with another request body."""


class ResourceNotReady(GridjobsError):
    """Raised when a resource is to be used, or deleted, whose making has not finished or has failed."""

    def __init__(self, kind: str, resource_id: str, status: str, role: str = "") -> None:
        super().__init__(f"{kind} {resource_id} is {status}")
        self.kind = kind
        self.resource_id = resource_id
        self.status = status
        self.role = role


class QueueFull(GridjobsError):
    """Raised when a job type already has as many queued jobs as the settings allow; retry later."""


class StaleFence(GridjobsError):
    """Raised when a worker writes to a job that it no longer holds: the lease was lost, or the job ended."""


class InvalidCursor(GridjobsError):
    """Raised when a page cursor was not made by this service."""


class StoreUnavailable(GridjobsError):
    """Raised when the store does not answer, refuses writes or is still loading; retry later."""


class StoreNotDurable(StoreUnavailable):
    """Raised when the store could lose an acknowledged write: no append-only file, lazy fsync, eviction."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class BlobMissing(GridjobsError):
    """Raised when no blob has this digest."""


class BlobStoreUnavailable(GridjobsError):
    """Raised when the blob store does not answer or refuses; retry later."""


class PublishFailed(GridjobsError):
    """Raised when the broker did not confirm a batch of messages; all of it has to be published again."""


class NotConfirmed(PublishFailed):
    """Raised when the broker is there but has not confirmed a batch within its time."""


class UnroutableName(GridjobsError):
    """Raised when a tenant or job type holds characters that routing keys and topics do not allow."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} may only hold letters, digits, '-' and '_'")


def resource_not_found(kind: str, resource_id: str, role: str = "") -> ResourceNotFound:
    """Return the narrowest error for a resource that does not exist."""
    narrow = {"grid": GridNotFound, "dataset": DatasetNotFound}
    return narrow.get(kind, ResourceNotFound)(kind, resource_id, role)
