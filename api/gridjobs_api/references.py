"""What a request refers to: its members `grid_id`, `dataset_id`, or with a role, `weather_dataset_id`."""

import re
from collections.abc import Mapping
from typing import Any

from gridjobs.model import ResourceRef

MEMBER = re.compile(r"((?:\w+_)?(grid|dataset))_id")


def references(body: Mapping[str, Any]) -> dict[str, ResourceRef]:
    """Return the resources that a request names, by role: what stands before `_id`."""
    matches = ((MEMBER.fullmatch(name), value) for name, value in body.items() if name.endswith("_id"))
    return {match[1]: ResourceRef(match[2], value) for match, value in matches if match}
