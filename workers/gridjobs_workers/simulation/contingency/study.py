"""A contingency analysis: every outage solved, judged and ranked."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from gridjobs_workers.grids.network import Complexes, Network
from gridjobs_workers.simulation.blocked_newton.lanes import NotApplicable
from gridjobs_workers.simulation.blocked_newton.newton_kernel import CASES
from gridjobs_workers.simulation.contingency.connectivity import adjacency
from gridjobs_workers.simulation.contingency.outage import CaseResult, Outage
from gridjobs_workers.simulation.contingency.reduced import reduced
from gridjobs_workers.simulation.contingency.severity import beyond_limits, loadings, severity
from gridjobs_workers.simulation.contingency.side_by_side import SideBySide
from gridjobs_workers.simulation.contingency.situation import Situation, situation
from gridjobs_workers.simulation.limits import Limits
from gridjobs_workers.simulation.power_flow import (
    NotConverged,
    OperatingPoint,
    PowerFlow,
    PowerFlowError,
    PowerFlowOptions,
    solve_power_flow,
)

Solution = tuple[Complexes | None, str, str, int]  # voltages, reason, explanation, iterations


@dataclass(frozen=True, slots=True)
class ContingencyOptions:
    """How to solve.

    Attributes:
        tolerance_pu: Largest mismatch left at any bus [p.u.].
        q_limits: Respect the reactive limits of voltage controls.
        threads: Threads that solve.
        explained: Unsolved cases whose loading limit is looked for; the others are only tried from every start.
    """

    tolerance_pu: float = 1e-8
    q_limits: bool = True
    threads: int = 1
    explained: int = 50


def run_contingencies(
    network: Network,
    point: OperatingPoint,
    base: PowerFlow,
    outages: Sequence[Outage],
    limits: Limits,
    options: ContingencyOptions,
    on_case: Callable[[CaseResult, Complexes | None], None] = lambda _result, _v: None,
) -> list[CaseResult]:
    """Solve and judge every outage, in the given order.

    Outages are solved side by side by Newton's method from the base solution; one that does not converge there is
    solved alone from every start, and if that fails too, explained. Tap changers stay where the base has them.

    Args:
        network: The network with the base's taps (`base.network`).
        point: The operating point before the outage.
        base: Its solution.
        outages: What is lost in each case.
        limits: What counts as a violation.
        options: How to solve.
        on_case: Called in order with each result and its voltages, shape (n_bus,), NaN where dark; None where
            unsolved. An exception in it ends the run.
    """
    study = _Study(network, point, base, limits, options)
    results = []
    for result, v in study.cases(outages):
        on_case(result, v)
        results.append(result)
    return results


def ranked(results: Sequence[CaseResult]) -> list[CaseResult]:
    """Results by severity, unsolved cases first."""
    return sorted(results, key=lambda result: (-result.severity, result.outage))


class _Study:
    def __init__(
        self,
        network: Network,
        point: OperatingPoint,
        base: PowerFlow,
        limits: Limits,
        options: ContingencyOptions,
    ) -> None:
        self.network, self.point, self.base, self.limits, self.options = network, point, base, limits, options
        self.graph = adjacency(network)
        self.base_v_pu = np.abs(base.v)
        self.base_loading = loadings(network, base.v, limits, np.empty(0, dtype=np.intp))
        self.load_pu = np.maximum(-point.power(self.base_v_pu).real, 0.0)
        self.limited = np.isfinite(limits.i_from_pu) | np.isfinite(limits.i_to_pu)
        self.n_explained = 0
        try:
            self.newton: SideBySide | None = SideBySide(
                network, point, base, options.tolerance_pu, options.q_limits
            )
        except NotApplicable:
            self.newton = None

    def cases(self, outages: Sequence[Outage]) -> Iterator[tuple[CaseResult, Complexes | None]]:
        """Results and voltages in order."""
        firsts = range(0, len(outages), CASES)
        with ThreadPoolExecutor(self.options.threads, thread_name_prefix="contingency") as pool:
            ahead = self.options.threads + 1
            running = [pool.submit(self._block, outages, first) for first in firsts[:ahead]]
            for number, first in enumerate(firsts):
                solved = running[number].result()
                if number + ahead < len(firsts):
                    running.append(pool.submit(self._block, outages, firsts[number + ahead]))
                running[number] = running[0]  # lets go of the block's voltages
                for k, (where, solution) in enumerate(solved):
                    yield self._judged(first + k, outages[first + k], where, solution)

    def _block(self, outages: Sequence[Outage], first: int) -> list[tuple[Situation, Solution]]:
        """Solve CASES outages."""
        some = outages[first : first + CASES]
        where = [situation(self.graph, self.point, outage) for outage in some]
        if self.newton is None:
            return [(s, self._alone(o, s)) for o, s in zip(some, where, strict=True)]
        v, solved, iterations = self.newton.solve(some, where)
        return [
            (s, (v[:, k].copy(), "", "", iterations) if solved[k] and not s.dark.all() else self._alone(o, s))
            for k, (o, s) in enumerate(zip(some, where, strict=True))
        ]

    def _alone(self, outage: Outage, where: Situation) -> Solution:
        """Solve what is left as a network of its own."""
        if where.dark.all():
            return None, "no_source", "no source is left", 0
        network, point, buses = reduced(self.network, self.point, outage, where)
        options = PowerFlowOptions(
            self.options.tolerance_pu,
            v_start=self.base.v[buses],
            q_limits=self.options.q_limits,
            diagnose=self.n_explained < self.options.explained,
        )
        try:
            flow = solve_power_flow(network, point, options)
        except NotConverged as error:
            self.n_explained += 1
            collapsed = error.diagnosis.solvable_share <= 0.99
            return None, "voltage_collapse" if collapsed else "not_converged", str(error), 0
        except PowerFlowError as error:
            return None, "not_converged", str(error), 0
        v = np.full(self.network.n_bus, np.nan + 0j)
        v[buses] = flow.v
        return v, "", "", flow.iterations

    def _judged(
        self, number: int, outage: Outage, where: Situation, solution: Solution
    ) -> tuple[CaseResult, Complexes | None]:
        v, reason, explanation, iterations = solution
        lost = float(self.load_pu[where.dark].sum())
        result = CaseResult(
            outage=number,
            solved=v is not None,
            reason=reason,
            explanation=explanation,
            n_islands=where.n_islands,
            dark_buses=np.flatnonzero(where.dark),
            lost_load_pu=lost,
            v_min_pu=np.nan,
            v_min_bus=-1,
            v_max_pu=np.nan,
            v_max_bus=-1,
            loading_max=np.nan,
            loading_branch=-1,
            violations=(),
            n_violations=0,
            severity=np.inf,
            iterations=iterations,
        )
        if v is None:
            return result, None
        v_pu, loading = np.abs(v), loadings(self.network, v, self.limits, outage.branches)
        found = beyond_limits(v_pu, loading, self.base_v_pu, self.base_loading, self.limits)
        lowest, highest, most = int(np.nanargmin(v_pu)), int(np.nanargmax(v_pu)), int(np.argmax(loading))
        return replace(
            result,
            v_min_pu=float(v_pu[lowest]),
            v_min_bus=lowest,
            v_max_pu=float(v_pu[highest]),
            v_max_bus=highest,
            loading_max=float(loading[most]) if self.limited.any() else np.nan,
            loading_branch=most if self.limited.any() else -1,
            violations=found.listed(),
            n_violations=len(found.item),
            severity=severity(found, lost, float(self.load_pu.sum())),
        ), v
