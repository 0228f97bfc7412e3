"""Job events: structured-JSON CloudEvents 1.0, byte for byte the same wherever they are read.

The store writes, in the same atomic step as the change itself, the event's name and a snapshot of the job's
fields. Here the snapshot becomes bytes, by a pure function of it: relay, API and webhooks make the same ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import orjson

from gridjobs.model import Job, timestamp

CONTENT_TYPE: Final = "application/cloudevents+json"
SOURCE: Final = "/v1/jobs"
EXCHANGE: Final = "gridjobs.events"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job."""

    name: str  # queued, started, progress, succeeded, failed, cancelled, expired
    job: Job  # as it was right after

    @classmethod
    def from_fields(cls, fields: Mapping[str, bytes]) -> Self:
        """Build an event from its fields in the store."""
        return cls(fields["event"].decode(), Job.from_fields(fields))

    @property
    def sequence(self) -> int:
        """The job's sequence number of this event."""
        return self.job.sequence

    @property
    def id(self) -> str:
        """The CloudEvent's id, stable over redeliveries."""
        return f"{self.job.id}:{self.job.sequence}"

    @property
    def type(self) -> str:
        """The CloudEvent's type."""
        return f"org.gridjobs.job.{self.name}.v1"

    @property
    def durable(self) -> bool:
        """Whether the event must not be lost; progress may."""
        return self.name != "progress"

    @property
    def routing_key(self) -> str:
        """Where the event goes in the topic exchange; as MQTT topic, slashes stand for the dots."""
        return f"v1.{self.job.tenant}.jobs.{self.job.type}.{self.job.id}.{self.name}"

    def to_json(self) -> bytes:
        """Return the CloudEvent."""
        return orjson.dumps(
            {
                "specversion": "1.0",
                "id": self.id,
                "source": SOURCE,
                "type": self.type,
                "subject": self.job.id,
                "time": timestamp(self.job.updated_at),
                "datacontenttype": "application/json",
                "data": self.job.to_dict(),
            }
        )
