"""What is merely held so that the observable part of a grid can be solved for."""

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.measurements import Kind
from gridjobs_workers.estimation.three_phase.completing import (
    completing,
    default_candidates,
    joined,
    unobservable,
)
from gridjobs_workers.estimation.three_phase.measurements import POWERS, V_AXIS, PhaseMeasurements
from gridjobs_workers.estimation.three_phase.unit_model import Seen, UnitModel
from gridjobs_workers.grids.network import Ints
from gridjobs_workers.grids.three_phase import N_CONDUCTOR, Conductor

Bools = NDArray[np.bool_]

_HELD_SIGMA = 0.1  # of voltages [p.u., rad]
_SEVERAL = 3.0


def held_minimally(
    model: UnitModel, seen: Seen, measurements: PhaseMeasurements, used: Bools
) -> PhaseMeasurements:
    """What is held so that the observable part can be solved for, after `seen.deficiency`.

    Equipment that nobody measures is held at no power, which disturbs nothing; voltages only where that is not
    enough. As many as are open, so that nothing else depends on their values.
    """
    injections = _unmeasured_injections(model, seen, measurements)
    injections = injections.rows(completing(model, measurements, used, injections))
    injections.sigma[:] = _usual_power(measurements.rows(used), injections)
    together, used = joined(measurements, used, injections)
    seen = model.seen(together)
    if seen.deficiency(used) == 0:
        return injections
    return PhaseMeasurements.join((injections, _held_voltages(model, seen.null_pivots())))


def held_widely(
    model: UnitModel, measurements: PhaseMeasurements, used: Bools, minimal: PhaseMeasurements
) -> PhaseMeasurements:
    """What is held where `minimal` forces the rest to extremes: all equipment that nobody measures, but for what
    feeds the grid at reference buses, and the voltages that were held already.

    More than is open, so what is hardly observable leans on what is held.
    """
    injections = _unmeasured_injections(model, model.seen(measurements), measurements)
    injections = injections.rows(~np.isin(injections.element, model.start.islands.reference_bus))
    injections.sigma[:] = _usual_power(measurements.rows(used), injections)
    voltages = minimal.rows(~np.isin(minimal.kind, POWERS))
    return PhaseMeasurements.join((injections, voltages))


def _usual_power(measurements: PhaseMeasurements, unknown: PhaseMeasurements) -> float:
    """What unmeasured equipment may draw in a phase: some times what others draw, else its part of the largest
    flow [p.u.]."""
    injected = np.abs(measurements.value[measurements.kind == Kind.P_INJ])
    if injected.any():
        return _SEVERAL * float(np.median(injected[injected > 0]))
    largest = float(np.abs(measurements.value[measurements.kind == Kind.P_FLOW]).max(initial=0.0))
    n_phase = max(1, int((unknown.kind == Kind.P_INJ).sum()))
    return _SEVERAL * 3 * largest / n_phase or 1.0


def _held_voltages(model: UnitModel, pivots: Ints) -> PhaseMeasurements:
    """Measurements of exactly the state variables that are left open, at their start."""
    position, component = np.divmod(pivots, 2)
    bus, conductor = np.divmod(model.structure.bus_at[position], N_CONDUCTOR)
    is_angle = component == 0
    is_phase = conductor != Conductor.N
    v = model.start.v[position]
    value = np.where(is_angle, np.angle(v), np.abs(v))
    kind = np.where(is_angle, Kind.V_ANG, Kind.V_MAG)
    return PhaseMeasurements.of(
        np.where(is_phase, kind, V_AXIS),
        bus,
        conductor,
        np.where(is_phase, value, 0.0),
        _HELD_SIGMA,
        axis_rad=np.where(is_angle & ~is_phase, np.pi / 2, 0.0),
        is_pseudo=True,
    )


def _unmeasured_injections(
    model: UnitModel, seen: Seen, measurements: PhaseMeasurements
) -> PhaseMeasurements:
    conductors = unobservable(model, seen) if seen.null_pivots().size else np.empty((0, 2), np.intp)
    candidates = default_candidates(model.network, measurements, conductors)
    return candidates.rows(np.isin(candidates.kind, (Kind.P_INJ, Kind.Q_INJ)))
