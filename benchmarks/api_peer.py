"""The peer: FastAPI validates the same request with pydantic, and Celery publishes it to RabbitMQ with confirms.

As their documentation tells one to write it: a plain function (FastAPI runs it in a thread), one task message a job
that carries the input, persistent, in a quorum queue, JSON, no result kept.
"""

import os

from celery import Celery
from fastapi import FastAPI
from kombu import Queue

from gridjobs.contract.models import EstimationRequest

celery = Celery(broker=os.environ["PEER_BROKER_URL"])
celery.conf.update(
    broker_transport_options={"confirm_publish": True},
    task_default_queue="peer",
    task_queues=[Queue("peer", queue_arguments={"x-queue-type": "quorum"})],
    task_ignore_result=True,
    broker_pool_limit=20,
)
app = FastAPI()


@celery.task(name="estimate")
def estimate(request: dict[str, object]) -> None:
    """Never run here: only what it takes to accept is compared."""


@app.post("/estimations", status_code=202)
def submit(request: EstimationRequest) -> dict[str, str]:
    """Accept a job."""
    task = estimate.delay(request.model_dump(mode="json", exclude_unset=True))
    return {"id": task.id, "status": "queued"}
