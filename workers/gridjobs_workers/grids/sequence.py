"""Symmetrical components and conductor reduction: from published impedances to phase matrices.

References:
    W. H. Kersting, "Distribution System Modeling and Analysis", 4th ed., CRC 2017, chapters 4 and 8.
    J. Arrillaga, C. P. Arnold, "Computer Analysis of Power Systems", Wiley 1990, chapter 2.
"""

import numpy as np

from gridjobs_workers.grids.network import Complexes

_A = np.exp(2j * np.pi / 3)
# V_abc = SEQUENCES @ (V_0, V_1, V_2)
SEQUENCES: Complexes = np.array([[1, 1, 1], [1, _A**2, _A], [1, _A, _A**2]])
PHASE_SHIFT_RAD = np.array([0.0, -2 * np.pi / 3, 2 * np.pi / 3])


def from_sequences(zero: Complexes, positive: Complexes, negative: Complexes) -> Complexes:
    """Phase matrices of quantities given by sequence, shape (n, 3, 3) from (n,) each."""
    diagonal = np.stack((zero, positive, negative), axis=-1)
    phases: Complexes = (SEQUENCES * diagonal[..., None, :]) @ SEQUENCES.conj() / 3
    return phases


def kron_reduced(z: Complexes) -> Complexes:
    """Eliminate a fourth conductor that is at earth potential at both ends.

    Args:
        z: Series impedance matrices with earth return, neutral last, shape (n, 4, 4).

    Returns:
        Shape (n, 3, 3).
    """
    reduced: Complexes = z[:, :3, :3] - z[:, :3, 3:] @ z[:, 3:, :3] / z[:, 3:, 3:]
    return reduced


def with_neutral(y: Complexes) -> Complexes:
    """Connect three windings between phases and neutral instead of phases and earth.

    Args:
        y: Admittances seen between phase voltages and earth, shape (n, 3, 3).

    Returns:
        The same between phase and neutral, shape (n, 4, 4); each row and column sums to zero.
    """
    incidence = np.hstack((np.eye(3), -np.ones((3, 1))))
    between: Complexes = incidence.T @ y @ incidence
    return between
