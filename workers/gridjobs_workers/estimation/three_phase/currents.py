"""The direction of a current before anything is known about it."""

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.estimation.currents import assumed_direction_rad
from gridjobs_workers.estimation.measurements import Kind, Measurements
from gridjobs_workers.estimation.three_phase.measurements import MAGNITUDES, At, PhaseMeasurements
from gridjobs_workers.estimation.three_phase.start import Start
from gridjobs_workers.estimation.three_phase.terms import PORT_OF, Wiring
from gridjobs_workers.grids.network import Floats

Bools = NDArray[np.bool_]


def without_direction(m: PhaseMeasurements) -> Bools:
    """Measurements whose derivative has no direction at no load: current magnitudes, the neutral's voltage."""
    of_neutral: Bools = (m.kind == Kind.V_MAG) & np.isin(m.at, (At.N, At.ZERO))
    return of_neutral | np.isin(m.kind, MAGNITUDES)


def assumed_axis_rad(wiring: Wiring, start: Start, m: PhaseMeasurements) -> Floats:
    """Direction of each measured current magnitude if it feeds consumption, at no load [rad]; 0 for other kinds."""
    magnitude: Bools = np.isin(m.kind, MAGNITUDES)
    kind = np.where(magnitude, m.kind, Kind.V_MAG)
    plain = Measurements.of(kind, np.where(magnitude, m.element, 0), 0.0, 1.0, side=m.side)
    direction = assumed_direction_rad(wiring.network.positive_sequence(), start.islands, plain)
    bus = wiring.bus(PORT_OF[m.kind] + (m.at_branch() & (m.side == 1)), m.element)
    return np.where(magnitude, direction + start.angle_rad(bus, m.at), 0.0)
