"""The import keeps up with lxml, which only parses."""

import re
import time
from collections.abc import Callable

import pytest
from lxml import etree
from validation.grids.cases import Upload, upload

from gridjobs_workers.grids.build import import_grid

COPIES = 40
RATIO = 2.0


def many_small_grids() -> Upload:
    """SmallGrid's electrical profiles, 40 times side by side under other identifiers: 57 MB, 109,000 objects."""
    files = [(name, content.decode("utf-8-sig")) for name, content in upload("small_grid")]
    boundary = "".join(text for name, text in files if "_BD_" in name)
    shared_ids = set(re.findall(r'rdf:(?:ID="|about="#)(_[^"]+)"', boundary))
    copied = [
        (name, _copied(text, shared_ids)) for name, text in files if re.search("_(EQ|TP|SSH|SV)_v3", name)
    ]
    return [(name, text.encode()) for name, text in files if "_BD_" in name] + copied


def _copied(text: str, shared_ids: set[str]) -> bytes:
    head, _, rest = text.partition("</md:FullModel>")
    body = rest.rpartition("</rdf:RDF>")[0]

    def renamed(match: re.Match[str], copy: int) -> str:
        return match[0] if match[2] in shared_ids else f"{match[1]}_{copy:02x}{match[2][1:]}"

    names = re.compile(r'(rdf:ID="|rdf:about="#|rdf:resource="#)(_[^"]+)')
    bodies = (names.sub(lambda match, copy=copy: renamed(match, copy), body) for copy in range(COPIES))
    return f"{head}</md:FullModel>{''.join(bodies)}</rdf:RDF>".encode()


def cpu_s(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def parse(files: Upload) -> None:
    for _, content in files:
        etree.fromstring(content)


@pytest.mark.slow
def test_a_large_grid_imports_within_twice_the_time_that_lxml_parses_it() -> None:
    files = many_small_grids()
    model = import_grid(files)
    assert len(model.branches.mrid) == COPIES * 186
    assert not [problem for problem in model.problems if problem.severity == "error"]

    # Interleaved, and the best of each: other work on the machine slows both.
    times = [(cpu_s(lambda: parse(files)), cpu_s(lambda: import_grid(files))) for _ in range(4)]

    parsed, imported = (min(column) for column in zip(*times, strict=True))
    assert imported < RATIO * parsed
