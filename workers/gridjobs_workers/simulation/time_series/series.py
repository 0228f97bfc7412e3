"""What the equipment of a network does over time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, hstack

from gridjobs_workers.grids.network import Complexes, Floats
from gridjobs_workers.simulation.time_series.current_kernel import LANES, in_blocks

Profiles = Callable[[int, int], Floats]


class InvalidProfiles(Exception):
    """A profile holds something that is not a number, or too few of them."""

    def __init__(self, detail: str, profile: int = -1, step: int = -1) -> None:
        super().__init__(detail)
        self.profile = profile  # row of the first bad value, -1 where the shape is wrong
        self.step = step


@dataclass(frozen=True, slots=True)
class InjectionSeries:
    """Power into the network at every bus and step: S(t) = fixed + (p_weight + j q_weight) x(t).

    Attributes:
        n_steps: Number of time steps.
        fixed_pu: Power that does not change [p.u.], shape (n_bus,).
        p_weight: Active power of each bus by each profile [p.u.], shape (n_bus, n_profile).
        q_weight: Reactive power of each bus by each profile [p.u.], shape (n_bus, n_profile).
        profiles: `profiles(start, stop)` returns the values x of these steps, shape
            (n_profile, stop - start); it is called chunk by chunk, so that a long series need not be in
            memory.
    """

    n_steps: int
    fixed_pu: Complexes
    p_weight: csr_array
    q_weight: csr_array
    profiles: Profiles

    def values(self, start: int, stop: int) -> Floats:
        """Profiles of some steps, shape (n_profile, stop - start); raises `InvalidProfiles`."""
        x = np.asarray(self.profiles(start, stop), dtype=np.float64)
        if x.shape != (self.p_weight.shape[1], stop - start):
            raise InvalidProfiles(f"profiles of shape {x.shape} for steps {start} to {stop}")
        return x

    def blocks(self, start: int, stop: int) -> Floats:
        """Profiles as the kernels take them, shape (n_block, n_profile, LANES); raises `InvalidProfiles`."""
        # One memory layout, so that the kernel is compiled once.
        x = np.require(self.values(start, stop), requirements=["C", "W"])
        blocks = np.empty((-(-(stop - start) // LANES), len(x), LANES))
        if in_blocks(x, blocks) != 0.0:
            profile, step = np.argwhere(~np.isfinite(x))[0]
            raise InvalidProfiles("not a number", int(profile), start + int(step))
        return blocks

    def power(self, start: int, stop: int) -> Complexes:
        """Power of some steps [p.u.], shape (n_bus, stop - start)."""
        x = self.values(start, stop)
        return np.asarray(self.fixed_pu[:, None] + self.p_weight @ x + 1j * (self.q_weight @ x))


def series_of(power_pu: Complexes) -> InjectionSeries:
    """A series in memory.

    Args:
        power_pu: Power into the network [p.u.], shape (n_bus, n_step).
    """
    n_bus, n_steps = power_pu.shape
    stacked = np.concatenate((power_pu.real, power_pu.imag))
    eye, none = csr_array(np.eye(n_bus)), csr_array((n_bus, n_bus))
    return InjectionSeries(
        n_steps,
        np.zeros(n_bus, dtype=np.complex128),
        csr_array(hstack((eye, none))),
        csr_array(hstack((none, eye))),
        lambda start, stop: stacked[:, start:stop],
    )
