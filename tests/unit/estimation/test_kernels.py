"""The sparse kernels against dense linear algebra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from gridjobs_workers.estimation.independent import independent_rows
from gridjobs_workers.estimation.kernels.factor import factorise, null_vector, solve
from gridjobs_workers.estimation.kernels.inverse import inverse_subset
from gridjobs_workers.estimation.structure import elimination_order, symbolic


class Blocks:
    """A random symmetric matrix of 2 × 2 blocks on the pattern of a random graph."""

    def __init__(self, n: int, n_edge: int, seed: int, rank_loss: int = 0) -> None:
        rng = np.random.default_rng(seed)
        graph = np.eye(n, dtype=bool)
        for _ in range(n_edge):
            i, j = rng.integers(0, n, 2)
            graph[i, j] = graph[j, i] = True
        order = elimination_order(csr_array(graph.astype(float)))
        graph = graph[order][:, order]
        # One dense 2 × 4 row block an edge and a 2 × 2 one a bus keep A on the pattern and positive definite.
        rows = []
        for i, j in np.argwhere(np.triu(graph)):
            row = np.zeros((2, 2 * n))
            row[:, 2 * i : 2 * i + 2] = rng.standard_normal((2, 2))
            row[:, 2 * j : 2 * j + 2] += rng.standard_normal((2, 2))
            rows.append(row)
        if rank_loss:
            rows = [row for row in rows if not row[:, :rank_loss].any()]
        h = np.vstack(rows) if rows else np.zeros((1, 2 * n))
        self.n, self.dense = n, h.T @ h
        self.pattern = symbolic(csr_array(graph.astype(float)))
        self.n_block = len(self.pattern.columns)
        self.blocks = np.zeros(4 * (self.n_block + n))
        for k in range(n):
            for p in range(self.pattern.row_starts[k], self.pattern.row_starts[k + 1]):
                self._put(p, k, int(self.pattern.columns[p]))
            self._put(self.n_block + k, k, k)
        self.inverse_diagonal, self.work = np.zeros(3 * n), np.zeros(4 * n)
        self.null = np.zeros(2 * n, np.int8)

    def _put(self, slot: int, i: int, j: int) -> None:
        self.blocks[4 * slot : 4 * slot + 4] = self.dense[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].ravel()

    def factorise(self, floor: float = 0.0) -> int:
        p = self.pattern
        return factorise(
            p.row_starts, p.columns, p.column_starts, p.column_rows, p.column_blocks, self.blocks,
            self.inverse_diagonal, self.work, 0.0, floor, self.null, False,
        )  # fmt: skip


SIZES = st.tuples(st.integers(1, 14), st.integers(0, 30), st.integers(0, 10_000))


@settings(max_examples=60, deadline=None)
@given(SIZES)
def test_solutions_are_those_of_dense_algebra(size: tuple[int, int, int]) -> None:
    a = Blocks(*size)
    assert a.factorise() == 0
    b = np.random.default_rng(1).standard_normal(2 * a.n)
    x = b.copy()
    solve(a.pattern.row_starts, a.pattern.columns, a.blocks, a.inverse_diagonal, x)
    np.testing.assert_allclose(a.dense @ x, b, atol=1e-6 * np.abs(a.dense).max() * (1 + np.abs(x).max()))
    assert not a.work.any()


@settings(max_examples=60, deadline=None)
@given(SIZES)
def test_the_inverse_subset_holds_the_entries_of_the_inverse(size: tuple[int, int, int]) -> None:
    a = Blocks(*size)
    a.factorise()
    inverse = np.linalg.inv(a.dense)
    if np.linalg.cond(a.dense) > 1e9:
        return
    found = np.zeros_like(a.blocks)
    inverse_subset(a.pattern.row_starts, a.pattern.columns, a.blocks, a.inverse_diagonal, found, a.work)
    for k in range(a.n):
        for p in range(a.pattern.row_starts[k], a.pattern.row_starts[k + 1]):
            j = int(a.pattern.columns[p])
            expected = inverse[2 * k : 2 * k + 2, 2 * j : 2 * j + 2].ravel()
            np.testing.assert_allclose(
                found[4 * p : 4 * p + 4], expected, rtol=1e-5, atol=1e-6 * np.abs(inverse).max()
            )
        d = 4 * (a.n_block + k)
        expected = inverse[2 * k : 2 * k + 2, 2 * k : 2 * k + 2].ravel()
        np.testing.assert_allclose(found[d : d + 4], expected, rtol=1e-5, atol=1e-6 * np.abs(inverse).max())


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("lost", [1, 2, 3])
def test_null_pivots_count_the_rank_and_give_null_vectors(seed: int, lost: int) -> None:
    a = Blocks(9, 14, seed, rank_loss=lost)
    n_null = a.factorise(floor=1e-8)
    assert n_null == 2 * a.n - np.linalg.matrix_rank(a.dense, tol=1e-8)
    x = np.empty(2 * a.n)
    seeds = np.random.default_rng(seed).standard_normal(2 * a.n)
    null_vector(a.pattern.row_starts, a.pattern.columns, a.blocks, a.null, seeds, x)
    np.testing.assert_allclose(a.dense @ x, 0, atol=1e-7 * (1 + np.abs(x).max()))
    assert np.abs(x).max() > 0


@pytest.mark.parametrize("seed", range(6))
def test_independent_rows_span_as_much_as_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((12, 5)) * (rng.random((12, 5)) < 0.5)
    rank = int(np.linalg.matrix_rank(rows))
    chosen = independent_rows(csr_array(rows), rank)
    assert len(chosen) == rank
    assert np.linalg.matrix_rank(rows[chosen]) == rank
