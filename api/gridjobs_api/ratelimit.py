"""A token bucket per client, in the process: cheap, and fair enough within one process."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from gridjobs_api.problems import RequestProblem

WINDOW_S = 60.0
MAX_CLIENTS = 10_000


@dataclass(slots=True)
class Bucket:
    """What a client has left."""

    tokens: float
    updated_s: float


class RateLimit:
    """At most `per_minute` requests a minute for each client; 0 is no limit.

    A full bucket allows a burst of a whole minute's requests. The clients asked for last are remembered; one
    that is forgotten starts with a full bucket again.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self.per_second = per_minute / WINDOW_S
        self.clock = clock
        self.buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, client: str) -> dict[str, str]:
        """Take one request from a client's bucket and return the headers that tell what is left.

        Raises:
            RequestProblem: `rate_limited`, when nothing is left.
        """
        if not self.per_minute:
            return {}
        bucket = self._filled(client)
        if bucket.tokens < 1:
            wait_s = (1 - bucket.tokens) / self.per_second
            detail = f"at most {self.per_minute} requests a minute"
            raise RequestProblem("rate_limited", detail, retry_after_s=wait_s, headers=self._headers(bucket))
        bucket.tokens -= 1
        return self._headers(bucket)

    def _filled(self, client: str) -> Bucket:
        now_s = self.clock()
        bucket = self.buckets.pop(client, None) or Bucket(self.per_minute, now_s)
        bucket.tokens = min(self.per_minute, bucket.tokens + (now_s - bucket.updated_s) * self.per_second)
        bucket.updated_s = now_s
        self.buckets[client] = bucket
        if len(self.buckets) > MAX_CLIENTS:
            self.buckets.popitem(last=False)
        return bucket

    def _headers(self, bucket: Bucket) -> dict[str, str]:
        full_in_s = (self.per_minute - bucket.tokens) / self.per_second
        return {
            "RateLimit-Policy": f'"default";q={self.per_minute};w={WINDOW_S:.0f}',
            "RateLimit": f'"default";r={int(bucket.tokens)};t={full_in_s:.0f}',
        }
