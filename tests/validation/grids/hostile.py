"""Hostile uploads, imported one after the other in this process; prints what became of each, as JSON."""

import io
import json
import re
import time
import zipfile
from pathlib import Path

from support.cgmes import two_buses

from gridjobs_workers.grids.build import import_grid
from gridjobs_workers.grids.problems import GridRejected
from gridjobs_workers.grids.sample import SAMPLE

Upload = list[tuple[str, bytes]]
ROOT = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:cim="http://iec.ch/TC57/CIM100#">'
)


def zipped(*members: tuple[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return target.getvalue()


def million_entities() -> Upload:
    entities = "".join(f'<!ENTITY e{k} "{k}">' for k in range(1_000_000))
    return [("eq.xml", f"<!DOCTYPE r [{entities}]>{ROOT}&e0;</rdf:RDF>".encode())]


def billion_laughs() -> Upload:
    entities = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 12))
    return [("eq.xml", f"<!DOCTYPE r [{entities}]>{ROOT}&a11;</rdf:RDF>".encode())]


def external_entity() -> Upload:
    return [("eq.xml", f'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>{ROOT}&x;</rdf:RDF>'.encode())]


def zip_bomb() -> Upload:
    return [("bomb.zip", zipped(("eq.xml", SAMPLE + b" " * (150 << 20))))]


def zip_of_bombs() -> Upload:
    bomb = zipped(("a.xml", b"<a>" + b" " * (40 << 20)))
    return [("bombs.zip", zipped(*((f"{k}.zip", bomb) for k in range(50))))]


def climbing_path() -> Upload:
    return [("up.zip", zipped(("../../../../tmp/evil.xml", SAMPLE), ("eq.xml", SAMPLE)))]


def deep_nesting() -> Upload:
    return [("eq.xml", (ROOT + "<cim:A>" * 2_000_000).encode())]


def many_objects() -> Upload:
    body = "".join(f'<cim:Terminal rdf:ID="_{k}"/>' for k in range(1_200_000))
    return [("eq.xml", f"{ROOT}{body}</rdf:RDF>".encode())]


def many_names() -> Upload:
    body = "".join(f'<cim:C{k} rdf:ID="_{k}"/>' for k in range(200_000))
    return [("eq.xml", f"{ROOT}{body}</rdf:RDF>".encode())]


def many_attributes() -> Upload:
    attributes = " ".join(f'a{k}="{k}"' for k in range(200_000))
    return [("eq.xml", f"{ROOT}<cim:A {attributes}/></rdf:RDF>".encode())]


def long_name() -> Upload:
    return [("eq.xml", f"{ROOT}<cim:{'A' * 50_000_000} rdf:ID='a'/></rdf:RDF>".encode())]


def long_identifier() -> Upload:
    return [("eq.xml", f"{ROOT}<cim:A rdf:ID='{'a' * 50_000_000}'/></rdf:RDF>".encode())]


def endless_prolog() -> Upload:
    return [("eq.xml", b"<!--" + b"x" * (50 << 20))]


def many_problems() -> Upload:
    grid = two_buses()
    for k in range(50_000):
        grid.bodies["EQ"].append(f'<cim:ACLineSegment rdf:ID="_x{k}"/>\n')
    return grid.documents()


HOSTILE = (
    million_entities, billion_laughs, external_entity, zip_bomb, zip_of_bombs, climbing_path, deep_nesting,
    many_objects, many_names, many_attributes, long_name, long_identifier, endless_prolog, many_problems,
)  # fmt: skip


def peak_mb() -> float:
    """Peak memory of this process; what getrusage says would include the test runner that it was forked from."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]  # Linux always says it


def outcome(upload: Upload) -> dict[str, object]:
    """What became of one upload: codes of the errors, CPU time [s] and peak memory so far [MB]."""
    start = time.process_time()
    codes: list[str] = []
    try:
        import_grid(upload)
    except GridRejected as rejected:
        codes = sorted({problem.code for problem in rejected.problems if problem.severity == "error"})
    return {"codes": codes, "cpu_s": time.process_time() - start, "peak_mb": peak_mb()}


if __name__ == "__main__":
    import_grid([("sample.xml", SAMPLE)])  # compiled functions are loaded
    print(json.dumps({make.__name__: outcome(make()) for make in HOSTILE}))
