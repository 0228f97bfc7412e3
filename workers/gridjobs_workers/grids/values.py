"""Compiled reading of values: numbers, booleans and strings from where they stand in the buffer."""

import re
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gridjobs_workers.grids.arrays import Bytes, Numbers

MAX_TEXT_BYTES: Final = 256
REFERENCE: Final = re.compile(r"&(?:#x([0-9A-Fa-f]+)|#([0-9]+)|(amp|lt|gt|quot|apos));")
PREDEFINED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}

# Powers of ten that are exact as float64: a mantissa below 2**53 times or by one of these is correctly rounded
# (W. D. Clinger, "How to read floating point numbers accurately", PLDI 1990).
EXACT_POWERS: Final = np.array([10.0**k for k in range(23)])
EXACT_MANTISSA: Final = 1 << 53


@njit(cache=True, nogil=True)
def _trim(buffer: Bytes, start: int, end: int) -> tuple[int, int]:
    while start < end and buffer[start] <= 32:
        start += 1
    while end > start and buffer[end - 1] <= 32:
        end -= 1
    return start, end


@njit(cache=True, nogil=True)
def _digits(buffer: Bytes, at: int, end: int, mantissa: int) -> tuple[int, int, int]:
    """Read digits; return the mantissa, how many digits, and what follows. Stops growing beyond exactness."""
    count = 0
    while at < end and 48 <= buffer[at] <= 57:
        if mantissa <= EXACT_MANTISSA:
            mantissa = mantissa * 10 + (buffer[at] - 48)
        count += 1
        at += 1
    return mantissa, count, at


@njit(cache=True, nogil=True)
def parse_floats(
    buffer: Bytes, starts: Numbers, ends: Numbers, values: NDArray[np.float64], hard: NDArray[np.bool_]
) -> None:
    """Parse decimal numbers, correctly rounded; what cannot be parsed exactly here is marked `hard`."""
    for k in range(len(starts)):
        at, end = _trim(buffer, starts[k], ends[k])
        negative = at < end and buffer[at] == 45
        if at < end and (buffer[at] == 45 or buffer[at] == 43):
            at += 1
        mantissa, whole, at = _digits(buffer, at, end, 0)
        fraction = 0
        if at < end and buffer[at] == 46:
            mantissa, fraction, at = _digits(buffer, at + 1, end, mantissa)
        exponent = 0
        if whole + fraction > 0 and at + 1 < end and (buffer[at] == 101 or buffer[at] == 69):
            at += 1
            sign = -1 if buffer[at] == 45 else 1
            if buffer[at] == 45 or buffer[at] == 43:
                at += 1
            exponent, digits, at = _digits(buffer, at, end, 0)
            exponent *= sign
            if digits == 0:
                at = -1
        power = exponent - fraction
        hard[k] = at != end or whole + fraction == 0 or mantissa > EXACT_MANTISSA or abs(power) > 22
        if not hard[k]:
            value = mantissa * EXACT_POWERS[power] if power >= 0 else mantissa / EXACT_POWERS[-power]
            values[k] = -value if negative else value


@njit(cache=True, nogil=True)
def parse_flags(buffer: Bytes, starts: Numbers, ends: Numbers, values: NDArray[np.int8]) -> None:
    """Parse xsd:boolean: 1 for true and 1, 0 for false and 0, in any case; -1 for anything else."""
    for k in range(len(starts)):
        at, end = _trim(buffer, starts[k], ends[k])
        length = end - at
        first = buffer[at] | 32 if length else 0
        if (length == 1 and buffer[at] == 49) or (length == 4 and first == 116):
            values[k] = 1
        elif (length == 1 and buffer[at] == 48) or (length == 5 and first == 102):
            values[k] = 0
        else:
            values[k] = -1


@njit(cache=True, nogil=True)
def gather(
    buffer: Bytes,
    starts: Numbers,
    ends: Numbers,
    last_part: bool,
    width: int,
    out: Bytes,
    hard: NDArray[np.bool_],
) -> int:
    """Copy values into rows of `width` bytes, cut to it; mark those with entities or non-ASCII letters `hard`.

    With `last_part` only what follows the last `.`, `#` or `/` is copied, as for enumerations.

    Returns:
        The length of the longest value.
    """
    longest = 0
    for k in range(len(starts)):
        start, end = _trim(buffer, starts[k], ends[k])
        if last_part:
            for at in range(end - 1, start - 1, -1):
                if buffer[at] == 46 or buffer[at] == 35 or buffer[at] == 47:
                    start = at + 1
                    break
        length = min(end - start, width)
        longest = max(longest, length)
        hard[k] = False
        for j in range(length):
            byte = buffer[start + j]
            out[k * width + j] = byte
            if byte > 127 or byte == 38:
                hard[k] = True
    return longest


def floats(buffer: Bytes, starts: Numbers, ends: Numbers) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read numbers; return values and which are no finite numbers (their values are NaN)."""
    values = np.full(len(starts), np.nan)
    hard = np.empty(len(starts), dtype=np.bool_)
    parse_floats(buffer, starts, ends, values, hard)
    for k in np.flatnonzero(hard):
        values[k] = _float(bytes(buffer[starts[k] : ends[k]]))
    return values, ~np.isfinite(values)


def _float(text: bytes) -> float:
    try:
        return float(text) if len(text) <= MAX_TEXT_BYTES and b"_" not in text else np.nan
    except ValueError:
        return np.nan


def flags(buffer: Bytes, starts: Numbers, ends: Numbers) -> NDArray[np.int8]:
    """Read booleans: 1, 0, or -1 for what is none."""
    values = np.empty(len(starts), dtype=np.int8)
    parse_flags(buffer, starts, ends, values)
    return values


def texts(buffer: Bytes, starts: Numbers, ends: Numbers, *, last_part: bool = False) -> NDArray[np.str_]:
    """Read strings, cut to `MAX_TEXT_BYTES` bytes, entities resolved."""
    if len(starts) == 0:
        return np.empty(0, dtype=np.str_)
    width = int(min(max(int((ends - starts).max()), 1), MAX_TEXT_BYTES))
    raw = np.zeros(len(starts) * width, dtype=np.uint8)
    hard = np.empty(len(starts), dtype=np.bool_)
    longest = max(int(gather(buffer, starts, ends, last_part, width, raw, hard)), 1)
    letters = np.ascontiguousarray(raw.reshape(-1, width)[:, :longest])
    strings = letters.astype(np.uint32).view(f"U{longest}").ravel()
    for k in np.flatnonzero(hard):
        strings[k] = unescape(letters[k].tobytes().rstrip(b"\0").decode(errors="ignore"))
    return strings


def unescape(text: str) -> str:
    """Resolve XML's five entities and character references, once."""
    return REFERENCE.sub(_referred, text)


def _referred(match: re.Match[str]) -> str:
    hexadecimal, decimal, name = match.groups()
    if name:
        return PREDEFINED[name]
    return chr(int(hexadecimal, 16) if hexadecimal else int(decimal))
