"""Limits, violations and rank of a solved case."""

from dataclasses import dataclass

import numpy as np

from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.contingency.outage import Violation
from gridjobs_workers.simulation.limits import Limits
from gridjobs_workers.simulation.power_flow import branch_flows

KINDS = ("voltage_low", "voltage_high", "overload")
MOST_VIOLATIONS = 100
BAND_PU = 0.05  # a voltage this far beyond its limit weighs as much as a branch at twice its limit
LOST_LOAD_WEIGHT = 10.0


def loadings(network: Network, v: Complexes, limits: Limits, out: Ints) -> Floats:
    """Greater of |I| / limit at both ends, 0 without a limit, without voltage or out, shape (n_branch,)."""
    flows = branch_flows(network, v)
    loading = np.maximum(np.abs(flows.i_from) / limits.i_from_pu, np.abs(flows.i_to) / limits.i_to_pu)
    loading[out] = 0.0
    return np.nan_to_num(loading)


@dataclass(frozen=True, slots=True)
class Excess:
    """Everything beyond its limit in a case, the worst first, shape (n_violation,) each.

    Attributes:
        kind: Number in `KINDS`.
        item: Bus or branch.
        value: |V| [p.u.] or loading.
        limit: What it should not pass.
        base: Value before the outage.
        excess: How far beyond: 1 is twice the current limit or `BAND_PU` of voltage.
    """

    kind: Ints
    item: Ints
    value: Floats
    limit: Floats
    base: Floats
    excess: Floats

    def listed(self) -> tuple[Violation, ...]:
        """The worst `MOST_VIOLATIONS`."""
        columns = (self.kind, self.item, self.value, self.limit, self.base)
        rows = zip(*(column[:MOST_VIOLATIONS].tolist() for column in columns), strict=True)
        return tuple(Violation(KINDS[kind], *rest) for kind, *rest in rows)


def beyond_limits(
    v_pu: Floats, loading: Floats, base_v_pu: Floats, base_loading: Floats, limits: Limits
) -> Excess:
    """Find everything beyond its limit; dark buses (NaN) have no voltage."""
    low, high = np.flatnonzero(v_pu < limits.v_min_pu), np.flatnonzero(v_pu > limits.v_max_pu)
    over = np.flatnonzero(loading > 1.0)
    kind = np.repeat(np.arange(3), (len(low), len(high), len(over)))
    value = np.concatenate((v_pu[low], v_pu[high], loading[over]))
    limit = np.concatenate((limits.v_min_pu[low], limits.v_max_pu[high], np.ones(len(over))))
    base = np.concatenate((base_v_pu[low], base_v_pu[high], base_loading[over]))
    excess = np.abs(value - limit) / np.where(kind == KINDS.index("overload"), 1.0, BAND_PU)
    worst = np.argsort(-excess, kind="stable")
    item = np.concatenate((low, high, over))
    return Excess(kind[worst], item[worst], value[worst], limit[worst], base[worst], excess[worst])


def severity(found: Excess, lost_load_pu: float, total_load_pu: float) -> float:
    """Rank of a case: what all violations exceed their limits by, and the share of load lost times 10.

    A performance index in the sense of G. C. Ejebe, B. F. Wollenberg, "Automatic Contingency Selection", IEEE
    Trans. PAS-98, 1979, linear and counted beyond the limits only, so that many harmless branches do not mask a
    bad one.
    """
    lost = lost_load_pu / total_load_pu if total_load_pu > 0 else 0.0
    return float(found.excess.sum()) + LOST_LOAD_WEIGHT * lost
