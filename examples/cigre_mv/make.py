"""Write the CIGRE MV benchmark as CGMES 2.4.15 (EQ, TP, SSH, SV) and an estimation request for it.

    python examples/cigre_mv/make.py

The state in SV is the power flow of the grid as our own importer reads it; the measurements in
`estimation.json`
are that state with seeded noise of their meters.
"""

import math
import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import parameters as p
from cgmes import Profile, enumeration, identity

HERE = Path(__file__).parent


def main() -> None:
    """Write all files into this folder."""
    profiles = build()
    for profile in profiles:
        (HERE / f"cigre_mv_{profile.name}.xml").write_bytes(profile.to_bytes())
    from solve import write_solution

    write_solution(HERE)
    write_zip(HERE)


def write_zip(folder: Path) -> None:
    """Pack the profiles, byte for byte the same each time."""
    with zipfile.ZipFile(folder / "grid.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.glob("cigre_mv_*.xml")):
            entry = zipfile.ZipInfo(path.name, date_time=(2026, 11, 20, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def build() -> tuple[Profile, Profile, Profile]:
    """Return EQ, TP and SSH."""
    grid = Writer()
    grid.frame()
    for node in range(15):
        grid.node(node)
    grid.source()
    for hv, mv in p.TRANSFORMERS:
        grid.transformer(hv, mv)
    for start, end, length_km, conductor, opened_at in p.LINES:
        grid.line(start, end, length_km, conductor, opened_at)
    for kind, loads in (("residential", p.RESIDENTIAL), ("commercial", p.COMMERCIAL)):
        for node, (mva, power_factor) in loads.items():
            grid.load(kind, node, mva, power_factor)
    return grid.eq, grid.tp, grid.ssh


class Writer:
    """Writes each piece of equipment into the profiles that it belongs to."""

    def __init__(self) -> None:
        self.eq = Profile("EQ")
        self.tp = Profile("TP", ("EQ",))
        self.ssh = Profile("SSH", ("EQ",))

    def frame(self) -> None:
        """Regions, base voltages, limit types."""
        region = self.eq.add("GeographicalRegion", identity("region"), IdentifiedObject_name="CIGRE")
        self.eq.add(
            "SubGeographicalRegion",
            identity("subregion"),
            IdentifiedObject_name="European MV benchmark",
            SubGeographicalRegion__Region=region,
        )
        for kv in (p.HV_KV, p.MV_KV):
            self.eq.add(
                "BaseVoltage",
                identity("base", kv),
                IdentifiedObject_name=f"{kv:g} kV",
                BaseVoltage_nominalVoltage=kv,
            )
        self.limit_type("patl", "PATL", "LimitTypeKind.patl")

    def limit_type(self, key: str, name: str, kind: str) -> None:
        """A kind of limit; its kind is ENTSO-E's extension of CIM."""
        self.eq.add(
            "OperationalLimitType",
            identity(key),
            IdentifiedObject_name=name,
            OperationalLimitType__direction=enumeration("OperationalLimitDirectionKind.absoluteValue"),
        )
        self.eq.extend(identity(key), "OperationalLimitType.limitType", kind)

    def node(self, node: int) -> None:
        """A substation with one busbar; the transformers stand in that of node 0."""
        kv = _kv(node)
        substation = identity("substation", 0 if node in (0, 1, 12) else node)
        if node not in (1, 12):
            self.eq.add(
                "Substation",
                substation,
                IdentifiedObject_name="HV/MV" if node == 0 else f"N{node}",
                Substation__Region=identity("subregion"),
            )
        level = self.eq.add(
            "VoltageLevel",
            identity("level", node),
            IdentifiedObject_name=f"N{node}",
            VoltageLevel__Substation=substation,
            VoltageLevel__BaseVoltage=identity("base", kv),
        )
        self.topological_node(identity("node", node), f"N{node}", kv, level)
        busbar = self.eq.add(
            "BusbarSection",
            identity("busbar", node),
            IdentifiedObject_name=f"N{node}",
            Equipment__EquipmentContainer=level,
        )
        self.terminal(busbar, 1, identity("node", node))

    def topological_node(self, mrid: str, name: str, kv: float, level: str) -> None:
        """A node of the topology."""
        self.tp.add(
            "TopologicalNode",
            mrid,
            IdentifiedObject_name=name,
            TopologicalNode__BaseVoltage=identity("base", kv),
            TopologicalNode__ConnectivityNodeContainer=level,
        )

    def terminal(self, equipment: str, sequence: int, node: str) -> str:
        """A terminal of a piece of equipment, connected to a node."""
        terminal = self.eq.add(
            "Terminal",
            identity("terminal", equipment, sequence),
            IdentifiedObject_name=f"T{sequence}",
            ACDCTerminal_sequenceNumber=sequence,
            Terminal__ConductingEquipment=equipment,
        )
        self.tp.add("Terminal", terminal, about=True, Terminal__TopologicalNode=node)
        self.ssh.add("Terminal", terminal, about=True, ACDCTerminal_connected=True)
        return terminal

    def source(self) -> None:
        """The 110 kV grid behind node 0, holding 1.03 p.u."""
        source, control = identity("source"), identity("source control")
        ik_ka = p.SOURCE_SHORT_CIRCUIT_MVA / (math.sqrt(3) * p.HV_KV)
        self.eq.add(
            "ExternalNetworkInjection",
            source,
            IdentifiedObject_name="110 kV grid",
            Equipment__EquipmentContainer=identity("level", 0),
            ExternalNetworkInjection_governorSCD=0.0,
            ExternalNetworkInjection_ikSecond=False,
            ExternalNetworkInjection_maxInitialSymShCCurrent=ik_ka * 1000.0,
            ExternalNetworkInjection_maxP=1000.0,
            ExternalNetworkInjection_maxQ=1000.0,
            ExternalNetworkInjection_maxR1ToX1Ratio=p.SOURCE_R_TO_X,
            ExternalNetworkInjection_minInitialSymShCCurrent=ik_ka * 1000.0,
            ExternalNetworkInjection_minP=-1000.0,
            ExternalNetworkInjection_minQ=-1000.0,
            RegulatingCondEq__RegulatingControl=control,
        )
        terminal = self.terminal(source, 1, identity("node", 0))
        self.eq.add(
            "RegulatingControl",
            control,
            IdentifiedObject_name="110 kV voltage",
            RegulatingControl__mode=enumeration("RegulatingControlModeKind.voltage"),
            RegulatingControl__Terminal=terminal,
        )
        self.ssh.add(
            "RegulatingControl",
            control,
            about=True,
            RegulatingControl_discrete=False,
            RegulatingControl_enabled=True,
            RegulatingControl_targetDeadband=0.0,
            RegulatingControl_targetValue=p.SOURCE_TARGET_PU * p.HV_KV,
            RegulatingControl__targetValueUnitMultiplier=enumeration("UnitMultiplier.k"),
        )
        self.ssh.add(
            "ExternalNetworkInjection",
            source,
            about=True,
            RegulatingCondEq_controlEnabled=True,
            ExternalNetworkInjection_p=0.0,
            ExternalNetworkInjection_q=0.0,
            ExternalNetworkInjection_referencePriority=1,
        )

    def transformer(self, hv: int, mv: int) -> None:
        """A 110/20 kV transformer with its impedance on the high side, vector group Dyn."""
        name = f"TR {hv}-{mv}"
        mrid = self.eq.add(
            "PowerTransformer",
            identity("transformer", hv, mv),
            IdentifiedObject_name=name,
            Equipment__EquipmentContainer=identity("substation", 0),
        )
        z_base = p.HV_KV**2 / p.TRANSFORMER_MVA
        r, x = p.TRANSFORMER_R, math.sqrt(p.TRANSFORMER_Z**2 - p.TRANSFORMER_R**2)
        for number, node in ((1, hv), (2, mv)):
            terminal = self.terminal(mrid, number, identity("node", node))
            on_high_side = number == 1
            self.eq.add(
                "PowerTransformerEnd",
                identity("end", mrid, number),
                IdentifiedObject_name=f"{name} {number}",
                TransformerEnd_endNumber=number,
                TransformerEnd_grounded=not on_high_side,
                TransformerEnd__BaseVoltage=identity("base", _kv(node)),
                TransformerEnd__Terminal=terminal,
                PowerTransformerEnd_b=0.0,
                PowerTransformerEnd__connectionKind=enumeration(
                    "WindingConnection.D" if on_high_side else "WindingConnection.Yn"
                ),
                PowerTransformerEnd_g=0.0,
                PowerTransformerEnd_r=r * z_base if on_high_side else 0.0,
                PowerTransformerEnd_ratedS=p.TRANSFORMER_MVA,
                PowerTransformerEnd_ratedU=_kv(node),
                PowerTransformerEnd_x=x * z_base if on_high_side else 0.0,
                PowerTransformerEnd__PowerTransformer=mrid,
            )

    def line(
        self, start: int, end: int, length_km: float, conductor: p.Conductor, opened_at: int | None
    ) -> None:
        """A line; where it is disconnected, an open switch stands between its end and the node."""
        name = f"L{start}-{end}"
        omega = 2.0 * math.pi * p.FREQUENCY_HZ
        mrid = self.eq.add(
            "ACLineSegment",
            identity("line", start, end),
            IdentifiedObject_name=name,
            ConductingEquipment__BaseVoltage=identity("base", p.MV_KV),
            Conductor_length=length_km,
            ACLineSegment_r=conductor.r * length_km,
            ACLineSegment_x=conductor.x * length_km,
            ACLineSegment_bch=omega * conductor.c_nf * 1e-9 * length_km,
            ACLineSegment_gch=0.0,
            ACLineSegment_r0=conductor.r0 * length_km,
            ACLineSegment_x0=conductor.x0 * length_km,
            ACLineSegment_b0ch=omega * conductor.c0_nf * 1e-9 * length_km,
            ACLineSegment_g0ch=0.0,
            ACLineSegment_shortCircuitEndTemperature=160.0,
        )
        for sequence, node in ((1, start), (2, end)):
            at = self.open_switch(name, node) if node == opened_at else identity("node", node)
            terminal = self.terminal(mrid, sequence, at)
            self.current_limit(terminal, conductor.ampacity_a)

    def open_switch(self, line: str, node: int) -> str:
        """An open load-break switch at a node; returns the node behind it."""
        behind = identity("node", line, node)
        level = identity("level", node)
        self.topological_node(behind, f"N{node} {line}", p.MV_KV, level)
        switch = self.eq.add(
            "LoadBreakSwitch",
            identity("switch", line, node),
            IdentifiedObject_name=f"Switch {line} at N{node}",
            Equipment__EquipmentContainer=level,
            Switch_normalOpen=True,
            Switch_retained=True,
        )
        self.terminal(switch, 1, identity("node", node))
        self.terminal(switch, 2, behind)
        self.ssh.add("LoadBreakSwitch", switch, about=True, Switch_open=True)
        return behind

    def current_limit(self, terminal: str, ampacity_a: float) -> None:
        """A permanent current limit at a terminal."""
        limits = self.eq.add(
            "OperationalLimitSet",
            identity("limits", terminal),
            IdentifiedObject_name="permanent",
            OperationalLimitSet__Terminal=terminal,
        )
        self.eq.add(
            "CurrentLimit",
            identity("limit", terminal),
            IdentifiedObject_name="permanent",
            OperationalLimit__OperationalLimitSet=limits,
            OperationalLimit__OperationalLimitType=identity("patl"),
            CurrentLimit_value=ampacity_a,
        )

    def load(self, kind: str, node: int, mva: float, power_factor: float) -> None:
        """A load at its published peak."""
        mrid = self.eq.add(
            "EnergyConsumer",
            identity("load", kind, node),
            IdentifiedObject_name=f"{kind} N{node}",
            Equipment__EquipmentContainer=identity("level", node),
        )
        self.terminal(mrid, 1, identity("node", node))
        self.ssh.add(
            "EnergyConsumer",
            mrid,
            about=True,
            EnergyConsumer_p=mva * power_factor,
            EnergyConsumer_q=mva * math.sin(math.acos(power_factor)),
        )


def _kv(node: int) -> float:
    return p.HV_KV if node == 0 else p.MV_KV


if __name__ == "__main__":
    main()
