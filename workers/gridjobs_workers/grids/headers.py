"""Model headers: which profiles a document holds, in which dialect, for when, and what it depends on."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gridjobs_workers.grids.problems import Problems

# The first pattern that occurs in a profile's URI names it.
PROFILE_PATTERNS: Final = (
    ("EQ_BD", re.compile(r"EquipmentBoundary")),
    ("TP_BD", re.compile(r"TopologyBoundary")),
    ("SSH", re.compile(r"SteadyStateHypothesis")),
    ("TP", re.compile(r"/Topology")),
    ("SV", re.compile(r"StateVariables")),
    ("DY", re.compile(r"Dynamics")),
    ("DL", re.compile(r"DiagramLayout")),
    ("GL", re.compile(r"/Geographical")),
    ("EQ", re.compile(r"Equipment|/ShortCircuit|/Operation")),
)
DIALECTS: Final = {
    "http://iec.ch/TC57/2012/CIM-schema-cim16#": "neplan_2012",
    "http://iec.ch/TC57/2013/CIM-schema-cim16#": "cgmes_2.4.15",
    "http://iec.ch/TC57/CIM100#": "cgmes_3.0",
}
CIM_NAMESPACE: Final = re.compile(r"iec\.ch/TC57/(\d{4}/CIM-schema|CIM\d)|ucaiug\.org/ns#")
# Profiles whose values later documents may override, in this order: what is solved last wins.
PROFILE_ORDER: Final = ("EQ_BD", "EQ", "TP_BD", "TP", "SSH", "SV", "DY", "DL", "GL")
NO_ELECTRICAL_PROFILES: Final = frozenset({"DL", "GL", "DY"})
DATED: Final = ("Model.created", "Model.scenarioTime")


@dataclass(slots=True)
class Header:
    """The `FullModel` of one document; empty where it has none."""

    mrid: str = ""
    line: int = 0
    is_difference: bool = False
    values: dict[str, list[str]] = field(default_factory=dict)

    @property
    def profiles(self) -> tuple[str, ...]:
        """Short names of the document's profiles, in the order in which they are applied."""
        found = {name for uri in self.values.get("Model.profile", ()) if (name := profile_name(uri))}
        return tuple(name for name in PROFILE_ORDER if name in found)

    @property
    def dependencies(self) -> list[str]:
        """mRIDs of the models that this one needs."""
        return self.values.get("Model.DependentOn", [])

    @property
    def scenario_time(self) -> str:
        """When the model applies, ISO 8601, "" where it does not say or says no date."""
        text = self.first("Model.scenarioTime")
        return text if is_date(text) else ""

    @property
    def has_electrical_content(self) -> bool:
        """Whether the document may hold more than diagrams, maps and dynamics."""
        profiles = self.profiles
        unknown = not profiles or any(not profile_name(uri) for uri in self.values["Model.profile"])
        return unknown or not NO_ELECTRICAL_PROFILES.issuperset(profiles)

    @property
    def rank(self) -> int:
        """Where the document stands in the order of application."""
        profiles = self.profiles
        return PROFILE_ORDER.index(profiles[0]) if profiles else len(PROFILE_ORDER)

    @property
    def defines_by_reference(self) -> bool:
        """Whether `rdf:about` also defines objects: not in profiles that only add to those of others."""
        return not self.profiles or bool({"EQ", "EQ_BD"}.intersection(self.profiles))

    def first(self, name: str) -> str:
        """The first value of a property, or ""."""
        return next(iter(self.values.get(name, ())), "")


def profile_name(uri: str) -> str:
    """Return the short name of a profile, "" where it is not known."""
    return next((name for name, pattern in PROFILE_PATTERNS if pattern.search(uri)), "")


def is_date(text: str) -> bool:
    """Whether a text is an ISO 8601 date and time."""
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def dialect_of(namespaces: set[str]) -> str:
    """Return the dialect of a document by the namespaces that its elements use, "" where none is CIM's."""
    return next((DIALECTS[uri] for uri in sorted(namespaces) if uri in DIALECTS), "")


def check_header(header: Header, file: str, problems: Problems) -> None:
    """Report what is wrong with one header; none of it but a difference model stops the import."""
    if header.is_difference:
        problems.error(
            "difference_model", "a difference model changes another model", file=file, line=header.line
        )
    if not header.values:
        problems.warning("no_header", "no md:FullModel: profile and scenario time unknown", file=file)
        return
    for name in DATED:
        if (text := header.first(name)) and not is_date(text):
            problems.warning("invalid_date", f"{name} is no date: {text[:40]!r}", file=file, line=header.line)
    version = header.first("Model.version")
    if version and not version.strip().isdigit():
        problems.warning(
            "invalid_version", f"version {version[:40]!r} is no number", file=file, line=header.line
        )
