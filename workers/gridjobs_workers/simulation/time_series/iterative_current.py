"""Time steps by the iterative-current method."""

import numpy as np
from scipy.sparse import csr_array

from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.power_flow import OperatingPoint
from gridjobs_workers.simulation.time_series.blocks import Blocks
from gridjobs_workers.simulation.time_series.current_kernel import LANES, solve_blocks
from gridjobs_workers.simulation.time_series.errors import NotApplicable
from gridjobs_workers.simulation.time_series.factors import Triangle, factorise
from gridjobs_workers.simulation.time_series.series import InjectionSeries

MAX_ITERATIONS = 60


class IterativeCurrent:
    """One network, factorised once, for any number of steps.

    For constant-power injections and references only; buses that hold a voltage otherwise, tap changers that
    move and voltage-dependent loads need Newton's method.

    References:
        The Z-bus Gauss method, as in W. H. Kersting, "Distribution System Modeling and Analysis", and in
        power-grid-model's "iterative current".
    """

    method = "iterative_current"
    reason = ""

    def __init__(
        self, network: Network, point: OperatingPoint, series: InjectionSeries, tolerance_pu: float = 1e-8
    ) -> None:
        """Factorise; raises `NotApplicable`."""
        if reason := unsuited(point):
            raise NotApplicable(reason)
        factors = factorise(network, point.reference_bus, reference_voltages(point))
        free = factors.order[: factors.n_free]
        self.row_of, self.n_row, self.tolerance_pu = factors.row_of, network.n_bus, tolerance_pu
        self._injections = (
            *_rows(series.p_weight, free),
            series.fixed_pu.real[free],
            *_rows(series.q_weight, free),
            series.fixed_pu.imag[free],
        )
        self._factors = (
            *_arrays(factors.lower),
            *_parts(factors.inverse_diagonal),
            *_arrays(factors.upper),
            *_parts(factors.source),
            *_parts(factors.no_load),
        )

    def solve(self, x: Floats, start: int, n_steps: int) -> Blocks:
        """Solve the steps of profiles x, shape (n_block, n_profile, LANES)."""
        shape = (len(x), self.n_row, LANES)
        v_re, v_im, solved = np.empty(shape), np.empty(shape), np.empty((len(x), LANES), dtype=np.bool_)
        iterations = solve_blocks(
            *self._injections, x, *self._factors, self.tolerance_pu, MAX_ITERATIONS, v_re, v_im, solved
        )
        return Blocks(start, n_steps, v_re, v_im, solved, self.row_of, iterations)


def unsuited(point: OperatingPoint) -> str:
    """Why the iterative-current method does not fit, "" where it does."""
    if len(point.taps.branch):
        return "tap changers hold voltages"
    if not np.isin(point.controls.bus, point.reference_bus).all():
        return "machines hold voltages"
    if not np.isin(point.controls.regulated_bus, point.reference_bus).all():
        return "a reference holds the voltage of another bus"
    if np.any(point.s_current_pu) or np.any(point.s_impedance_pu):
        return "loads depend on voltage"
    if np.any(point.participation):
        return "several machines share what a reference would feed"
    return ""


def reference_voltages(point: OperatingPoint) -> Complexes:
    """Voltage of each reference [p.u.], shape (n_reference,)."""
    order = np.argsort(point.controls.regulated_bus, kind="stable")
    at = order[np.searchsorted(point.controls.regulated_bus[order], point.reference_bus)]
    return np.asarray(point.controls.target_pu[at] * np.exp(1j * point.reference_rad))


def _rows(weights: csr_array, rows: Ints) -> tuple[Ints, Ints, Floats]:
    chosen = csr_array(weights[rows])
    return (
        chosen.indptr.astype(np.intp),
        chosen.indices.astype(np.intp),
        np.ascontiguousarray(chosen.data, dtype=np.float64),
    )


def _arrays(triangle: Triangle) -> tuple[Ints, Ints, Floats, Floats]:
    return triangle.pointers, triangle.columns, triangle.real, triangle.imaginary


def _parts(values: Complexes) -> tuple[Floats, Floats]:
    return values.real.copy(), values.imag.copy()
