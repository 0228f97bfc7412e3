"""Contingency analysis."""

from gridjobs_workers.simulation.contingency.outage import CaseResult, Outage, Violation
from gridjobs_workers.simulation.contingency.study import ContingencyOptions, ranked, run_contingencies

__all__ = ["CaseResult", "ContingencyOptions", "Outage", "Violation", "ranked", "run_contingencies"]
