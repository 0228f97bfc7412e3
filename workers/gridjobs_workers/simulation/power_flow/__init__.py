"""The AC power flow on a `Network`."""

from gridjobs_workers.simulation.power_flow.errors import (
    ControlsUnsettled,
    Diagnosis,
    InvalidInput,
    NoSource,
    NotConverged,
    PowerFlowError,
)
from gridjobs_workers.simulation.power_flow.flows import BranchFlows, branch_flows
from gridjobs_workers.simulation.power_flow.islands import islands
from gridjobs_workers.simulation.power_flow.problem import (
    OperatingPoint,
    PowerFlow,
    PowerFlowOptions,
    TapChangers,
    VoltageControls,
)
from gridjobs_workers.simulation.power_flow.solve import solve_power_flow

__all__ = [
    "BranchFlows",
    "ControlsUnsettled",
    "Diagnosis",
    "InvalidInput",
    "NoSource",
    "NotConverged",
    "OperatingPoint",
    "PowerFlow",
    "PowerFlowError",
    "PowerFlowOptions",
    "TapChangers",
    "VoltageControls",
    "branch_flows",
    "islands",
    "solve_power_flow",
]
