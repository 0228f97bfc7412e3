"""The European MV distribution benchmark: published parameters.

CIGRE Task Force C6.04.02, "Benchmark Systems for Network Integration of Renewable and Distributed Energy
Resources", Technical Brochure 575, 2014, chapter 6.2.
"""

from dataclasses import dataclass

FREQUENCY_HZ = 50.0
HV_KV, MV_KV = 110.0, 20.0
SOURCE_TARGET_PU = 1.03
SOURCE_SHORT_CIRCUIT_MVA = 5000.0
SOURCE_R_TO_X = 0.1


@dataclass(frozen=True)
class Conductor:
    """A conductor, per kilometre: positive and zero sequence [ohm], capacitance [nF], ampacity [A]."""

    r: float
    x: float
    c_nf: float
    r0: float
    x0: float
    c0_nf: float
    ampacity_a: float


CABLE = Conductor(r=0.501, x=0.716, c_nf=151.1749, r0=0.817, x0=1.598, c0_nf=151.1749, ampacity_a=145.0)
OVERHEAD = Conductor(r=0.510, x=0.366, c_nf=10.09679, r0=0.658, x0=1.611, c0_nf=4.07437, ampacity_a=195.0)

# from, to, length [km], conductor, node at which an open switch disconnects the line
LINES: list[tuple[int, int, float, Conductor, int | None]] = [
    (1, 2, 2.82, CABLE, None),
    (2, 3, 4.42, CABLE, None),
    (3, 4, 0.61, CABLE, None),
    (4, 5, 0.56, CABLE, None),
    (5, 6, 1.54, CABLE, None),
    (7, 8, 1.67, CABLE, None),
    (8, 9, 0.32, CABLE, None),
    (9, 10, 0.77, CABLE, None),
    (10, 11, 0.33, CABLE, None),
    (3, 8, 1.30, CABLE, None),
    (12, 13, 4.89, OVERHEAD, None),
    (13, 14, 2.99, OVERHEAD, None),
    (6, 7, 0.24, CABLE, 7),  # S2
    (11, 4, 0.49, CABLE, 4),  # S3
    (14, 8, 2.00, OVERHEAD, 8),  # S1
]

# HV node, MV node; 25 MVA, 110/20 kV, 12 % impedance of which 0.16 % resistance
TRANSFORMERS = [(0, 1), (0, 12)]
TRANSFORMER_MVA = 25.0
TRANSFORMER_Z = 0.1200107
TRANSFORMER_R = 0.0016

# node: peak apparent power [MVA] and power factor
RESIDENTIAL = {
    1: (15.3, 0.98),
    3: (0.285, 0.97),
    4: (0.445, 0.97),
    5: (0.75, 0.97),
    6: (0.565, 0.97),
    8: (0.605, 0.97),
    10: (0.49, 0.97),
    11: (0.34, 0.97),
    12: (15.3, 0.98),
    14: (0.215, 0.97),
}
COMMERCIAL = {
    1: (5.1, 0.95),
    3: (0.265, 0.85),
    7: (0.09, 0.85),
    9: (0.675, 0.85),
    10: (0.08, 0.85),
    12: (5.28, 0.95),
    13: (0.04, 0.85),
    14: (0.39, 0.85),
}
