"""Every call to the store: which script, with what arguments, and what its reply means.

Written once; `store.JobStore` sends them blocking, `store.AsyncJobStore` on an event loop.
"""

from gridjobs.calls.attempt import claim, commit, heartbeat, release
from gridjobs.calls.call import Call, Reply, record
from gridjobs.calls.cursors import decode_cursor, encode_cursor
from gridjobs.calls.reading import StoredResult, cancel, events, get, get_input, get_result, list_jobs, purge
from gridjobs.calls.resource import create_resource, delete_resource, get_resource, list_resources
from gridjobs.calls.submission import accept, is_inline, new_job_id, replay
from gridjobs.calls.upkeep import orphans, reconcile, stats, tidy_outbox, unused_blobs

__all__ = [
    "Call",
    "Reply",
    "StoredResult",
    "accept",
    "cancel",
    "claim",
    "commit",
    "create_resource",
    "decode_cursor",
    "delete_resource",
    "encode_cursor",
    "events",
    "get",
    "get_input",
    "get_resource",
    "get_result",
    "heartbeat",
    "is_inline",
    "list_jobs",
    "list_resources",
    "new_job_id",
    "orphans",
    "purge",
    "reconcile",
    "record",
    "release",
    "replay",
    "stats",
    "tidy_outbox",
    "unused_blobs",
]
