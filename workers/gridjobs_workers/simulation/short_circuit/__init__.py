"""Short circuits by IEC 60909."""

from gridjobs_workers.simulation.short_circuit.equipment import (
    Feeders,
    Generators,
    Lines,
    Motors,
    ShortCircuitGrid,
    ThreeWinding,
    Transformers,
)
from gridjobs_workers.simulation.short_circuit.errors import MissingData, NoInfeed, ShortCircuitError
from gridjobs_workers.simulation.short_circuit.study import (
    ShortCircuitOptions,
    ShortCircuitResult,
    run_short_circuit,
)

__all__ = [
    "Feeders",
    "Generators",
    "Lines",
    "MissingData",
    "Motors",
    "NoInfeed",
    "ShortCircuitError",
    "ShortCircuitGrid",
    "ShortCircuitOptions",
    "ShortCircuitResult",
    "ThreeWinding",
    "Transformers",
    "run_short_circuit",
]
