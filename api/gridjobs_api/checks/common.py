"""Checks that hold for every job type."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gridjobs_api.checks.world import Check, World
from gridjobs_api.problems import Fault


def deadline_lies_ahead(body: Mapping[str, Any], world: World) -> list[Fault]:
    """A job whose deadline has passed could only fail."""
    if "deadline_at" not in body:
        return []
    deadline = moment(body["deadline_at"])
    if deadline is None:
        return [Fault("/deadline_at", "wrong_format", "must be a date-time of the years 1 to 9999")]
    if deadline <= world.now:
        return [Fault("/deadline_at", "deadline_passed", "the deadline lies in the past")]
    return []


def moment(text: str) -> datetime | None:
    """Return an RFC 3339 date-time; None for the few that Python has no object for (year 0, leap seconds)."""
    try:
        parsed = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return parsed if parsed.tzinfo else None


CHECKS: tuple[Check, ...] = (deadline_lies_ahead,)
