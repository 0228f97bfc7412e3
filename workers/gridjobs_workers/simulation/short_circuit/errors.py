"""Why a short circuit cannot be computed."""

from gridjobs_workers.grids.network import Ints


class ShortCircuitError(Exception):
    """A short-circuit calculation that cannot be done."""


class NoInfeed(ShortCircuitError):
    """Some fault is in a part of the grid that nothing feeds."""

    def __init__(self, buses: Ints) -> None:
        super().__init__(f"nothing feeds {len(buses)} of the buses in question")
        self.buses = buses


class MissingData(ShortCircuitError):
    """Equipment lacks a value that the calculation needs."""

    def __init__(self, equipment: str, quantity: str, rows: Ints) -> None:
        super().__init__(f"{quantity} is missing for {len(rows)} of the {equipment}")
        self.equipment = equipment
        self.quantity = quantity
        self.rows = rows
