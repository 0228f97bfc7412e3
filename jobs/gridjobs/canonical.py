"""Canonical JSON (RFC 8785): equal requests have equal bytes, hence equal digests."""

import hashlib
from collections.abc import Iterable
from decimal import Decimal
from math import isfinite
from typing import Any

import orjson


def canonical_json(document: Any) -> bytes:
    """Return the canonical form of a JSON document.

    Raises:
        ValueError: A number is not finite, or something is not JSON.
    """
    rewritten = _with_numbers(document)
    text = orjson.dumps(rewritten, option=orjson.OPT_SORT_KEYS)
    if text.isascii():  # then the order by code points is the order by UTF-16 units
        return text
    return orjson.dumps(_sorted(rewritten))


def digest(data: bytes) -> str:
    """Return the SHA-256 of some bytes, hex."""
    return hashlib.sha256(data).hexdigest()


def _with_numbers(value: Any) -> Any:
    """Return the value with its numbers as ECMAScript writes them; what needs no change is not copied."""
    kind = type(value)
    if kind is float:
        return _number(value)
    if kind is not dict and kind is not list and kind is not tuple:
        return value
    changed = value
    items: Iterable[tuple[Any, Any]] = value.items() if kind is dict else enumerate(value)
    for place, item in items:
        item_kind = type(item)
        if item_kind is str or item_kind is int or item_kind is bool:
            continue
        if item_kind is float and 1e-4 <= abs(item) < 2**53 and not item.is_integer():
            continue  # as `_is_plain` says, without the call
        new = _with_numbers(item)
        if new is not item:
            if changed is value:
                changed = dict(value) if kind is dict else list(value)
            changed[place] = new
    return changed


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value, key=_utf16)}
    if isinstance(value, list | tuple):
        return [_sorted(item) for item in value]
    return value


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")


def _is_plain(value: float) -> bool:
    """Say whether orjson writes a number as ECMAScript does: with a fraction, neither tiny nor huge."""
    return 1e-4 <= abs(value) < 2**53 and not value.is_integer()


def _number(value: float) -> Any:
    """Write a number as ECMAScript does: no fraction if whole, an exponent if tiny or huge."""
    if _is_plain(value):
        return value
    if value.is_integer() and abs(value) < 2**53:
        return int(value)
    if not isfinite(value):
        raise ValueError("a number is not finite")
    return orjson.Fragment(_ecmascript(value))


def _ecmascript(value: float) -> str:
    shortest = repr(value)
    if 1e-6 <= abs(value) < 1e21:
        return f"{Decimal(shortest):f}".removesuffix(".0")
    mantissa, _, exponent = shortest.partition("e")
    return f"{mantissa}e{int(exponent):+d}"
