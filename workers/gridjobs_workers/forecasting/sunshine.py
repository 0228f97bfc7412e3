"""Height of the sun, from the geometry of the earth alone: good to half a degree, which is all that a feature needs."""

import numpy as np

from gridjobs_workers.forecasting.clock import DAY_S, Floats, Ints


def sine_of_elevation(instants_s: Ints, latitude_deg: float, longitude_deg: float) -> Floats:
    """The sine of the sun's elevation, negative at night.

    Args:
        instants_s: Instants [s since 1970 UTC], shape (n,).
        latitude_deg: North positive.
        longitude_deg: East positive.

    Returns:
        sin(elevation), shape (n,), −1 to 1.

    References:
        J. W. Spencer, "Fourier series representation of the position of the sun", Search 2(5), 1971.
    """
    g = 2 * np.pi * ((instants_s / DAY_S) % 365.2425) / 365.2425
    declination = (
        0.006918 - 0.399912 * np.cos(g) + 0.070257 * np.sin(g)
        - 0.006758 * np.cos(2 * g) + 0.000907 * np.sin(2 * g)
        - 0.002697 * np.cos(3 * g) + 0.00148 * np.sin(3 * g)
    )  # fmt: skip
    equation_of_time_min = 229.18 * (
        0.000075 + 0.001868 * np.cos(g) - 0.032077 * np.sin(g)
        - 0.014615 * np.cos(2 * g) - 0.040849 * np.sin(2 * g)
    )  # fmt: skip
    solar_min = (instants_s % DAY_S) / 60 + 4 * longitude_deg + equation_of_time_min
    hour_angle = np.deg2rad(solar_min / 4 - 180)
    latitude = np.deg2rad(latitude_deg)
    sine: Floats = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(
        hour_angle
    )
    return sine
