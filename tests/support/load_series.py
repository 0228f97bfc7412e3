"""Load and sunshine that we make ourselves: seeded, with everything a forecaster has to learn."""

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
START_S = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())  # a Monday
DAY_S = 86_400


def instants(days: float, step_s: int, start_s: int = START_S) -> NDArray[np.int64]:
    """Beginnings of intervals [s since 1970 UTC], shape (n,)."""
    return np.arange(start_s, start_s + int(days * DAY_S), step_s, dtype=np.int64)


def temperature(at: NDArray[np.int64], seed: int = 7) -> Floats:
    """Season, day and weather [°C], shape (n,)."""
    rng = np.random.default_rng(seed)
    day = (at - START_S) / DAY_S
    slow = np.interp(day, np.arange(-2, day[-1] + 3, 2), rng.normal(0, 4, int(np.ceil((day[-1] + 5) / 2))))
    return 10 - 9 * np.cos(2 * np.pi * day / 365) + 4 * np.sin(2 * np.pi * (day - 0.4)) + slow


def load(at: NDArray[np.int64], degrees: Floats, seed: int = 11, noise: float = 3.0) -> Floats:
    """A feeder's load [kW] with two peaks a day, quiet weekends and electric heating, shape (n,).

    Load = 100 + daily shape × week + 2.5 per degree below 15 °C + noise of 3 kW.
    """
    rng = np.random.default_rng(seed)
    hour = at % DAY_S / 3600
    weekend = ((at // DAY_S + 3) % 7 >= 5).astype(float)
    shape = 25 * np.exp(-(((hour - 8) / 2.5) ** 2)) + 40 * np.exp(-(((hour - 19) / 3) ** 2))
    return (
        100 + shape * (1 - 0.4 * weekend) + 2.5 * np.maximum(15 - degrees, 0) + rng.normal(0, noise, len(at))
    )


def sunshine(at: NDArray[np.int64], seed: int = 5) -> tuple[Floats, Floats]:
    """Radiation [W/m²] and the power [kW] of a 100 kW plant at 50° N, dark at night, each shape (n,)."""
    rng = np.random.default_rng(seed)
    day = (at - START_S) / DAY_S
    high = 0.55 - 0.3 * np.cos(2 * np.pi * (day + 10) / 365)
    clear = np.maximum(np.sin(2 * np.pi * (day % 1 - 0.25)) - 0.7 + high, 0)
    clouds = np.interp(
        day,
        np.arange(0, day[-1] + 1, 0.25),
        rng.uniform(0.2, 1, int(day[-1] * 4) + 5)[: len(np.arange(0, day[-1] + 1, 0.25))],
    )
    radiation = 900 * clear * clouds
    return radiation, np.clip(0.1 * radiation * (1 + rng.normal(0, 0.05, len(at))), 0, 100)
