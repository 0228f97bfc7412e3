"""A grid of two nodes that touches every compiled function: imported to have them ready before the first job."""

from typing import Final

SAMPLE: Final = b"""<?xml version="1.0" encoding="UTF-8"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:cim="http://iec.ch/TC57/CIM100#"
 xmlns:md="http://iec.ch/TC57/61970-552/ModelDescription/1#">
<md:FullModel rdf:about="urn:uuid:sample">
  <md:Model.profile>http://iec.ch/TC57/ns/CIM/CoreEquipment-EU/3.0</md:Model.profile>
</md:FullModel>
<!-- a feeder and a line -->
<cim:BaseVoltage rdf:ID="_base"><cim:BaseVoltage.nominalVoltage>2.0e1</cim:BaseVoltage.nominalVoltage></cim:BaseVoltage>
<cim:TopologicalNode rdf:ID="_a"><cim:TopologicalNode.BaseVoltage rdf:resource="#_base"/></cim:TopologicalNode>
<cim:TopologicalNode rdf:ID="_b"><cim:TopologicalNode.BaseVoltage rdf:resource="#_base"/></cim:TopologicalNode>
<cim:ExternalNetworkInjection rdf:ID="_source"><cim:IdentifiedObject.name>A &amp; B</cim:IdentifiedObject.name>
</cim:ExternalNetworkInjection>
<cim:ACLineSegment rdf:ID="_line">
  <cim:ACLineSegment.r>1</cim:ACLineSegment.r>
  <cim:ACLineSegment.x>2.5</cim:ACLineSegment.x>
</cim:ACLineSegment>
<cim:Terminal rdf:ID="_t0">
  <cim:ACDCTerminal.connected>true</cim:ACDCTerminal.connected>
  <cim:Terminal.ConductingEquipment rdf:resource="#_source"/>
  <cim:Terminal.TopologicalNode rdf:resource="#_a"/>
</cim:Terminal>
<cim:Terminal rdf:ID="_t1">
  <cim:Terminal.ConductingEquipment rdf:resource="#_line"/>
  <cim:Terminal.TopologicalNode rdf:resource="#_a"/>
</cim:Terminal>
<cim:Terminal rdf:ID="_t2">
  <cim:Terminal.ConductingEquipment rdf:resource="#_line"/>
  <cim:Terminal.TopologicalNode rdf:resource="urn:uuid:b"/>
</cim:Terminal>
</rdf:RDF>
"""
