"""Puts right what nobody else will: lost hints, lost workers, deadlines, retention, unused blobs."""

import logging
import threading
import uuid
from collections.abc import Callable
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


class Reconciler:
    """Every step is atomic and may run anywhere at any time; the lock only saves double work."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._token = uuid.uuid4().hex
        self._period_s = store.settings.reconcile_s

    def run(self, stop: threading.Event) -> None:
        """Reconcile every now and then until `stop` is set."""
        while not stop.wait(self._period_s):
            try:
                if self._holds_lock():
                    self.reconcile()
            except (StoreUnavailable, BlobStoreUnavailable) as error:
                log.warning("cannot reconcile now: %s", error)

    def reconcile(self) -> None:
        """Do one round of everything."""
        self._all("reconcile_leases")
        self._all("reconcile_deadlines")
        self._all("reconcile_hints", LONGEST_HINT_PAUSE_MS, ENOUGH_BACKLOG)
        self._all("expire_results")
        self._all("expire_jobs")
        self._sweep_blobs()
        outbox.tidy(self._store, RELAY_FORGOTTEN_S)

    def _all(self, script: str, *args: int) -> None:
        self._until_short(lambda: self._store.run(calls.reconcile(script, BATCH, *args)))

    def _sweep_blobs(self) -> None:
        grace_s = self._store.settings.blob_grace_s
        for digest in self._store.run(calls.unused_blobs(BATCH, grace_s)):
            self._store.blobs.delete_if_older(digest, grace_s)

    def _holds_lock(self) -> bool:
        lease_ms = max(1000, round(5 * self._period_s * 1000))
        client: redis.Redis = self._store.client
        with translated():
            if client.set(LOCK, self._token, nx=True, px=lease_ms):
                return True
            return client.get(LOCK) == self._token.encode() and bool(client.pexpire(LOCK, lease_ms))

    @staticmethod
    def _until_short(batch: Callable[[], int]) -> None:
        while batch() == BATCH:
            pass
