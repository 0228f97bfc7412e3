"""The published grids, as uploads."""

from pathlib import Path

from support.data import shared

MICRO = ("cgmes", "entsoe_2.4.15", "MicroGrid", "BaseCase")
BOUNDARY = (*MICRO, "CGMES_v2.4.15_MicroGridTestConfiguration_BD_v2")
BELGIUM = (*MICRO, "CGMES_v2.4.15_MicroGridTestConfiguration_BC_BE_v2")
ASSEMBLED = (*MICRO, "CGMES_v2.4.15_MicroGridTestConfiguration_BC_Assembled_v2")
MODIFIED = ("cgmes", "entsoe_2.4.15_modified")
TELEMARK = ("metering", "Telemark-120", "Grid", "CIMXML")
MALFORMED = "Telemark-120-LV1_SSH.xml"

Upload = list[tuple[str, bytes]]

# Grids that are one or more whole folders.
FOLDERS: dict[str, list[tuple[str, ...]]] = {
    "cigre_neplan": [("cgmes", "cigre_mv_pyvolt", "CIGRE-MV-NoTap")],
    "cigre_powerfactory": [("cgmes", "cigre_mv_pyvolt", "CIGRE-MV-NoTap-WithBreaker")],
    "cigre_cimpy": [("cgmes", "cimpy_samples", "CIGRE_MV")],
    "switches_bus_branch": [("cgmes", "cimpy_samples", "Sample_Grid_Switches", "Bus-Branch")],
    "switches_node_breaker": [("cgmes", "cimpy_samples", "Sample_Grid_Switches", "Node-Breaker")],
    "small_grid": [("cgmes", "entsoe_2.4.15", "SmallGrid")],
    "micro_grid_belgium": [BOUNDARY, BELGIUM],
    "micro_grid_without_boundary": [BELGIUM],
    "micro_grid_assembled": [BOUNDARY, ASSEMBLED],
    "micro_grid_cgmes_3": [("cgmes", "entsoe_3.0", "MicroGrid")],
    "micro_grid_single_file": [(*MODIFIED, "BC_BE_v2_single_file")],
}


def upload(name: str) -> Upload:
    """Files of one of `FOLDERS`, of `full_grid`, of `telemark`, or of a modified variant (`modified/...`)."""
    if name == "full_grid":
        archive = shared("cgmes", "zips", "CGMES_v2.4.15_FullGridTestConfiguration_BB_BE_v1.zip")
        return [(archive.name, archive.read_bytes())]
    if name == "telemark":
        return [file for file in _read([shared(*TELEMARK)]) if file[0] != MALFORMED]
    if name.startswith("modified/"):
        return _modified(name.removeprefix("modified/"))
    return _read([shared(*folder) for folder in FOLDERS[name]])


def _modified(variant: str) -> Upload:
    """The Belgian grid with some of its files replaced."""
    changed = dict(_read([shared(*MODIFIED, variant)]))
    original = _read([shared(*BOUNDARY), shared(*BELGIUM)])
    return [(name, changed.get(name, content)) for name, content in original]


def _read(folders: list[Path]) -> Upload:
    files = sorted(file for folder in folders for file in folder.rglob("*.xml"))
    return [(file.name, file.read_bytes()) for file in files]
