"""power-grid-model's published asymmetric state-estimation cases.

All but one are exactly determined or consistent, so the optimum is the published state whatever the weights. Left out:
`dummy-test-line-into-itself*`, whose sensors sit on disconnected equipment and which power-grid-model itself expects to
fail (its issue 1464).
"""

import json
from pathlib import Path

import numpy as np
import pytest
from support.data import shared
from support.pgm_phases import BASE_VA, measurements_of, network_of

from gridjobs_workers.estimation.three_phase.estimate import PhaseEstimate, estimate
from gridjobs_workers.grids.three_phase import ThreePhaseNetwork

CASES = [
    *(f"ill-conditioned-system/grid{k}-{kind}-capacitance" for k in range(3) for kind in ("no", "with")),
    "inf-measurement-with-injection",
    "inf-measurement-with-injection-measured-unmeasured-appliances",
    "node-injection-with-injection-sensor-sym-sensors",
    "node-injection-wo-injection-sensor-sym-sensors",
    "single-node-source-asym-voltage-sensor-no-angle",
    "single-node-source-sym-voltage-sensor",
    "single-node-source-sym-voltage-sensor-no-angle",
    "transmission-case",
]


def load(case: str) -> tuple[Path, dict]:
    folder = shared("state_estimation", "pgm_cases", *case.split("/"))
    return folder, json.loads((folder / "input.json").read_text())["data"]


def tolerance(folder: Path) -> tuple[float, float]:
    params = json.loads((folder / "params.json").read_text())
    atol = params["atol"]
    return params["rtol"], atol["default"] if isinstance(atol, dict) else atol


@pytest.mark.parametrize("case", CASES)
def test_estimates_agree_with_the_published_output(case: str) -> None:
    folder, data = load(case)
    network, bus = network_of(data)
    found = estimate(network, measurements_of(data, network, bus))
    rtol, atol = tolerance(folder)
    published = json.loads((folder / "asym_output.json").read_text())["data"]["node"]
    compared = compare_voltages(found, network, bus, published, rtol, atol)
    compared += compare_injections(found, bus, published, rtol)
    assert compared > 0


def compare_voltages(
    found: PhaseEstimate,
    network: ThreePhaseNetwork,
    bus: dict[int, int],
    published: list,
    rtol: float,
    atol: float,
) -> int:
    """Up to a common rotation: without a measured angle power-grid-model takes it from the source behind its own
    impedance."""
    ours, theirs = [], []
    for node in published:
        if "u" not in node:
            continue
        at = bus[node["id"]]
        theirs.append(
            np.array(node["u"])
            / (network.base_kv[at] * 1e3 / np.sqrt(3))
            * np.exp(1j * np.array(node["u_angle"]))
        )
        ours.append(found.quantities.phasors()[at, :3])
    if not ours:
        return 0
    turn = np.exp(1j * (np.angle(theirs[0][0]) - np.angle(ours[0][0])))
    np.testing.assert_allclose(np.array(ours) * turn, theirs, rtol=rtol, atol=atol)
    return len(ours)


def compare_injections(found: PhaseEstimate, bus: dict[int, int], published: list, rtol: float) -> int:
    """Of cases that publish powers but no voltages; joined by links of 1e6 p.u., in which digits get lost."""
    nodes = [node for node in published if "p" in node and "u" not in node]
    for node in nodes:
        at = bus[node["id"]]
        np.testing.assert_allclose(found.quantities.p_pu[at] * BASE_VA / 3, node["p"], rtol=max(rtol, 1e-5))
        np.testing.assert_allclose(found.quantities.q_pu[at] * BASE_VA / 3, node["q"], rtol=max(rtol, 1e-5))
    return len(nodes)
