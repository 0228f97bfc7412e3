"""What checks may look at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from gridjobs_api.problems import Fault


@dataclass(frozen=True, slots=True)
class World:
    """What a submission refers to, loaded before, so that checks themselves never wait."""

    components: Mapping[str, str] | None = None  # kind by mRID, where the request names a grid
    columns: frozenset[str] | None = None  # of the dataset, where the request names one
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


Check: TypeAlias = Callable[[Mapping[str, Any], World], list[Fault]]
