"""Canonical JSON (RFC 8785): equal requests have equal bytes, hence equal digests."""

import hashlib
from decimal import Decimal
from math import isfinite
from typing import Any

import orjson


def canonical_json(document: Any) -> bytes:
    """Return the canonical form of a JSON document.

    Raises:
        ValueError: A number is not finite, or something is not JSON.
    """
    if _is_plain(document):
        text = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
        if text.isascii():  # then the order by code points is the order by UTF-16 units
            return text
    return orjson.dumps(_canonical(document))


def _is_plain(document: Any) -> bool:
    """Say whether orjson writes all numbers of an object or array as ECMAScript does; four times as fast."""
    if type(document) not in (dict, list):
        return False
    waiting = [document]
    while waiting:
        node = waiting.pop()
        for item in node.values() if type(node) is dict else node:
            kind = type(item)
            if kind is float:
                if item.is_integer() or not 1e-4 <= abs(item) < 2**53:
                    return False
            elif kind is dict or kind is list:
                waiting.append(item)
            elif kind is not str and kind is not int and kind is not bool:
                return False
    return True


def digest(data: bytes) -> str:
    """Return the SHA-256 of some bytes, hex."""
    return hashlib.sha256(data).hexdigest()


def _canonical(value: Any) -> Any:
    match value:
        case dict():
            names = sorted(value) if all(map(str.isascii, value)) else sorted(value, key=_utf16)
            return {name: _canonical(value[name]) for name in names}
        case list() | tuple():
            return [_canonical(item) for item in value]
        case float():
            return _number(value)
        case _:
            return value


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")


def _number(value: float) -> Any:
    """Write a number as ECMAScript does: no fraction if whole, an exponent if tiny or huge."""
    magnitude = abs(value)
    if value.is_integer() and magnitude < 2**53:
        return int(value)
    if 1e-4 <= magnitude < 2**53:
        return value  # orjson writes the shortest form too, and here without an exponent
    if not isfinite(value):
        raise ValueError("a number is not finite")
    return orjson.Fragment(_ecmascript(value))


def _ecmascript(value: float) -> str:
    shortest = repr(value)
    if 1e-6 <= abs(value) < 1e21:
        return f"{Decimal(shortest):f}".removesuffix(".0")
    mantissa, _, exponent = shortest.partition("e")
    return f"{mantissa}e{int(exponent):+d}"
