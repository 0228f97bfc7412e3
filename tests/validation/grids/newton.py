"""A plain Newton-Raphson power flow on the bus admittance matrix, independent of the product's."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import bmat, csr_matrix, diags
from scipy.sparse.linalg import spsolve

Complexes = NDArray[np.complex128]
Ints = NDArray[np.intp]


def solve(y: csr_matrix, power: Complexes, start: Complexes, slack: Ints, held: Ints) -> Complexes:
    """Solve for the bus voltages [p.u.].

    Args:
        y: Bus admittance matrix.
        power: Generation less load at each bus.
        start: Voltages to start from; at `slack` and, in magnitude, at `held` buses they stay.
        slack: Buses of fixed voltage.
        held: Buses of fixed magnitude (PV).
    """
    bus = np.arange(len(start))
    angles = np.setdiff1d(bus, slack)
    magnitudes = np.setdiff1d(angles, held)
    voltage = start.copy()
    for _ in range(20):
        current = y @ voltage
        rest = voltage * np.conj(current) - power
        mismatch = np.concatenate((rest[angles].real, rest[magnitudes].imag))
        if np.abs(mismatch).max(initial=0) < 1e-11:
            return voltage
        v, i, e = diags(voltage), diags(current), diags(voltage / np.abs(voltage))
        by_angle = (1j * v @ (i - y @ v).conj()).tocsr()
        by_magnitude = (v @ (y @ e).conj() + i.conj() @ e).tocsr()
        jacobian = bmat(
            [
                [by_angle[angles][:, angles].real, by_magnitude[angles][:, magnitudes].real],
                [by_angle[magnitudes][:, angles].imag, by_magnitude[magnitudes][:, magnitudes].imag],
            ],
            format="csc",
        )
        step = spsolve(jacobian, -mismatch)
        angle, magnitude = np.angle(voltage), np.abs(voltage)
        angle[angles] += step[: len(angles)]
        magnitude[magnitudes] += step[len(angles) :]
        voltage = magnitude * np.exp(1j * angle)
    raise AssertionError("no convergence")
