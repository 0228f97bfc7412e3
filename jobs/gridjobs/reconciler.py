"""Puts right what nobody else will: lost hints, lost workers, deadlines, retention, unused blobs."""

import logging
import threading
import uuid
from typing import Final

import redis

from gridjobs import calls, keys, outbox
from gridjobs.errors import BlobStoreUnavailable, StoreUnavailable
from gridjobs.store import JobStore, translated

log = logging.getLogger(__name__)

BATCH: Final = 200
LONGEST_HINT_PAUSE_MS: Final = 3_600_000
ENOUGH_BACKLOG: Final = 1_000
RELAY_FORGOTTEN_S: Final = 3_600.0
LOCK: Final = f"{keys.LOCK}reconciler"
SWEPT: Final = f"{keys.LOCK}orphans-swept"


class Reconciler:
    """Every step is atomic and may run anywhere at any time; the lock only saves double work."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._settings = store.settings
        self._token = uuid.uuid4().hex

    def run(self, stop: threading.Event) -> None:
        """Reconcile every now and then until `stop` is set."""
        while not stop.wait(self._settings.reconcile_s):
            try:
                if self._holds_lock():
                    self.reconcile()
            except (StoreUnavailable, BlobStoreUnavailable) as error:
                log.warning("cannot reconcile now: %s", error)

    def reconcile(self) -> None:
        """Do one round of everything."""
        if self._store_is_settled():
            self._all("reconcile_leases")
        self._all("reconcile_deadlines")
        self._all("reconcile_hints", LONGEST_HINT_PAUSE_MS, ENOUGH_BACKLOG)
        self._all("expire_results")
        self._all("expire_jobs")
        self._sweep_unused_blobs()
        if self._orphans_are_due():
            self.sweep_orphans()
        outbox.tidy(self._store, RELAY_FORGOTTEN_S)

    def sweep_orphans(self) -> int:
        """Remove blobs that no job and no resource holds, left behind by a crash; return how many."""
        removed = 0
        for digests in self._store.blobs.older_than(self._settings.blob_grace_s):
            removed += self._remove(self._store.run(calls.orphans(digests)))
        return removed

    def _sweep_unused_blobs(self) -> None:
        self._remove(self._store.run(calls.unused_blobs(BATCH, self._settings.blob_grace_s)))

    def _remove(self, digests: list[str]) -> int:
        grace_s = self._settings.blob_grace_s
        return sum(self._store.blobs.delete_if_older(digest, grace_s) for digest in digests)

    def _all(self, script: str, *args: int) -> None:
        while self._store.run(calls.reconcile(script, BATCH, *args)) == BATCH:
            pass

    def _store_is_settled(self) -> bool:
        """Whether workers have had the time to renew their leases since the store has started."""
        enough_s = min(self._settings.lease_s, 2 * self._settings.heartbeat_s)
        with translated():
            return bool(self._store.client.info("server")["uptime_in_seconds"] >= enough_s)

    def _orphans_are_due(self) -> bool:
        pause_ms = round(self._settings.orphan_sweep_s * 1000)
        with translated():
            return bool(self._store.client.set(SWEPT, self._token, nx=True, px=pause_ms))

    def _holds_lock(self) -> bool:
        lease_ms = max(1000, round(5 * self._settings.reconcile_s * 1000))
        client: redis.Redis = self._store.client
        with translated():
            if client.set(LOCK, self._token, nx=True, px=lease_ms):
                return True
            return client.get(LOCK) == self._token.encode() and bool(client.pexpire(LOCK, lease_ms))
