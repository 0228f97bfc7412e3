"""Published power-flow cases, each a text file of the numbers in MATPOWER's columns."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gridjobs_workers.grids.network import Network
from gridjobs_workers.simulation.power_flow import OperatingPoint, VoltageControls


@dataclass(frozen=True)
class Case:
    network: Network
    point: OperatingPoint


def load_case(name: str) -> Case:
    """The case `<name>.txt` beside this file."""
    lines = (Path(__file__).parent / f"{name}.txt").read_text().splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    table = {
        key: np.array([list(map(float, r[1:])) for r in rows if r[0] == key])
        for key in ("bus", "generator", "branch")
    }
    base_mva = float(rows[0][1])
    bus, generator = table["bus"], table["generator"]
    return Case(_network(bus, table["branch"], base_mva), _point(bus, generator, base_mva))


def two_ports(branch: NDArray[np.float64]) -> dict[str, NDArray[np.complex128]]:
    """MATPOWER's branch model: ideal transformer ratio at the from side, charging at both ends."""
    series = 1 / (branch[:, 2] + 1j * branch[:, 3])
    shunt = 0.5j * branch[:, 4]
    ratio = np.where(branch[:, 5] == 0, 1, branch[:, 5]) * np.exp(1j * np.deg2rad(branch[:, 6]))
    return {
        "y_ff": (series + shunt) / np.abs(ratio) ** 2,
        "y_ft": -series / ratio.conj(),
        "y_tf": -series / ratio,
        "y_tt": series + shunt,
    }


def _network(bus: NDArray[np.float64], branch: NDArray[np.float64], base_mva: float) -> Network:
    return Network(
        base_mva=base_mva,
        base_kv=bus[:, 6],
        from_bus=branch[:, 0].astype(np.intp),
        to_bus=branch[:, 1].astype(np.intp),
        y_shunt=(bus[:, 4] + 1j * bus[:, 5]) / base_mva,
        shift_rad=np.deg2rad(branch[:, 6]),
        bus_row=np.arange(len(bus)),
        branch_row=np.arange(len(branch)),
        **two_ports(branch),
    )


def _point(bus: NDArray[np.float64], generator: NDArray[np.float64], base_mva: float) -> OperatingPoint:
    s_mva = -(bus[:, 2] + 1j * bus[:, 3])
    at = generator[:, 0].astype(np.intp)
    np.add.at(s_mva, at, generator[:, 1])
    (reference,) = np.nonzero(bus[:, 1] == 3)
    controls = VoltageControls.local(
        at, generator[:, 2], generator[:, 3] / base_mva, generator[:, 4] / base_mva
    )
    return OperatingPoint(s_mva / base_mva, reference, np.zeros(len(reference)), controls)
