"""Where Newton's method begins."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import splu

from gridjobs_workers.grids.network import Complexes, Floats, Network
from gridjobs_workers.simulation.power_flow.problem import OperatingPoint


def flat_start(network: Network, point: OperatingPoint) -> Complexes:
    """Held magnitudes, and the references' angles carried through all phase shifts, shape (n_bus,)."""
    stiffness = np.abs(network.y_ft)
    angle_rad = linear_angles(network, point, stiffness, np.zeros(network.n_bus))
    return np.asarray(magnitudes(network, point) * np.exp(1j * angle_rad))


def dc_start(network: Network, point: OperatingPoint) -> Complexes:
    """Held magnitudes and the angles of the DC power flow, shape (n_bus,)."""
    series = -network.y_ft * np.exp(-1j * network.shift_rad)
    # Where resistance rules (LV cables) the reactive part alone would leave the bus hanging in the air.
    mostly_reactive = np.abs(series.imag) > 0.1 * np.abs(series)
    stiffness = np.where(mostly_reactive, -series.imag, np.abs(series))
    held = magnitudes(network, point)
    p_pu = point.power(held).real
    try:
        angle_rad = linear_angles(network, point, stiffness, p_pu)
    except RuntimeError:  # SuperLU: series capacitors may cancel the reactances around them
        angle_rad = linear_angles(network, point, np.abs(stiffness), p_pu)
    return np.asarray(held * np.exp(1j * angle_rad))


def magnitudes(network: Network, point: OperatingPoint) -> Floats:
    """1 p.u. everywhere but where a voltage is held, shape (n_bus,)."""
    v_pu = np.ones(network.n_bus)
    v_pu[point.controls.bus] = point.controls.target_pu
    v_pu[point.controls.regulated_bus] = point.controls.target_pu
    return v_pu


def linear_angles(network: Network, point: OperatingPoint, stiffness: Floats, p_pu: Floats) -> Floats:
    """Angles with P_from = b (θ_from - θ_to - shift) on every branch [rad], shape (n_bus,).

    Args:
        network: The network.
        point: Gives the references and their angles.
        stiffness: b of each branch [p.u.], shape (n_branch,).
        p_pu: Power into the network at each bus [p.u.], shape (n_bus,).
    """
    n, f, t = network.n_bus, network.from_bus, network.to_bus
    pushed = stiffness * network.shift_rad
    rhs: Floats = p_pu + np.bincount(f, pushed, n) - np.bincount(t, pushed, n)
    rows, columns = np.concatenate((f, t, f, t)), np.concatenate((f, t, t, f))
    b = coo_array(
        (np.concatenate((stiffness, stiffness, -stiffness, -stiffness)), (rows, columns)), shape=(n, n)
    ).tocsc()
    angles = np.zeros(n)
    angles[point.reference_bus] = point.reference_rad
    free = np.setdiff1d(np.arange(n), point.reference_bus)
    if free.size:
        rhs = rhs - b @ angles
        angles[free] = splu(b[free][:, free].tocsc(), permc_spec="MMD_AT_PLUS_A").solve(rhs[free])
    return angles
