"""A grid model as the short-circuit calculation takes it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.model import BranchKind, GridModel, InjectionKind
from gridjobs_workers.grids.network import Complexes, Floats, Ints, Network
from gridjobs_workers.simulation.short_circuit import (
    Feeders,
    Generators,
    Lines,
    MissingData,
    Motors,
    ShortCircuitGrid,
    ThreeWinding,
    Transformers,
)

Attributes = Mapping[str, Mapping[str, float]]
INF = np.inf + 0j
DEFAULT_END_TEMPERATURE_C = 70.0
MAX, MIN = "max", "min"


@dataclass(frozen=True, slots=True)
class _Reader:
    """Attributes of equipment by mRID under their CIM names, upper case ignored."""

    attributes: Attributes

    def values(self, mrids: NDArray[np.str_], name: str, default: float = np.nan) -> Floats:
        """One attribute of many, `default` where it is not given."""
        found = (self.attributes.get(str(mrid), {}).get(name) for mrid in mrids)
        return np.array([default if value is None else float(value) for value in found], dtype=np.float64)

    def required(self, mrids: NDArray[np.str_], name: str, equipment: str, rows: Ints) -> Floats:
        """The same, each greater than 0; raises `MissingData`."""
        values = self.values(mrids, name)
        if not (values > 0).all():
            raise MissingData(equipment, name, rows[~(values > 0)])
        return values


def short_circuit_grid(
    model: GridModel, network: Network, attributes: Attributes, *, z0_per_z1: float | None = None
) -> ShortCircuitGrid:
    """Read everything that counts in a short circuit off a grid model.

    Args:
        model: The grid.
        network: Its network; faults are at its buses.
        attributes: What the model has no arrays for, by mRID under the names that CIM has: of feeders
            maxInitialSymShCCurrent [A], minInitialSymShCCurrent, maxR1ToX1Ratio, minR1ToX1Ratio, maxX0ToX1Ratio,
            maxR0ToX0Ratio; of synchronous machines satDirectSubtransX [p.u.], r [ohm], ratedU [kV], ratedS [MVA],
            ratedPowerFactor, voltageRegulationRange [%]; of asynchronous machines ratedMechanicalPower [MW],
            efficiency [%], ratedPowerFactor, iaIrRatio, rxLockedRotorRatio, polePairNumber; of lines
            shortCircuitEndTemperature [°C]; of transformers isPartOfGeneratorUnit; of their ends rground and
            xground [ohm].
        z0_per_z1: Zero over positive sequence of lines that have no zero sequence; None leaves it unknown, and a
            fault to earth then asks for it.

    Raises:
        MissingData: A feeder without short-circuit current, or a machine without subtransient reactance.
    """
    read = _Reader(attributes)
    bus_of = np.full(len(model.buses.mrid), -1, dtype=np.intp)
    bus_of[network.bus_row] = np.arange(network.n_bus)
    transformers, rows = _two_winding(model, network, bus_of, read)
    return ShortCircuitGrid(
        nominal_kv=network.base_kv,
        feeders=_feeders(model, bus_of, read),
        lines=_lines(model, network, read, z0_per_z1),
        transformers=transformers,
        three_winding=_three_winding(model, network, bus_of, read),
        generators=_generators(model, network, bus_of, read, transformers, rows),
        motors=_motors(model, network, bus_of, read),
    )


def _in_service(model: GridModel, bus_of: Ints) -> NDArray[np.bool_]:
    return model.injections.in_service & (bus_of[model.injections.bus] >= 0)


def _feeders(model: GridModel, bus_of: Ints, read: _Reader) -> Feeders:
    injections = model.injections
    rows = np.flatnonzero(_in_service(model, bus_of) & (injections.kind == InjectionKind.EXTERNAL))
    mrid = injections.mrid[rows]
    most = read.required(mrid, "maxInitialSymShCCurrent", "feeders", rows) / 1e3
    least = read.values(mrid, "minInitialSymShCCurrent") / 1e3
    rx = read.values(mrid, "maxR1ToX1Ratio", 0.1)
    return Feeders(
        bus=bus_of[injections.bus[rows]],
        ik_max_ka=most,
        ik_min_ka=np.where(least > 0, least, most),
        rx_max=rx,
        rx_min=read.values(mrid, "minR1ToX1Ratio", 0.1),
        x0_per_x1=read.values(mrid, "maxX0ToX1Ratio"),
        r0_per_x0=read.values(mrid, "maxR0ToX0Ratio", 0.1),
    )


def _lines(model: GridModel, network: Network, read: _Reader, z0_per_z1: float | None) -> Lines:
    branches = model.branches
    number = np.flatnonzero(
        ~np.isin(branches.kind[network.branch_row], (BranchKind.TRANSFORMER, BranchKind.WINDING))
    )
    rows = network.branch_row[number]
    z1 = branches.r[rows] + 1j * branches.x[rows]
    z0 = branches.r0[rows] + 1j * branches.x0[rows]
    # CIM files write 0 where they have nothing.
    unknown = ~np.isfinite(z0) | (z0.imag == 0)
    return Lines(
        from_bus=network.from_bus[number],
        to_bus=network.to_bus[number],
        z1=z1,
        z0=np.where(unknown, np.nan if z0_per_z1 is None else z0_per_z1 * z1, z0),
        end_temperature_c=read.values(
            branches.mrid[rows], "shortCircuitEndTemperature", DEFAULT_END_TEMPERATURE_C
        ),
    )


def _two_winding(
    model: GridModel, network: Network, bus_of: Ints, read: _Reader
) -> tuple[Transformers, Ints]:
    """Two-winding transformers, and the model's branch of each."""
    ends, branches = model.transformers, model.branches
    rows = network.branch_row[branches.kind[network.branch_row] == BranchKind.TRANSFORMER]
    pair = np.array([np.flatnonzero(ends.branch == row)[:2] for row in rows], dtype=np.intp).reshape(-1, 2)
    flip = ends.rated_kv[pair[:, 0]] < ends.rated_kv[pair[:, 1]]
    pair[flip] = pair[flip][:, ::-1]
    hv, lv = pair[:, 0], pair[:, 1]
    z1, z0 = (_at_first(ends.rated_kv[pair], z) for z in _end_impedances(model, pair))
    at = np.stack((branches.from_bus[rows], branches.to_bus[rows]), axis=1)
    first_is_hv = ends.end_number[hv] == 1
    bus = bus_of[np.where(first_is_hv[:, None], at, at[:, ::-1])]
    star = _earthed(model, pair)
    closes = np.isin(ends.connection[pair], ("D", "Z", "Zn"))
    zigzag = np.isin(ends.connection[pair], ("Z", "Zn")) & star
    return Transformers(
        hv_bus=bus[:, 0],
        lv_bus=bus[:, 1],
        hv_kv=ends.rated_kv[hv],
        lv_kv=ends.rated_kv[lv],
        rated_mva=ends.rated_mva[hv],
        z1=z1,
        z0=z0,
        # A star passes current to earth only where the other winding lets it balance.
        hv_earthed=star[:, 0] & (closes[:, 1] | star[:, 1] | zigzag[:, 0]),
        lv_earthed=star[:, 1] & (closes[:, 0] | star[:, 0] | zigzag[:, 1]),
        passes_zero=np.asarray(star.all(axis=1) & ~zigzag.any(axis=1)),
        hv_neutral=_neutral(model, hv, read),
        lv_neutral=_neutral(model, lv, read),
        on_load=(ends.tap_kind[hv] == "ratio") | (ends.tap_kind[lv] == "ratio"),
        p_t=np.zeros(len(rows)),
    ), rows


def _three_winding(model: GridModel, network: Network, bus_of: Ints, read: _Reader) -> ThreeWinding:
    ends, branches = model.transformers, model.branches
    alive = np.flatnonzero(branches.kind[network.branch_row] == BranchKind.WINDING)
    rows = network.branch_row[alive]
    star = branches.to_bus[rows]
    triples = [rows[star == s] for s in np.unique(star) if (star == s).sum() == 3]
    end = np.array(
        [[np.flatnonzero(ends.branch == row)[0] for row in t] for t in triples], dtype=np.intp
    ).reshape(-1, 3)
    kv, mva = ends.rated_kv[end], ends.rated_mva[end]
    leg1, leg0 = (z * (kv[:, :1] / kv) ** 2 for z in _end_impedances(model, end))
    following = [1, 2, 0]
    return ThreeWinding(
        bus=bus_of[branches.from_bus[ends.branch[end]]],
        kv=kv,
        pair_mva=np.minimum(mva, mva[:, following]),
        z1=leg1 + leg1[:, following],
        z0=leg0 + leg0[:, following],
        earthed=_earthed(model, end),
        delta=np.isin(ends.connection[end], ("D", "Z")),
        neutral=_neutral(model, end.ravel(), read).reshape(end.shape),
    )


def _generators(
    model: GridModel, network: Network, bus_of: Ints, read: _Reader, transformers: Transformers, branch: Ints
) -> Generators:
    injections = model.injections
    synchronous = np.char.startswith(injections.cim_class, "Synchronous")
    rows = np.flatnonzero(_in_service(model, bus_of) & synchronous)
    mrid, bus = injections.mrid[rows], bus_of[injections.bus[rows]]
    rated_mva = np.where(
        injections.rated_mva[rows] > 0, injections.rated_mva[rows], read.values(mrid, "ratedS")
    )
    if not (rated_mva > 0).all():
        raise MissingData("synchronous machines", "ratedS", rows[~(rated_mva > 0)])
    in_unit = read.values(model.branches.mrid[branch], "isPartOfGeneratorUnit", 0.0) > 0
    of_bus = {int(b): k for k, b in enumerate(transformers.lv_bus) if in_unit[k]}
    return Generators(
        bus=bus,
        rated_mva=rated_mva,
        rated_kv=read.values(mrid, "ratedU", 0.0)
        + network.base_kv[bus] * (read.values(mrid, "ratedU", 0.0) == 0),
        r=read.values(mrid, "r"),
        xd_pu=read.required(mrid, "satDirectSubtransX", "synchronous machines", rows),
        cos_phi=read.values(mrid, "ratedPowerFactor", 0.85),
        p_g=read.values(mrid, "voltageRegulationRange", 0.0) / 100,
        unit_transformer=np.array([of_bus.get(int(b), -1) for b in bus], dtype=np.intp),
        z0=np.full(len(rows), INF),
    )


def _motors(model: GridModel, network: Network, bus_of: Ints, read: _Reader) -> Motors:
    """Motors that have a rating; smaller ones are loads."""
    injections = model.injections
    asynchronous = np.char.startswith(injections.cim_class, "Asynchronous")
    rows = np.flatnonzero(_in_service(model, bus_of) & asynchronous)
    mw = read.values(injections.mrid[rows], "ratedMechanicalPower", 0.0)
    rows, mw = rows[mw > 0], mw[mw > 0]
    mrid, bus = injections.mrid[rows], bus_of[injections.bus[rows]]
    return Motors(
        bus=bus,
        rated_mw=mw,
        rated_kv=network.base_kv[bus],
        efficiency=read.values(mrid, "efficiency", 95.0) / 100,
        cos_phi=read.values(mrid, "ratedPowerFactor", 0.85),
        starting_ratio=read.values(mrid, "iaIrRatio", 5.0),
        rx=read.values(mrid, "rxLockedRotorRatio", 0.15),
        pole_pairs=read.values(mrid, "polePairNumber", 1.0).astype(np.intp),
    )


def _end_impedances(model: GridModel, end: Ints) -> tuple[Complexes, Complexes]:
    """Positive- and zero-sequence impedance of ends, each at its own voltage [ohm]; NaN where unknown."""
    ends = model.transformers
    z1, z0 = ends.r[end] + 1j * ends.x[end], ends.r0[end] + 1j * ends.x0[end]
    # CIM files write 0 where they have nothing; a transformer without any zero sequence has its positive one.
    none = (np.nan_to_num(z0) == 0).all(axis=1)
    return z1, np.where(none[:, None], z1, np.nan_to_num(z0))


def _at_first(kv: Floats, z: Complexes) -> Complexes:
    """Sum of two windings' impedances at the first one's voltage [ohm], shape (n,)."""
    return np.asarray(z[:, 0] + z[:, 1] * (kv[:, 0] / kv[:, 1]) ** 2)


def _earthed(model: GridModel, end: Ints) -> NDArray[np.bool_]:
    ends = model.transformers
    connection = ends.connection[end]
    return np.isin(connection, ("Yn", "Zn")) | (np.isin(connection, ("Y", "Z")) & ends.grounded[end])


def _neutral(model: GridModel, end: Ints, read: _Reader) -> Complexes:
    """Impedance between neutral and earth [ohm]."""
    mrid = model.transformers.end_mrid[end]
    return np.asarray(read.values(mrid, "rground", 0.0) + 1j * read.values(mrid, "xground", 0.0))
