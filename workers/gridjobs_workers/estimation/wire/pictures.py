"""Files beside the tables: the SV profile and the voltage profile."""

from collections.abc import Iterable

import numpy as np

from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.picture import distances_km, render, voltage_profile
from gridjobs_workers.estimation.wire.result import Snapshot
from gridjobs_workers.estimation.wire.scene import Scene
from gridjobs_workers.grids.sv_profile import power_flows, write_sv
from gridjobs_workers.task import Part

MEDIA_TYPES = {"svg": "image/svg+xml", "png": "image/png"}


def files(snapshot: Snapshot, scene: Scene, wanted: Iterable[str]) -> list[Part]:
    """Return the files that were asked for, of one snapshot."""
    return [
        Part("sv.xml", state_variables(snapshot, scene), "application/xml")
        if form == "sv"
        else Part(f"voltage-profile.{form}", picture(snapshot, scene, form), MEDIA_TYPES[form])
        for form in dict.fromkeys(wanted)
    ]


def state_variables(snapshot: Snapshot, scene: Scene) -> bytes:
    """Return the estimate as CGMES SV profile.

    Where several injections share a node, each gets its assumed or measured share of what the node draws.
    """
    model, network, q = scene.model, scene.network, snapshot.estimate.quantities
    v_kv = np.full(len(model.buses.mrid), np.nan, np.complex128)
    v_kv[network.bus_row] = q.vm_pu * np.exp(1j * q.angle_rad) * network.base_kv
    p_mw = np.full(len(model.injections.mrid), np.nan)
    q_mvar = p_mw.copy()
    residual = snapshot.estimate.measurements.residual_pu
    for row, sources in enumerate(snapshot.rows.sources):
        for source in sources:
            if source.injection >= 0:
                target = p_mw if source.measurand == "active_power" else q_mvar
                estimate_pu = source.value_pu - residual[row] * source.variance_share
                target[source.injection] = -estimate_pu * network.base_mva
    for bus, injections in scene.injections_at_buses.items():
        if len(injections) == 1:  # nothing to share
            p_mw[injections[0]] = -q.p_pu[bus] * network.base_mva
            q_mvar[injections[0]] = -q.q_pu[bus] * network.base_mva
    return write_sv(model, v_kv, power_flows(model, p_mw, q_mvar))


def picture(snapshot: Snapshot, scene: Scene, form: str) -> bytes:
    """Draw the voltages along the feeders."""
    model, network, estimate = scene.model, scene.network, snapshot.estimate
    roots = estimate.bus[estimate.islands.reference_bus]
    length_km = model.branches.length_km[network.branch_row]
    distance = distances_km(network.n_bus, network.from_bus, network.to_bus, length_km, roots)
    core = snapshot.measurements
    metered = core.kind == Kind.V_MAG
    q = estimate.quantities
    figure = voltage_profile(
        distance,
        q.vm_pu,
        q.vm_sigma_pu,
        network.from_bus,
        network.to_bus,
        core.element[metered],
        core.value[metered],
        title=f"Estimated voltages{f' of {model.name}' if model.name else ''} {snapshot.time}".strip(),
    )
    return render(figure, form)
