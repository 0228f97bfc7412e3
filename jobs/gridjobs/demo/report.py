"""The estimated state as text."""

from typing import Any


def table(result: dict[str, Any]) -> str:
    """Return the nodes with their voltages, and beside them what was measured there."""
    measured = {
        row["component"]: row["value"]
        for row in result["measurements"]
        if row["measurand"] == "voltage_magnitude" and row["status"] == "used"
    }
    lines = ["  node          V [kV]     ±2σ     V [p.u.]   angle [°]   measured [kV]", "  " + "-" * 70]
    for node in result["nodes"]:
        if "v_kv" not in node:
            continue
        value = measured.get(node["mrid"])
        meter = "" if value is None else f"{value:.3f}"
        lines.append(
            f"  {node.get('name', node['mrid'])[:12]:<12}{node['v_kv']:>8.3f}{2 * node['sigma_v_kv']:>9.3f}"
            f"{node['v_pu']:>12.4f}{node['angle_deg']:>12.3f}{meter:>15}"
        )
    return "\n".join(lines)


def figures(result: dict[str, Any]) -> str:
    """Return what the estimator did, in one paragraph."""
    found = result["summary"]
    verdict = "passed" if found.get("chi_square_passed") else "failed"
    return (
        f"  {found['measurements']} measurements, {found['pseudo_measurements']} pseudo-measurements, "
        f"{found['constraints']} constraints; {found['iterations']} iterations\n"
        f"  J = {found['objective']:.1f} at {found['degrees_of_freedom']} degrees of freedom, χ² test {verdict} "
        f"(99 %: {found.get('chi_square_threshold', float('nan')):.1f})"
    )
