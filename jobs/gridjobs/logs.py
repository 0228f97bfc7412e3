"""Structured logs: one JSON object a line, with the job's id and trace where there is a job."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.typing import Processor

from gridjobs.settings import Settings

# Libraries that report every failed connection at length: what we make of it is logged by us, once.
_NOISY = {
    "pika": logging.CRITICAL,
    "amqtt": logging.WARNING,
    "transitions": logging.WARNING,
    "asyncio": logging.WARNING,
}


def configure(settings: Settings) -> None:
    """Send all logs of this process, ours and the libraries', to standard error."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings, shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name, level in _NOISY.items():
        logging.getLogger(name).setLevel(level)


@contextmanager
def job_context(job_id: str, trace_id: str | None = None) -> Iterator[None]:
    """Have every log line written inside carry the job's id and trace."""
    fields = {"job_id": job_id} | ({"trace_id": trace_id} if trace_id else {})
    with structlog.contextvars.bound_contextvars(**fields):
        yield


def _formatter(settings: Settings, shared: list[Processor]) -> logging.Formatter:
    renderer: Processor
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
