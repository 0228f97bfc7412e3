"""The voltage profile along the feeders, drawn with its uncertainty and what was measured."""

from io import BytesIO

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from gridjobs_workers.grids.network import Floats, Ints

BLUE, ORANGE, GREY = "#2563eb", "#ea580c", "#9ca3af"


def distances_km(n_bus: int, from_bus: Ints, to_bus: Ints, length_km: Floats, sources: Ints) -> Floats:
    """Distance of each bus from the nearest source along the branches.

    Args:
        n_bus: Number of buses.
        from_bus: From-bus of each branch, shape (n_branch,).
        to_bus: To-bus of each branch, shape (n_branch,).
        length_km: Length of each branch [km], shape (n_branch,); NaN (a transformer) counts as nothing.
        sources: Buses at distance 0.

    Returns:
        Distances [km], shape (n_bus,); inf where there is no path.
    """
    length = np.maximum(np.nan_to_num(length_km), 1e-6)  # a stored 0 would be no edge at all
    order = np.argsort(length)  # of parallel branches the shortest counts
    edges = np.sort(np.stack((from_bus, to_bus), axis=1), axis=1)[order]
    _, first = np.unique(edges, axis=0, return_index=True)
    weights = coo_array((length[order][first], tuple(edges[first].T)), shape=(n_bus, n_bus)).tocsr()
    found = dijkstra(weights, directed=False, indices=sources, min_only=True)
    return np.asarray(found, np.float64)


def voltage_profile(
    distance_km: Floats,
    v_pu: Floats,
    sigma_pu: Floats,
    from_bus: Ints,
    to_bus: Ints,
    measured_bus: Ints,
    measured_pu: Floats,
    *,
    title: str,
    band: tuple[float, float] = (0.9, 1.1),
) -> Figure:
    """Draw voltage over distance with a ±2σ band, measured points and the limits of EN 50160.

    Args:
        distance_km: Distance of each bus from its source [km], shape (n_bus,).
        v_pu: Estimated magnitude [p.u.], shape (n_bus,).
        sigma_pu: Its standard deviation [p.u.], shape (n_bus,).
        from_bus: From-bus of each branch, shape (n_branch,).
        to_bus: To-bus of each branch, shape (n_branch,).
        measured_bus: Buses with a voltage measurement, shape (n_measured,).
        measured_pu: What was measured there [p.u.], shape (n_measured,).
        title: Heading.
        band: Limits that are drawn where they are near [p.u.].
    """
    figure = Figure(figsize=(9.0, 5.0), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    ends = np.stack((from_bus, to_bus), axis=1)
    drawn = ends[np.isfinite(distance_km[ends]).all(axis=1) & np.isfinite(v_pu[ends]).all(axis=1)]
    x, y = distance_km[drawn], v_pu[drawn]
    spread = 2.0 * np.nan_to_num(sigma_pu)[drawn]
    axes.add_collection(PolyCollection(_bands(x, y - spread, y + spread), facecolor=BLUE, alpha=0.18, lw=0))
    axes.add_collection(LineCollection(list(np.stack((x, y), axis=2)), colors=BLUE, linewidths=1.4))
    axes.plot(distance_km, v_pu, "o", color=BLUE, ms=3.5, label="estimated, ±2σ")
    axes.plot(
        distance_km[measured_bus], measured_pu, "D", color=ORANGE, ms=6, mfc="none", mew=1.6, label="measured"
    )
    low, high = axes.get_ylim()
    for limit in band:
        if low - 0.02 < limit < high + 0.02:
            axes.axhline(limit, color=GREY, ls="--", lw=1)
    axes.set(title=title, xlabel="distance from the source [km]", ylabel="voltage [p.u.]")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure


def render(figure: Figure, form: str) -> bytes:
    """Write a figure as `svg` or `png`; the same figure gives the same bytes."""
    target = BytesIO()
    FigureCanvasAgg(figure)
    metadata = {"Date": None, "Creator": "Gridjobs"} if form == "svg" else {"Software": "Gridjobs"}
    figure.savefig(target, format=form, metadata=metadata)
    return target.getvalue()


def _bands(x: Floats, low: Floats, high: Floats) -> list[NDArray[np.float64]]:
    corners_x = np.stack((x[:, 0], x[:, 1], x[:, 1], x[:, 0]), axis=1)
    corners_y = np.stack((low[:, 0], low[:, 1], high[:, 1], high[:, 0]), axis=1)
    return list(np.stack((corners_x, corners_y), axis=2))
