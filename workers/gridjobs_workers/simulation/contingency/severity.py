"""Limits, violations and rank of a solved case."""

from collections.abc import Sequence

import numpy as np

from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.contingency.outage import Violation
from gridjobs_workers.simulation.limits import Limits
from gridjobs_workers.simulation.power_flow import branch_flows

MOST_VIOLATIONS = 1000
BAND_PU = 0.05  # a voltage this far beyond its limit weighs as much as a branch at twice its limit
LOST_LOAD_WEIGHT = 10.0


def loadings(network: Network, v: Complexes, limits: Limits, out: Ints) -> Floats:
    """Greater of |I| / limit at both ends, 0 without a limit, without voltage or out, shape (n_branch,)."""
    flows = branch_flows(network, v)
    loading = np.maximum(np.abs(flows.i_from) / limits.i_from_pu, np.abs(flows.i_to) / limits.i_to_pu)
    loading[out] = 0.0
    return np.nan_to_num(loading)


def violations(
    v_pu: Floats, loading: Floats, base_v_pu: Floats, base_loading: Floats, limits: Limits
) -> tuple[Violation, ...]:
    """Everything beyond its limit, the worst first, at most `MOST_VIOLATIONS`; dark buses (NaN) have no voltage."""
    low, high = np.flatnonzero(v_pu < limits.v_min_pu), np.flatnonzero(v_pu > limits.v_max_pu)
    over = np.flatnonzero(loading > 1.0)
    found = [
        *(
            Violation("voltage_low", int(i), float(v_pu[i]), float(limits.v_min_pu[i]), float(base_v_pu[i]))
            for i in low
        ),
        *(
            Violation("voltage_high", int(i), float(v_pu[i]), float(limits.v_max_pu[i]), float(base_v_pu[i]))
            for i in high
        ),
        *(Violation("overload", int(i), float(loading[i]), 1.0, float(base_loading[i])) for i in over),
    ]
    found.sort(key=excess, reverse=True)
    return tuple(found[:MOST_VIOLATIONS])


def excess(violation: Violation) -> float:
    """How far beyond its limit: 1 is twice the current limit or `BAND_PU` of voltage."""
    beyond = abs(violation.value - violation.limit)
    return beyond if violation.kind == "overload" else beyond / BAND_PU


def severity(found: Sequence[Violation], lost_load_pu: float, total_load_pu: float) -> float:
    """Rank of a case: what all violations exceed their limits by, and the share of load lost times 10.

    A performance index in the sense of G. C. Ejebe, B. F. Wollenberg, "Automatic Contingency Selection", IEEE
    Trans. PAS-98, 1979, linear and counted beyond the limits only, so that many harmless branches do not mask a
    bad one.
    """
    lost = lost_load_pu / total_load_pu if total_load_pu > 0 else 0.0
    return sum(map(excess, found)) + LOST_LOAD_WEIGHT * lost
