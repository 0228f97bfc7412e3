"""power-grid-model's published symmetric state-estimation cases.

Most are exactly determined or consistent, so that the optimum is the published state whatever the weights.
Left out: `residual-test`, which averages contradicting phasors in rectangular coordinates;
`single-line-load-il`, whose published state is that of the iterative-linear method and not the optimum;
`line-power-sensor` and `dummy-test-*`, which measure shunts or expect failures; batches of updates.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.data import shared
from support.pgm_symmetric import BASE_VA, branches_of, buses_of, measurements_of, network_of

from gridjobs_workers.estimation.errors import NotObservable
from gridjobs_workers.estimation.estimate import Estimate, estimate
from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.options import BadData, Options

CASES = [
    "1os2msr",
    "1os2msr-no-angle",
    "high-variance-measurement",
    *(f"ill-conditioned-system/grid{k}-{kind}-capacitance" for k in range(3) for kind in ("no", "with")),
    "ill-conditioned-system/leaf-without-power-sensor",
    "ill-conditioned-system/leaf-without-power-sensor-meshed",
    "ill-conditioned-system/middle-without-power-sensor",
    "inf-measurement-with-injection",
    "inf-measurement-with-injection-measured-unmeasured-appliances",
    "single-node-source-sym-voltage-sensor",
    "single-node-source-sym-voltage-sensor-no-angle",
    "transmission-case",
]
NOT_OBSERVABLE = [
    "not-independent-sensor/not-independent-sensor",
    "not-independent-sensor/not-independent-sensor-with-phasor-sensors",
]


def load(case: str) -> tuple[Path, dict[str, Any]]:
    folder = shared("state_estimation", "pgm_cases", *case.split("/"))
    return folder, json.loads((folder / "input.json").read_text())["data"]


def tolerances(folder: Path) -> tuple[float, float]:
    params = json.loads((folder / "params.json").read_text())
    atol = params["atol"]
    return params["rtol"], atol["default"] if isinstance(atol, dict) else atol


@pytest.mark.parametrize("case", CASES)
def test_estimates_agree_with_the_published_output(case: str) -> None:
    folder, data = load(case)
    network, measurements = network_of(data), measurements_of(data)
    result = estimate(network, measurements, Options(bad_data=BadData.OFF, tolerance=1e-12))
    published = json.loads((folder / "sym_output.json").read_text())["data"]
    rtol, atol = tolerances(folder)

    compared = compare_nodes(result, data, published["node"], rtol, atol)
    if not (measurements.kind == Kind.V_ANG).any():
        compared += compare_angle_differences(result, data, published["node"], atol)
    compared += compare_lines(result, data, published.get("line", []), rtol)
    assert compared > 0


def compare_nodes(
    result: Estimate, data: dict[str, Any], published: list[dict[str, Any]], rtol: float, atol: float
) -> int:
    bus, rated = buses_of(data), {node["id"]: node["u_rated"] for node in data["node"]}
    found, compared = result.quantities, 0
    for node in published:
        at = bus[node["id"]]
        expected = node.get("u_pu", node["u"] / rated[node["id"]] if "u" in node else None)
        if expected is not None:
            np.testing.assert_allclose(found.vm_pu[at], expected, rtol=rtol, atol=atol)
            compared += 1
        if "p" in node:
            got = [found.p_pu[at] * BASE_VA, found.q_pu[at] * BASE_VA]
            np.testing.assert_allclose(got, [node["p"], node["q"]], rtol=10 * rtol, atol=1.0)
            compared += 1
    return compared


def compare_angle_differences(
    result: Estimate, data: dict[str, Any], published: list[dict[str, Any]], atol: float
) -> int:
    """Without angle measurement only differences mean something; power-grid-model counts from behind the source."""
    with_angle = [node for node in published if "u_angle" in node]
    if len(with_angle) < 2:
        return 0
    bus = buses_of(data)
    found = np.array([result.quantities.angle_rad[bus[node["id"]]] for node in with_angle])
    expected = np.array([node["u_angle"] for node in with_angle])
    np.testing.assert_allclose(found - found[0], expected - expected[0], atol=max(atol, 1e-8))
    return 1


def compare_lines(
    result: Estimate, data: dict[str, Any], published: list[dict[str, Any]], rtol: float
) -> int:
    branch, compared = branches_of(data), 0
    for line in published:
        if line["id"] not in branch:
            continue
        for side, end in enumerate(("from", "to")):
            for name, found in (("p", result.quantities.branch_p_pu), ("q", result.quantities.branch_q_pu)):
                if f"{name}_{end}" in line:
                    got = found[branch[line["id"]], side] * BASE_VA
                    np.testing.assert_allclose(got, line[f"{name}_{end}"], rtol=10 * rtol, atol=1.0)
                    compared += 1
    return compared


@pytest.mark.parametrize("case", NOT_OBSERVABLE)
def test_what_is_not_observable_is_refused(case: str) -> None:
    _, data = load(case)
    with pytest.raises(NotObservable) as caught:
        estimate(network_of(data), measurements_of(data))
    assert len(caught.value.buses) > 0


def test_a_meshed_grid_on_which_power_grid_model_gives_up_is_estimated() -> None:
    # Its own parameters: "Observability check for meshed grids is not yet implemented".
    _, data = load("ill-conditioned-by-link-meshed")
    result = estimate(network_of(data), measurements_of(data))
    assert np.isfinite(result.quantities.vm_pu).all()
    assert result.degrees_of_freedom == 0
