"""How heavily exact zeros weigh in the gain matrix, before multipliers make them exact."""

import numpy as np

from gridjobs_workers.estimation.kernels.tree import spread_least
from gridjobs_workers.estimation.three_phase.layout import Layout
from gridjobs_workers.estimation.three_phase.measurements import VOLTAGES, PhaseMeasurements
from gridjobs_workers.estimation.three_phase.terms import PORT_OF, Wiring
from gridjobs_workers.grids.network import Floats

PART = 0.003  # of the sigma of the power measurements nearby: variances are right to about 1e-5
_GROWTH = 1.5  # a branch further away: keeps the range of weights, and so the loss of digits, small


def zero_weights(wiring: Wiring, measurements: PhaseMeasurements, layout: Layout) -> Floats:
    """Weights of the rows of the exact zeros, shape (2 n_zero,), from the precision of the meters around.

    So heavy that variances count zeros as exact; an orthogonal factor bears that, normal equations take a part.
    """
    m = measurements
    finite = np.isfinite(m.sigma)
    sigma = np.full(wiring.network.n_bus, np.inf)
    through = finite & ~np.isin(m.kind, VOLTAGES)
    bus = wiring.bus(PORT_OF[m.kind] + (m.at_branch() & (m.side == 1)), m.element)
    np.minimum.at(sigma, bus[through], m.sigma[through])
    admittance = wiring.network.positive_sequence().admittance()
    starts, columns = admittance.indptr.astype(np.int64), admittance.indices.astype(np.int32)
    spread_least(starts, columns, _GROWTH, sigma)
    fallback = m.sigma[finite].min(initial=1.0)
    at_zero = np.where(np.isfinite(sigma), sigma, fallback)[layout.zero_bus]
    return np.repeat((PART * at_zero) ** -2.0, 2)
