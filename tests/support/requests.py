"""Requests and results for tests of the API."""

from typing import Any

GRID: dict[str, list[Any]] = {"N1": ["node"], "N2": ["node"], "L1-2": ["branch"], "SW": ["switch"]}
BODY: dict[str, Any] = {
    "measurements": [
        {"component": "N1", "measurand": "voltage_magnitude", "value": 20.4, "accuracy_class": 0.5},
        {"component": "L1-2", "measurand": "active_power", "side": 1, "value": 2.31, "sigma": 0.02},
    ],
    "labels": {"substation": "Bergheim"},
}
RESULT: dict[str, Any] = {
    "type": "estimation",
    "grid_id": "g",
    "summary": {
        "converged": True,
        "iterations": 3,
        "objective": 1.5,
        "degrees_of_freedom": 2,
        "measurements": 2,
        "pseudo_measurements": 0,
        "constraints": 0,
    },
    "islands": [],
    "observability": {"observable": True, "unobservable_nodes": [], "restored_by": []},
    "bad_data": {"suspected": False, "rejected": [], "critical_sets": []},
    "parts": [],
}
