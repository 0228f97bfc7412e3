"""What the relay needs of a broker. Implementations: rabbitmq.py (production), embedded_publisher.py."""

from typing import Protocol


class Publisher(Protocol):
    """Publishes in batches: nothing counts as published before `flush` has returned."""

    def publish_hint(self, job_type: str, job_id: str) -> None:
        """Tell the workers of a job type, as a dramatiq message, that a job is there to be claimed."""
        ...

    def publish_event(self, routing_key: str, body: bytes, *, durable: bool) -> None:
        """Publish an event to whoever listens; lossy ones (progress) need not survive a broker's restart."""
        ...

    def flush(self) -> None:
        """Wait until the broker has confirmed all since the last flush.

        Raises:
            PublishFailed: Some message was not confirmed. The batch has to be published again.
        """
        ...

    def close(self) -> None:
        """Let go of the broker; later calls connect again."""
        ...
