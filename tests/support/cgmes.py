"""Writes small CGMES 2.4.15 documents for tests."""

from dataclasses import dataclass, field
from typing import Any

CIM = "http://iec.ch/TC57/2013/CIM-schema-cim16#"
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:cim="{cim}"\n'
    ' xmlns:md="http://iec.ch/TC57/61970-552/ModelDescription/1#">\n'
)
PROFILES = {
    "EQ": "http://entsoe.eu/CIM/EquipmentCore/3/1",
    "TP": "http://entsoe.eu/CIM/Topology/4/1",
    "SSH": "http://entsoe.eu/CIM/SteadyStateHypothesis/1/1",
    "SV": "http://entsoe.eu/CIM/StateVariables/4/1",
}


@dataclass(frozen=True)
class Ref:
    """A reference to another object."""

    mrid: str


@dataclass(frozen=True)
class Enum:
    """An enumeration value, e.g. `PhaseCode.ABC`."""

    value: str


@dataclass
class Grid:
    """Documents under construction, one a profile."""

    cim: str = CIM
    bodies: dict[str, list[str]] = field(default_factory=dict)

    def add(self, profile: str, cim_class: str, mrid: str, /, **properties: Any) -> str:
        """Add an object; `Terminal__connected=True` writes `Terminal.connected`."""
        how = f'rdf:ID="_{mrid}"' if profile != "SSH" else f'rdf:about="#_{mrid}"'
        self.bodies.setdefault(profile, []).append(_written(cim_class, how, properties))
        return mrid

    def about(self, profile: str, cim_class: str, mrid: str, /, **properties: Any) -> None:
        """Say more about an object that another profile defines."""
        self.bodies.setdefault(profile, []).append(_written(cim_class, f'rdf:about="#_{mrid}"', properties))

    def node(self, mrid: str, kv: float = 20.0) -> str:
        """Add a topological node, and its base voltage."""
        base = f"base-{kv:g}"
        if not any(f'"_{base}"' in body for body in self.bodies.get("EQ", ())):
            self.add("EQ", "BaseVoltage", base, BaseVoltage__nominalVoltage=kv)
        named = {"IdentifiedObject__name": mrid.upper(), "TopologicalNode__BaseVoltage": Ref(base)}
        return self.add("TP", "TopologicalNode", mrid, **named)

    def terminals(self, equipment: str, *nodes: str, connected: tuple[bool, ...] = ()) -> list[str]:
        """Connect equipment to nodes by terminals `<equipment>-1`, `<equipment>-2` ..."""
        made = []
        for number, node in enumerate(nodes, 1):
            mrid = f"{equipment}-{number}"
            self.add(
                "EQ",
                "Terminal",
                mrid,
                ACDCTerminal__sequenceNumber=number,
                Terminal__ConductingEquipment=Ref(equipment),
            )
            self.about("TP", "Terminal", mrid, Terminal__TopologicalNode=Ref(node))
            if connected:
                self.add("SSH", "Terminal", mrid, ACDCTerminal__connected=connected[number - 1])
            made.append(mrid)
        return made

    def line(self, mrid: str, first: str, second: str, r: float = 1.0, x: float = 2.0, **more: Any) -> str:
        """Add a line between two nodes."""
        self.add("EQ", "ACLineSegment", mrid, ACLineSegment__r=r, ACLineSegment__x=x, **more)
        self.terminals(mrid, first, second)
        return mrid

    def feeder(self, mrid: str, node: str, **more: Any) -> str:
        """Add a network feeder: a source."""
        self.add("EQ", "ExternalNetworkInjection", mrid, **more)
        self.terminals(mrid, node)
        return mrid

    def load(self, mrid: str, node: str, p: float, q: float) -> str:
        """Add a load [MW, Mvar]."""
        self.add("EQ", "EnergyConsumer", mrid, IdentifiedObject__name=mrid)
        self.add("SSH", "EnergyConsumer", mrid, EnergyConsumer__p=p, EnergyConsumer__q=q)
        self.terminals(mrid, node)
        return mrid

    def documents(self) -> list[tuple[str, bytes]]:
        """Return name and content of each document."""
        return [(f"grid_{name}.xml", self.document(name)) for name in PROFILES if name in self.bodies]

    def document(self, profile: str) -> bytes:
        """Return the document of one profile."""
        model = (
            f'<md:FullModel rdf:about="urn:uuid:model-{profile}">\n'
            "<md:Model.scenarioTime>2026-01-01T00:00:00Z</md:Model.scenarioTime>\n"
            f"<md:Model.profile>{PROFILES[profile]}</md:Model.profile>\n</md:FullModel>\n"
        )
        body = "".join(self.bodies[profile])
        return (HEAD.format(cim=self.cim) + model + body + "</rdf:RDF>\n").encode()


def two_buses() -> Grid:
    """A feeder at node a, a line, and a load of 1 MW and 0.5 Mvar at node b, 20 kV."""
    grid = Grid()
    grid.node("a")
    grid.node("b")
    grid.feeder("source", "a")
    grid.line("line", "a", "b")
    grid.load("load", "b", 1.0, 0.5)
    return grid


def _written(cim_class: str, how: str, properties: dict[str, Any]) -> str:
    lines = "".join(_property(name.replace("__", "."), value) for name, value in properties.items())
    return f"<cim:{cim_class} {how}>\n{lines}</cim:{cim_class}>\n"


def _property(name: str, value: Any) -> str:
    if isinstance(value, Ref):
        return f'  <cim:{name} rdf:resource="#_{value.mrid}"/>\n'
    if isinstance(value, Enum):
        return f'  <cim:{name} rdf:resource="{CIM}{value.value}"/>\n'
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"  <cim:{name}>{text}</cim:{name}>\n"
