"""Compiled kernels of the estimator: plain arrays in, plain arrays out, no Python objects, no fastmath.

All of them work on 2 × 2 blocks, one per bus: the state of a bus is (θ, ln |V|), a pair of measurements has
two rows. Blocks lie row by row in flat arrays, four numbers each. Rows and columns are positions in the
elimination order.
"""
