"""CIM classes by what they are to the model."""

from collections.abc import Mapping
from typing import Final

from gridjobs_workers.grids.model import BranchKind, InjectionKind

CONDUCTORS: Final[Mapping[str, BranchKind]] = {
    "ACLineSegment": BranchKind.LINE,
    "SeriesCompensator": BranchKind.SERIES_COMPENSATOR,
    "EquivalentBranch": BranchKind.EQUIVALENT_BRANCH,
}
INJECTIONS: Final[Mapping[str, InjectionKind]] = {
    "EnergyConsumer": InjectionKind.LOAD,
    "ConformLoad": InjectionKind.LOAD,
    "NonConformLoad": InjectionKind.LOAD,
    "StationSupply": InjectionKind.LOAD,
    "SynchronousMachine": InjectionKind.MACHINE,
    "AsynchronousMachine": InjectionKind.MACHINE,
    "ExternalNetworkInjection": InjectionKind.EXTERNAL,
    "EnergySource": InjectionKind.EXTERNAL,
    "EquivalentInjection": InjectionKind.EQUIVALENT,
    "PowerElectronicsConnection": InjectionKind.CONVERTER,
    "CsConverter": InjectionKind.CONVERTER,
    "VsConverter": InjectionKind.CONVERTER,
    "StaticVarCompensator": InjectionKind.STATIC_VAR,
}
SHUNTS: Final = ("LinearShuntCompensator", "NonlinearShuntCompensator", "ShuntCompensator", "EquivalentShunt")
SWITCHES: Final = (
    "Breaker", "Disconnector", "LoadBreakSwitch", "Switch", "ProtectedSwitch", "Fuse", "Jumper", "Cut", "Recloser",
    "Sectionaliser", "GroundDisconnector", "DisconnectingCircuitBreaker", "CompositeSwitch",
)  # fmt: skip
TRANSFORMER: Final = "PowerTransformer"
NODES: Final = ("ConnectivityNode", "TopologicalNode", "BusbarSection", "Junction")
MODELLED: Final = (*CONDUCTORS, *INJECTIONS, *SHUNTS, *SWITCHES, TRANSFORMER)
# Equipment with terminals that a balanced power flow does not see.
WITHOUT_EFFECT: Final = (
    "BusbarSection", "Junction", "Connector", "Ground", "PetersenCoil", "GroundingImpedance",
    "EarthFaultCompensator", "Clamp",
)  # fmt: skip
