"""Compiled matching of identifiers: which objects of different documents are one, and what references point to.

`rdf:ID="_x"`, `rdf:about="#_x"`, `rdf:resource="http://base/#_x"` and `urn:uuid:x` all name the same object
(IEC 61970-552). Identifiers are compared byte for byte, where they stand in the buffer.
"""

from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gridjobs_workers.grids.scan import NONE, RESOURCE, Bytes, Ids, Offsets

Slots: TypeAlias = NDArray[np.int32]

URN = np.frombuffer(b"urn:uuid:", dtype=np.uint8)


@njit(cache=True, nogil=True)
def core(buffer: Bytes, start: int, end: int) -> tuple[int, int, bool]:
    """Return the bytes that identify, without `#`, base, scheme and leading underscore, and whether one led."""
    if end - start > 9:
        urn = True
        for k in range(9):
            if buffer[start + k] != URN[k]:
                urn = False
                break
        if urn:
            return start + 9, end, True
    for k in range(end - 1, start - 1, -1):
        if buffer[k] == 35:
            start = k + 1
            break
    underscore = start < end and buffer[start] == 95
    return start + underscore, end, underscore


@njit(cache=True, nogil=True)
def _hash(buffer: Bytes, start: int, end: int, seed: np.uint64) -> np.uint64:
    """Mix four bytes at a time."""
    mixed = seed
    at = start
    while at + 4 <= end:
        word = (
            np.uint64(buffer[at])
            | (np.uint64(buffer[at + 1]) << np.uint64(8))
            | (np.uint64(buffer[at + 2]) << np.uint64(16))
            | (np.uint64(buffer[at + 3]) << np.uint64(24))
        )
        mixed = (mixed ^ word) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
        at += 4
    while at < end:
        mixed = (mixed ^ np.uint64(buffer[at])) * np.uint64(0x9E3779B97F4A7C15)
        at += 1
    return mixed ^ (mixed >> np.uint64(29))


@njit(cache=True, nogil=True)
def _find(
    buffer: Bytes,
    start: int,
    end: int,
    underscore: bool,
    seed: np.uint64,
    slots: Slots,
    starts: Offsets,
    ends: Offsets,
    underscores: NDArray[np.bool_],
) -> int:
    """Return the slot of an identifier: where it is, or the empty one where it belongs."""
    mask = np.uint64(len(slots) - 1)
    slot = np.int64(_hash(buffer, start, end, seed) & mask)
    while True:
        known = slots[slot]
        if known < 0:
            return int(slot)
        if ends[known] - starts[known] == end - start and underscores[known] == underscore:
            # Without an early exit the loop is vectorised.
            different = np.uint8(0)
            for k in range(end - start):
                different |= buffer[starts[known] + k] ^ buffer[start + k]
            if different == 0:
                return int(slot)
        slot = (slot + 1) & np.int64(mask)


@njit(cache=True, nogil=True)
def merge(
    buffer: Bytes,
    kinds: NDArray[np.int8],
    id_start: Offsets,
    id_end: Offsets,
    seed: np.uint64,
    slots: Slots,
    starts: Offsets,
    ends: Offsets,
    underscores: NDArray[np.bool_],
    merged: Ids,
) -> int:
    """Number the objects so that the same identifier gets the same number.

    Args:
        buffer: All documents.
        kinds: How each declared object is identified; `NONE` makes an object of its own.
        id_start: Its identifier.
        id_end: See id_start.
        seed: Makes collisions unpredictable.
        slots: Empty (-1) hash table, its length a power of two larger than the number of objects.
        starts: Receives the identifier of each merged object, without decoration.
        ends: See starts.
        underscores: Receives whether it led with an underscore.
        merged: Receives the number of each declared object.

    Returns:
        The number of merged objects.
    """
    count = 0
    for k in range(len(kinds)):
        if kinds[k] == NONE:
            merged[k] = count
            starts[count] = ends[count] = 0
            underscores[count] = False
            count += 1
            continue
        start, end, underscore = core(buffer, id_start[k], id_end[k])
        slot = _find(buffer, start, end, underscore, seed, slots, starts, ends, underscores)
        if slots[slot] < 0:
            slots[slot] = count
            starts[count] = start
            ends[count] = end
            underscores[count] = underscore
            count += 1
        merged[k] = slots[slot]
    return count


@njit(cache=True, nogil=True)
def resolve(
    buffer: Bytes,
    kinds: NDArray[np.int8],
    value_start: Offsets,
    value_end: Offsets,
    seed: np.uint64,
    slots: Slots,
    starts: Offsets,
    ends: Offsets,
    underscores: NDArray[np.bool_],
    targets: Ids,
) -> None:
    """Find the object each reference points to: -1 where there is none, or where the property is no reference.

    Takes what `merge` filled; `targets` receives the numbers, shape (n_property,).
    """
    for k in range(len(kinds)):
        targets[k] = -1
        if kinds[k] == RESOURCE:
            start, end, underscore = core(buffer, value_start[k], value_end[k])
            slot = _find(buffer, start, end, underscore, seed, slots, starts, ends, underscores)
            targets[k] = slots[slot]
