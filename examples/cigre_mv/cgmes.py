"""A few lines to write CGMES 2.4.15 with lxml: one document a profile."""

from uuid import NAMESPACE_URL, uuid5

from lxml import etree

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
CIM = "http://iec.ch/TC57/2013/CIM-schema-cim16#"
MD = "http://iec.ch/TC57/61970-552/ModelDescription/1#"
ENTSOE = "http://entsoe.eu/CIM/SchemaExtension/3/1#"
PROFILES = {
    "EQ": ["http://entsoe.eu/CIM/EquipmentCore/3/1", "http://entsoe.eu/CIM/EquipmentShortCircuit/3/1"],
    "TP": ["http://entsoe.eu/CIM/Topology/4/1"],
    "SSH": ["http://entsoe.eu/CIM/SteadyStateHypothesis/1/1"],
}
CREATED = "2026-11-20T00:00:00Z"


def identity(*words: object) -> str:
    """Return a stable mRID for a thing named by these words."""
    return str(uuid5(NAMESPACE_URL, "/".join(["https://gridjobs.org/examples/cigre-mv", *map(str, words)])))


class Profile:
    """One profile under construction."""

    def __init__(self, name: str, depends_on: tuple[str, ...] = ()) -> None:
        self.name = name
        self.root = etree.Element(f"{{{RDF}}}RDF", nsmap={"rdf": RDF, "cim": CIM, "md": MD, "entsoe": ENTSOE})
        head = etree.SubElement(self.root, f"{{{MD}}}FullModel", {f"{{{RDF}}}about": _urn(name)})
        for key, text in (("scenarioTime", CREATED), ("created", CREATED), ("version", "1")):
            etree.SubElement(head, f"{{{MD}}}Model.{key}").text = text
        etree.SubElement(head, f"{{{MD}}}Model.description").text = "CIGRE MV benchmark, written by Gridjobs"
        etree.SubElement(head, f"{{{MD}}}Model.modelingAuthoritySet").text = "https://gridjobs.org"
        for profile in PROFILES[name]:
            etree.SubElement(head, f"{{{MD}}}Model.profile").text = profile
        for other in depends_on:
            etree.SubElement(head, f"{{{MD}}}Model.DependentOn", {f"{{{RDF}}}resource": _urn(other)})

    def add(self, cim_class: str, mrid: str, *, about: bool = False, **attributes: object) -> str:
        """Add an object; `Class_attribute=value` is a literal, `Class__Association=mRID` a reference."""
        key, value = (f"{{{RDF}}}about", f"#_{mrid}") if about else (f"{{{RDF}}}ID", f"_{mrid}")
        element = etree.SubElement(self.root, f"{{{CIM}}}{cim_class}", {key: value})
        for name, content in attributes.items():
            if "__" in name:
                tag = f"{{{CIM}}}{name.replace('__', '.', 1)}"
                target = str(content)
                resource = target if target.startswith("http") else f"#_{target}"
                etree.SubElement(element, tag, {f"{{{RDF}}}resource": resource})
            else:
                etree.SubElement(element, f"{{{CIM}}}{name.replace('_', '.', 1)}").text = _literal(content)
        return mrid

    def extend(self, mrid: str, attribute: str, value: str) -> None:
        """Add an enumeration value of ENTSO-E's extension to an object."""
        for element in self.root.iterfind(f"*[@{{{RDF}}}ID='_{mrid}']"):
            etree.SubElement(element, f"{{{ENTSOE}}}{attribute}", {f"{{{RDF}}}resource": f"{ENTSOE}{value}"})

    def to_bytes(self) -> bytes:
        """Return the document."""
        return bytes(etree.tostring(self.root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def enumeration(name: str) -> str:
    """Return the URI of an enumeration value, e.g. `WindingConnection.D`."""
    return f"{CIM}{name}"


def _urn(profile: str) -> str:
    return f"urn:uuid:{identity('model', profile)}"


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else str(value)
