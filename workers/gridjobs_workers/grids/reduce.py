"""From the grid model to the per-unit network that numerical cores take."""

import numpy as np

from gridjobs_workers.grids.arrays import complexes
from gridjobs_workers.grids.model import Branches, GridModel
from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network

QUARTER_TURN = np.pi / 2


def to_network(model: GridModel, base_mva: float = 100.0) -> Network:
    """Reduce a grid to its energised buses, in per unit.

    A branch open at one end becomes the admittance that its other end sees; shunts in service are added to their
    buses.

    Args:
        model: The grid.
        base_mva: Three-phase base power [MVA].
    """
    bus_row = np.flatnonzero(model.buses.energised)
    number = np.full(len(model.buses.energised), -1, dtype=np.intp)
    number[bus_row] = np.arange(len(bus_row))
    base_kv = model.buses.base_kv[bus_row]
    branches = model.branches
    closed = branches.from_closed & branches.to_closed & (number[branches.from_bus] >= 0)
    row = np.flatnonzero(closed)
    f, t = number[branches.from_bus[row]], number[branches.to_bus[row]]
    y_ft, y_tf = branches.y_ft[row], branches.y_tf[row]
    across = base_kv[f] * base_kv[t] / base_mva
    return Network(
        base_mva=base_mva,
        base_kv=base_kv,
        from_bus=f,
        to_bus=t,
        y_ff=branches.y_ff[row] * base_kv[f] ** 2 / base_mva,
        y_ft=y_ft * across,
        y_tf=y_tf * across,
        y_tt=branches.y_tt[row] * base_kv[t] ** 2 / base_mva,
        y_shunt=(_shunts(model, number, len(bus_row)) + _open_ends(branches, number, len(bus_row)))
        * base_kv**2
        / base_mva,
        shift_rad=phase_shifts(y_ft, y_tf, branches.y_tt[row]),
        bus_row=bus_row,
        branch_row=row,
    )


def phase_shifts(y_ft: Complexes, y_tf: Complexes, y_tt: Complexes) -> Floats:
    """Phase by which the from side leads the to side at no load [rad], shape (n_branch,).

    The ratio of the transfer admittances gives it up to half a turn, and what an open to-end shows (which charging
    and magnetising disturb a little) tells which.
    """
    shift = np.angle(y_ft / y_tf) / 2
    rough = -np.angle(-y_tf / y_tt)
    turned = np.abs(np.angle(np.exp(1j * (shift - rough)))) > QUARTER_TURN
    return np.asarray(np.angle(np.exp(1j * (shift + np.pi * turned))))


def _shunts(model: GridModel, number: Ints, n_bus: int) -> Complexes:
    """Shunt admittance of each bus [S]."""
    shunts = model.shunts
    y = np.zeros(n_bus, dtype=np.complex128)
    live = shunts.in_service & (number[shunts.bus] >= 0)
    np.add.at(y, number[shunts.bus[live]], complexes(shunts.g, shunts.b)[live])
    return y


def _open_ends(branches: Branches, number: Ints, n_bus: int) -> Complexes:
    """Admittance that buses see of branches open at the far end [S]."""
    y = np.zeros(n_bus, dtype=np.complex128)
    through = branches.y_ft * branches.y_tf
    for near, bus, own, far in (
        (branches.from_closed & ~branches.to_closed, branches.from_bus, branches.y_ff, branches.y_tt),
        (branches.to_closed & ~branches.from_closed, branches.to_bus, branches.y_tt, branches.y_ff),
    ):
        live = near & (number[bus] >= 0)
        seen = own - np.divide(through, far, out=np.zeros_like(through), where=far != 0)
        np.add.at(y, number[bus[live]], seen[live])
    return y
