"""The arrays that kernels share, bundled so that signatures stay readable."""

from typing import NamedTuple

from gridjobs_workers.estimation.kernels.types import Floats, Int8s, Int32s, Int64s


class Pattern(NamedTuple):
    """Pattern of the factor, see `symbolic.factor_pattern`."""

    row_starts: Int64s
    columns: Int32s
    column_starts: Int64s
    column_rows: Int32s
    column_blocks: Int64s


class Pairs(NamedTuple):
    """Measurement pairs, see `jacobian`: voltages, powers (the last `n_constraint` are exact zeros),
    currents."""

    n_voltage: int
    n_power: int
    n_constraint: int
    starts: Int64s  # of each pair's stencil
    columns: Int32s  # positions, ascending within a stencil
    y_re: Floats
    y_im: Floats
    own: Int32s  # index of the metered bus in its stencil
    slots: Int64s  # see `jacobian.gain`
    slot_starts: Int64s


class Workspace(NamedTuple):
    """Scratch and results of one run; one per thread."""

    jacobian: Floats  # (4 n_entry,)
    blocks: Floats  # (4 (n_block + n),): the factor
    inverse_diagonal: Floats  # (3 n,)
    inverse: Floats  # like blocks: the inverse subset
    null: Int8s  # (2 n,)
    work: Floats  # (4 n,), zeros
    v_re: Floats  # (n,)
    v_im: Floats  # (n,)
    values: Floats  # (2 n_pair,)
    residuals: Floats  # (2 n_pair,)
    left: Floats  # (2 n_pair,)
    step: Floats  # (2 n,)
    correction: Floats  # (2 n,)
    gradient: Floats  # (2 n,)
    moved: Floats  # (2 n,)
