"""Compiled matching of identifiers: which objects of different documents are one, and what references point to.

`rdf:ID="_x"`, `rdf:about="#_x"`, `rdf:resource="http://base/#_x"` and `urn:uuid:x` all name the same object
(IEC 61970-552). Identifiers are told apart by 64-bit fingerprints, taken while the scanner has their bytes at
hand. The seed is drawn for each upload: nobody can prepare a collision, and by chance two of a million objects
collide once in 40 million uploads.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gridjobs_workers.grids.arrays import Bytes, Fingerprints, Kinds, Numbers

NO_IDENTIFIER: Final = 0  # kind of an object without one

URN = np.frombuffer(b"urn:uuid:", dtype=np.uint8)
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def core(buffer: Bytes, start: int, end: int) -> tuple[int, bool]:
    """Where the identifying bytes begin, after `#`, base, scheme and underscore; and whether one led."""
    if end - start > len(URN):
        is_urn = True
        for k in range(len(URN)):
            if buffer[start + k] != URN[k]:
                is_urn = False
                break
        if is_urn:
            return start + len(URN), True
    for k in range(end - 1, start - 1, -1):
        if buffer[k] == 35:
            start = k + 1
            break
    has_underscore = start < end and buffer[start] == 95
    return start + has_underscore, has_underscore


@njit(cache=True, nogil=True)
def fingerprint(buffer: Bytes, start: int, end: int, seed: np.uint64) -> np.uint64:
    """Fingerprint of the identifier in a value: of its core, mixed four bytes at a time."""
    at, has_underscore = core(buffer, start, end)
    mixed = (seed ^ np.uint64(2 * (end - at) + has_underscore)) * MULTIPLIER
    mixed ^= mixed >> np.uint64(32)
    while at + 4 <= end:
        word = (
            np.uint64(buffer[at])
            | (np.uint64(buffer[at + 1]) << np.uint64(8))
            | (np.uint64(buffer[at + 2]) << np.uint64(16))
            | (np.uint64(buffer[at + 3]) << np.uint64(24))
        )
        mixed = (mixed ^ word) * MULTIPLIER
        mixed ^= mixed >> np.uint64(32)
        at += 4
    while at < end:
        mixed = (mixed ^ np.uint64(buffer[at])) * MULTIPLIER
        mixed ^= mixed >> np.uint64(32)
        at += 1
    return mixed


@njit(cache=True, nogil=True)
def _slot(fingerprints: Fingerprints, wanted: np.uint64, slots: Numbers) -> int:
    """The slot of a fingerprint: where it is, or the empty one where it belongs."""
    mask = np.uint64(len(slots) - 1)
    slot = np.int64(wanted & mask)
    while slots[slot] >= 0 and fingerprints[slots[slot]] != wanted:
        slot = (slot + 1) & np.int64(mask)
    return int(slot)


@njit(cache=True, nogil=True)
def merge(
    declared: Fingerprints, kinds: Kinds, slots: Numbers, fingerprints: Fingerprints, merged: Numbers
) -> int:
    """Number objects so that the same identifier gets the same number, in the order in which they are met.

    Args:
        declared: Fingerprint of each declared object's identifier.
        kinds: How each is identified; `NO_IDENTIFIER` makes an object of its own.
        slots: Empty (-1) hash table, its length a power of two larger than the number of objects.
        fingerprints: Receives the fingerprint of each merged object.
        merged: Receives the number of each declared object.

    Returns:
        The number of merged objects.
    """
    count = 0
    for k in range(len(kinds)):
        if kinds[k] == NO_IDENTIFIER:
            fingerprints[count] = np.uint64(0)
            merged[k] = count
            count += 1
            continue
        slot = _slot(fingerprints, declared[k], slots)
        if slots[slot] < 0:
            slots[slot] = count
            fingerprints[count] = declared[k]
            count += 1
        merged[k] = slots[slot]
    return count


@njit(cache=True, nogil=True)
def resolve(
    wanted: Fingerprints,
    is_reference: NDArray[np.bool_],
    slots: Numbers,
    fingerprints: Fingerprints,
    targets: Numbers,
) -> None:
    """Find the object each reference points to: -1 where there is none, or where the property is no reference.

    Takes what `merge` filled; `targets` receives the numbers, shape (n_property,).
    """
    for k in range(len(wanted)):
        targets[k] = slots[_slot(fingerprints, wanted[k], slots)] if is_reference[k] else -1


@njit(cache=True, nogil=True)
def trim(buffer: Bytes, starts: Numbers, ends: Numbers, trimmed: Numbers) -> None:
    """Where the identifying bytes of some values begin."""
    for k in range(len(starts)):
        trimmed[k] = core(buffer, starts[k], ends[k])[0]
