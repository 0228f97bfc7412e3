"""The names of everything in the store, in one place: Python uses them, the Lua scripts get them injected.

All scripts may touch keys that they build themselves, so the store is one Redis primary, not a cluster.
Names that end in a colon take an id, or a tenant and an id.
"""

from typing import Final

JOB: Final = "gj:job:"  # hash: the job, its input and result
EVENTS: Final = "gj:events:"  # stream per job, entry ids are `{sequence}-0`
CHANGE: Final = "gj:change:"  # pub/sub channel per job, the message is the sequence
GONE: Final = "gj:gone:"  # the tenant of a purged job, kept for as long again
IDEMPOTENCY: Final = "gj:idem:"  # digest of tenant, principal, route and key -> fingerprint:job
INDEX: Final = "gj:index:"  # sorted sets of job ids by tenant and type, status or label
QUEUED: Final = "gj:queued:"  # per job type: job id by the time it was queued
HINTS: Final = "gj:hints"  # job id by the time its hint is to be given again
LEASES: Final = "gj:leases"  # job id by the end of its lease
DEADLINES: Final = "gj:deadlines"  # job id by its deadline, while not finished
RESULT_EXPIRY: Final = "gj:expiry:results"
JOB_EXPIRY: Final = "gj:expiry:jobs"
OUTBOX_HINTS: Final = "gj:outbox:hints"  # stream: the jobs that workers have to be told of
OUTBOX_EVENTS: Final = "gj:outbox:events"  # stream: the events that have to be published
COUNTS: Final = "gj:counts"  # hash: {type}:{status} -> jobs now
TOTALS: Final = "gj:totals"  # hash: {type}:{what} -> how often, ever
RESOURCE: Final = "gj:resource:"  # hash: {kind}:{tenant}:{id}
RESOURCES: Final = "gj:resources:"  # sorted set per {kind}:{tenant}: {created_ms}:{id}
BLOB_REFS: Final = "gj:blobs:refs"  # hash: digest -> how many jobs and resources hold it
BLOBS_UNUSED: Final = "gj:blobs:unused"  # digest by the time it lost its last holder
LOCK: Final = "gj:lock:"

OUTBOX_GROUP: Final = "relay"

# What a reader of a job sees; a snapshot of these fields is what an event carries.
JOB_FIELDS: Final = (
    "id",
    "tenant",
    "principal",
    "type",
    "status",
    "attempt",
    "sequence",
    "created_ms",
    "updated_ms",
    "expires_ms",
    "started_ms",
    "finished_ms",
    "deadline_ms",
    "cancel_requested_ms",
    "progress",
    "error",
    "input_digest",
    "result_digest",
    "result_expired",
    "engine",
    "labels",
    "trace_id",
)


def resource(kind: str, tenant: str, resource_id: str) -> str:
    """Return what follows the prefix in a resource's key."""
    return f"{kind}:{tenant}:{resource_id}"
