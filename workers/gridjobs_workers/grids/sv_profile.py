"""A solved state as CGMES state variables (SV) profile."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from uuid import NAMESPACE_URL, uuid5

from lxml import etree

from gridjobs_workers.grids.model import GridModel
from gridjobs_workers.grids.network import Complexes, Floats

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
MD = "http://iec.ch/TC57/61970-552/ModelDescription/1#"
CIM16 = "http://iec.ch/TC57/2013/CIM-schema-cim16#"
CIM100 = "http://iec.ch/TC57/CIM100#"
SV_2_4_15 = "http://entsoe.eu/CIM/StateVariables/4/1"
SV_3_0 = "http://iec.ch/TC57/ns/CIM/StateVariables-EU/3.0"


@dataclass(frozen=True, slots=True)
class TerminalFlow:
    """Power into a piece of equipment at one of its terminals, consumption positive."""

    terminal: str  # mRID
    p_mw: float
    q_mvar: float


def write_sv(
    model: GridModel, v_kv: Complexes, flows: Iterable[TerminalFlow], *, created: datetime | None = None
) -> bytes:
    """Write a solved state.

    CGMES 3 where the grid came as CGMES 3, else CGMES 2.4.15.

    Args:
        model: The grid.
        v_kv: Line-to-line voltage phasor of each of its buses [kV], shape (n_bus,); NaN where there is none.
        flows: SvPowerFlow of single-terminal equipment.
        created: Time of writing, by default now.

    Returns:
        The profile as UTF-8 XML.

    References:
        IEC 61970-456, IEC 61970-552.
    """
    newer = model.dialect == "cgmes_3.0"
    cim = CIM100 if newer else CIM16
    target = BytesIO()
    with etree.xmlfile(target, encoding="utf-8") as xml:
        xml.write_declaration()
        with xml.element(f"{{{RDF}}}RDF", nsmap={"rdf": RDF, "md": MD, "cim": cim}):
            xml.write(_header(model, SV_3_0 if newer else SV_2_4_15, created or datetime.now(UTC)))
            for element in _voltages(model, v_kv, cim):
                xml.write(element)
            for flow in flows:
                xml.write(_flow(flow, cim))
    return target.getvalue()


def power_flows(model: GridModel, p_mw: Floats, q_mvar: Floats) -> Iterable[TerminalFlow]:
    """Pair injections in service with their consumption, shape (n_injection,) each; NaN is left out."""
    found = model.injections
    for row, terminal in enumerate(found.terminal):
        if found.in_service[row] and terminal and math.isfinite(p_mw[row]) and math.isfinite(q_mvar[row]):
            yield TerminalFlow(str(terminal), float(p_mw[row]), float(q_mvar[row]))


def _header(model: GridModel, profile: str, created: datetime) -> etree._Element:
    now = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    head = etree.Element(f"{{{MD}}}FullModel", {f"{{{RDF}}}about": _urn("model", model.name, now)})
    for name, text in (
        ("Model.scenarioTime", model.scenario_time or now),
        ("Model.created", now),
        ("Model.description", "State computed by Gridjobs"),
        ("Model.version", "1"),
        ("Model.profile", profile),
        ("Model.modelingAuthoritySet", "https://gridjobs.org"),
    ):
        etree.SubElement(head, f"{{{MD}}}{name}").text = text
    return head


def _voltages(model: GridModel, v_kv: Complexes, cim: str) -> Iterable[etree._Element]:
    for row, mrid in enumerate(model.buses.mrid):
        voltage = complex(v_kv[row])
        if model.buses.is_star[row] or not math.isfinite(abs(voltage)):
            continue
        element = etree.Element(f"{{{cim}}}SvVoltage", {f"{{{RDF}}}ID": _identity("voltage", str(mrid))})
        angle = math.degrees(math.atan2(voltage.imag, voltage.real))
        etree.SubElement(element, f"{{{cim}}}SvVoltage.angle").text = f"{angle:.9g}"
        etree.SubElement(element, f"{{{cim}}}SvVoltage.v").text = f"{abs(voltage):.9g}"
        node = etree.SubElement(element, f"{{{cim}}}SvVoltage.TopologicalNode")
        node.set(f"{{{RDF}}}resource", f"#_{mrid}")
        yield element


def _flow(flow: TerminalFlow, cim: str) -> etree._Element:
    element = etree.Element(f"{{{cim}}}SvPowerFlow", {f"{{{RDF}}}ID": _identity("flow", flow.terminal)})
    etree.SubElement(element, f"{{{cim}}}SvPowerFlow.p").text = f"{flow.p_mw:.9g}"
    etree.SubElement(element, f"{{{cim}}}SvPowerFlow.q").text = f"{flow.q_mvar:.9g}"
    terminal = etree.SubElement(element, f"{{{cim}}}SvPowerFlow.Terminal")
    terminal.set(f"{{{RDF}}}resource", f"#_{flow.terminal}")
    return element


def _identity(*words: str) -> str:
    return f"_{uuid5(NAMESPACE_URL, '/'.join(('https://gridjobs.org/sv', *words)))}"


def _urn(*words: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_URL, '/'.join(('https://gridjobs.org/sv', *words)))}"
