"""The three-phase (unbalanced) power flow."""

from gridjobs_workers.simulation.three_phase.problem import ThreePhaseFlow, ThreePhasePoint
from gridjobs_workers.simulation.three_phase.solve import solve_three_phase

__all__ = ["ThreePhaseFlow", "ThreePhasePoint", "solve_three_phase"]
