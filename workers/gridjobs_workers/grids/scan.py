"""Compiled scanner of plain RDF/XML: bytes in, arrays of objects and properties out.

CIM documents are flat: a root, objects with an identifier, and properties that hold text or a reference. This
scanner reads that shape of well-formed XML about as fast as memory is read, and gives up with `UNUSUAL` at
anything else: other nesting, CDATA, unknown attributes, and every fault. A complete parser
(`plain.py`) then has the last word. So the scanner never needs to explain a fault, and must only never accept one.

The buffer ends with zero bytes, which XML forbids: every loop stops there without checking the length.

All of it is in one file because the cache of compiled functions watches the file of the function that is called,
not those of the functions that it calls.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gridjobs_workers.grids.arrays import Bytes, Fingerprints, Kinds, Numbers
from gridjobs_workers.grids.identity import NO_IDENTIFIER, fingerprint

OK: Final = 0
UNUSUAL: Final = 1
TOO_MANY_NAMES: Final = 2
TOO_MANY_OBJECTS: Final = 3
FULL: Final = 4  # the arrays are too short

# How an object is identified, and what a property holds.
NONE: Final = NO_IDENTIFIER
ID: Final = 1
ABOUT: Final = 2
TEXT: Final = 3
ESCAPED: Final = 4  # text with entities or character references
RESOURCE: Final = 5
OTHER: Final = 6  # rdf:datatype, xml:lang: allowed, not kept

LT: Final = 60
GT: Final = 62
SLASH: Final = 47
AMP: Final = 38
EQUALS: Final = 61
BANG: Final = 33
DASH: Final = 45
BRACKET: Final = 93
SEMICOLON: Final = 59

MAX_NAME: Final = 250  # bytes of an element's name
PADDING: Final = MAX_NAME + 16  # zero bytes after each document: more than any look-ahead


def _name_bytes() -> NDArray[np.bool_]:
    allowed = np.zeros(256, dtype=np.bool_)
    for characters in (b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"0123456789", b"_:.-"):
        allowed[list(characters)] = True
    return allowed


def _plain_bytes() -> NDArray[np.bool_]:
    """Bytes that text may hold without a second look: no markup and no control characters."""
    plain = np.ones(256, dtype=np.bool_)
    plain[:32] = False
    plain[[9, 10, 13]] = True
    plain[[LT, AMP, BRACKET]] = False
    return plain


NAME_BYTES = _name_bytes()
PLAIN_BYTES = _plain_bytes()
RDF_ID = np.frombuffer(b"rdf:ID", dtype=np.uint8)
RDF_ABOUT = np.frombuffer(b"rdf:about", dtype=np.uint8)
RDF_RESOURCE = np.frombuffer(b"rdf:resource", dtype=np.uint8)
RDF_DATATYPE = np.frombuffer(b"rdf:datatype", dtype=np.uint8)
XML_LANG = np.frombuffer(b"xml:lang", dtype=np.uint8)
COMMENT = np.frombuffer(b"<!--", dtype=np.uint8)
ENTITIES = (
    np.frombuffer(b"amp;", dtype=np.uint8),
    np.frombuffer(b"lt;", dtype=np.uint8),
    np.frombuffer(b"gt;", dtype=np.uint8),
    np.frombuffer(b"quot;", dtype=np.uint8),
    np.frombuffer(b"apos;", dtype=np.uint8),
)


@njit(cache=True, nogil=True)
def _starts_with(buffer: Bytes, at: int, word: Bytes) -> bool:
    for k in range(len(word)):  # noqa: SIM110  # the compiler knows no generators
        if buffer[at + k] != word[k]:
            return False
    return True


@njit(cache=True, nogil=True)
def _same(buffer: Bytes, first: int, second: int, length: int) -> bool:
    # Without an early exit the loop is vectorised.
    different = np.uint8(0)
    for k in range(length):
        different |= buffer[first + k] ^ buffer[second + k]
    return bool(different == 0)


@njit(cache=True, nogil=True)
def _is_character(buffer: Bytes, at: int) -> bool:
    """Whether `#65;` or `#x41;` stands at `at`, for a character that XML allows."""
    base = 10
    at += 1
    if buffer[at] == 120:
        base = 16
        at += 1
    value, digits = 0, 0
    while True:
        c = buffer[at] | 32 if base == 16 else buffer[at]
        if 48 <= c <= 57:
            value = value * base + (c - 48)
        elif base == 16 and 97 <= c <= 102:
            value = value * base + (c - 87)
        else:
            break
        digits += 1
        at += 1
        if digits > 7:
            return False
    if digits == 0 or buffer[at] != SEMICOLON:
        return False
    return (
        value in (9, 10, 13)
        or 32 <= value <= 0xD7FF
        or 0xE000 <= value <= 0xFFFD
        or 0x10000 <= value <= 0x10FFFF
    )


@njit(cache=True, nogil=True)
def _is_entity(buffer: Bytes, at: int) -> bool:
    """Whether a predefined entity or a character reference follows a `&`."""
    if buffer[at] == 35:
        return _is_character(buffer, at)
    return (
        _starts_with(buffer, at, ENTITIES[0])
        or _starts_with(buffer, at, ENTITIES[1])
        or _starts_with(buffer, at, ENTITIES[2])
        or _starts_with(buffer, at, ENTITIES[3])
        or _starts_with(buffer, at, ENTITIES[4])
    )


@njit(cache=True, nogil=True)
def _skip_space(buffer: Bytes, at: int) -> int:
    while buffer[at] == 10 or buffer[at] == 32 or buffer[at] == 9 or buffer[at] == 13:
        at += 1
    return at


@njit(cache=True, nogil=True)
def _skip_space_and_comments(buffer: Bytes, at: int) -> int:
    """Return the next other byte, or -1 at an unfinished or malformed comment."""
    at = _skip_space(buffer, at)
    while buffer[at] == LT and buffer[at + 1] == BANG:
        if not _starts_with(buffer, at, COMMENT):
            return -1
        at += 4
        while not (buffer[at] == DASH and buffer[at + 1] == DASH):
            if buffer[at] < 32 and not (buffer[at] == 10 or buffer[at] == 9 or buffer[at] == 13):
                return -1
            at += 1
        if buffer[at + 2] != GT:
            return -1
        at = _skip_space(buffer, at + 3)
    return at


@njit(cache=True, nogil=True)
def _name_end(buffer: Bytes, at: int) -> int:
    while NAME_BYTES[buffer[at]]:
        at += 1
    return at


@njit(cache=True, nogil=True)
def _is_name(buffer: Bytes, start: int, end: int) -> bool:
    """A prefix and a local name, or a local name, each starting with a letter or an underscore."""
    if end == start:
        return False
    colons = 0
    begins = True
    for k in range(start, end):
        c = buffer[k]
        if begins and (c == DASH or c == 46 or c == 58 or (48 <= c <= 57)):
            return False
        begins = c == 58
        colons += begins
    return colons <= 1 and not begins


@njit(cache=True, nogil=True)
def _attribute(buffer: Bytes, at: int) -> tuple[int, int, int, int]:
    """Read `name="value"` at `at`; return kind (-1: unusual), start and end of the value, and what follows."""
    end = _name_end(buffer, at)
    length = end - at
    kind = -1
    if length == 6 and _starts_with(buffer, at, RDF_ID):
        kind = ID
    elif length == 9 and _starts_with(buffer, at, RDF_ABOUT):
        kind = ABOUT
    elif length == 12 and _starts_with(buffer, at, RDF_RESOURCE):
        kind = RESOURCE
    elif (length == 12 and _starts_with(buffer, at, RDF_DATATYPE)) or (
        length == 8 and _starts_with(buffer, at, XML_LANG)
    ):
        kind = OTHER
    if kind == -1:
        return -1, 0, 0, at
    at = _skip_space(buffer, end)
    if buffer[at] != EQUALS:
        return -1, 0, 0, at
    at = _skip_space(buffer, at + 1)
    quote = buffer[at]
    if quote != 34 and quote != 39:
        return -1, 0, 0, at
    start = at + 1
    at = start
    while buffer[at] != quote:
        # A '&' in an identifier is left to the complete parser.
        if buffer[at] < 32 or buffer[at] == LT or buffer[at] == AMP:
            return -1, 0, 0, at
        at += 1
    return kind, start, at, at + 1


@njit(cache=True, nogil=True)
def _tag_rest(buffer: Bytes, at: int) -> tuple[int, int, int, bool, int]:
    """Read what follows a start tag's name.

    Returns kind of the identifying attribute (-1: unusual), start and end of its value, whether the tag closes
    itself, and what follows the tag.
    """
    kind, start, end = NONE, 0, 0
    others = 0
    while True:
        after = _skip_space(buffer, at)
        if buffer[after] == GT:
            return kind, start, end, False, after + 1
        if buffer[after] == SLASH:
            if buffer[after + 1] != GT:
                return -1, 0, 0, False, after
            return kind, start, end, True, after + 2
        if after == at:
            return -1, 0, 0, False, after
        found, value_start, value_end, at = _attribute(buffer, after)
        if found == OTHER:
            others += 1
        if found == -1 or others > 1 or (found != OTHER and kind != NONE):
            return -1, 0, 0, False, after
        if found != OTHER:
            kind, start, end = found, value_start, value_end


@njit(cache=True, nogil=True)
def _text(buffer: Bytes, at: int) -> tuple[int, int]:
    """Read text up to the next tag; return its kind (-1: unusual) and where the tag begins."""
    kind = TEXT
    while True:
        while PLAIN_BYTES[buffer[at]]:
            at += 1
        c = buffer[at]
        if c == LT:
            return kind, at
        if c == AMP and _is_entity(buffer, at + 1):
            kind = ESCAPED
        elif c != BRACKET or (buffer[at + 1] == BRACKET and buffer[at + 2] == GT):
            return -1, at
        at += 1


@njit(cache=True, nogil=True)
def _end_tag(buffer: Bytes, at: int, name: int, length: int) -> int:
    """Read `</name>` at `at`, where the name is the one at `name`; return what follows or -1."""
    if buffer[at] != LT or buffer[at + 1] != SLASH or not _same(buffer, at + 2, name, length):
        return -1
    at += 2 + length
    if buffer[at] == GT:
        return at + 1
    if NAME_BYTES[buffer[at]]:
        return -1
    at = _skip_space(buffer, at)
    return at + 1 if buffer[at] == GT else -1


@njit(cache=True, nogil=True)
def _is_named(buffer: Bytes, at: int, start: int, length: int) -> bool:
    """Whether the name at `at` is the one at `start`."""
    return not NAME_BYTES[buffer[at + length]] and _same(buffer, start, at, length)


@njit(cache=True, nogil=True)
def _name_number(buffer: Bytes, start: int, end: int, slots: Numbers, names: Numbers, count: int) -> int:
    """Find a name in the table, or put it there as number `count`; -1 when it is none or the table is full."""
    mixed = np.uint64(14695981039346656037)
    for k in range(start, end):
        mixed = (mixed ^ np.uint64(buffer[k])) * np.uint64(1099511628211)
    mask = len(slots) - 1
    slot = np.int64((mixed ^ (mixed >> np.uint64(29))) & np.uint64(mask))
    while True:
        known = slots[slot]
        if known < 0:
            if count >= names.shape[1] or end - start > MAX_NAME or not _is_name(buffer, start, end):
                return -1
            slots[slot] = count
            names[0, count] = start
            names[1, count] = end - start
            names[2, count] = -1
            return count
        if names[1, known] == end - start and _same(buffer, names[0, known], start, end - start):
            return int(known)
        slot = (slot + 1) & mask


@njit(cache=True, nogil=True)
def _name(buffer: Bytes, at: int, slots: Numbers, names: Numbers, count: int, before: int) -> tuple[int, int]:
    """Read a name; return its number (-1: see `_name_number`) and its end.

    Objects of a class repeat their properties in the same order: the name that followed the name before last time
    is tried first.
    """
    guess = names[2, before]
    if guess >= 0 and _is_named(buffer, at, names[0, guess], names[1, guess]):
        return int(guess), at + int(names[1, guess])
    end = _name_end(buffer, at)
    number = _name_number(buffer, at, end, slots, names, count)
    if number >= 0:
        names[2, before] = number
    return number, end


@njit(cache=True, nogil=True)
def scan(
    buffer: Bytes,
    at: int,
    root: int,
    root_length: int,
    seed: np.uint64,
    max_objects: int,
    slots: Numbers,
    names: Numbers,
    objects: Numbers,
    object_kinds: Kinds,
    object_ids: Fingerprints,
    properties: Numbers,
    property_kinds: Kinds,
    property_ids: Fingerprints,
) -> tuple[int, int, int, int, int]:
    """Scan one document from after the root's start tag.

    Args:
        buffer: The document, followed by `PADDING` zero bytes.
        at: Offset after the root's start tag.
        root: Offset of the root's name, `root_length` bytes.
        root_length: See root.
        seed: For fingerprints.
        max_objects: Objects allowed.
        slots: Empty (-1) hash table of names; its length is a power of two.
        names: Receives where each distinct name stands, its length and the name that followed it last, shape
            (3, max_names). Name 0 stands for what comes before the first.
        objects: Receives the name of each object, where it begins, and start and end of its identifier, shape
            (4, n).
        object_kinds: Receives ID, ABOUT or NONE.
        object_ids: Receives the fingerprint of its identifier.
        properties: Receives the object of each property, its name, and start and end of its value, shape (4, n).
        property_kinds: Receives TEXT, ESCAPED or RESOURCE.
        property_ids: Receives the fingerprint of what it refers to.

    Returns:
        Status, offset after the root's end tag (or where scanning stopped), and the numbers of names, objects
        and properties.
    """
    n_name, n_object, n_property = 1, 0, 0
    names[0, 0] = names[1, 0] = 0
    names[2, 0] = -1
    number = 0
    while True:
        tag = _skip_space_and_comments(buffer, at)
        if tag < 0 or buffer[tag] != LT:
            return UNUSUAL, at, n_name, n_object, n_property
        if buffer[tag + 1] == SLASH:
            at = _end_tag(buffer, tag, root, root_length)
            return (UNUSUAL if at < 0 else OK), at, n_name, n_object, n_property
        outer = tag + 1
        number, end = _name(buffer, outer, slots, names, n_name, number)
        if number < 0:
            status = TOO_MANY_NAMES if n_name >= names.shape[1] else UNUSUAL
            return status, tag, n_name, n_object, n_property
        n_name = max(n_name, number + 1)
        kind, start, stop, closed, at = _tag_rest(buffer, end)
        if kind < 0 or kind == RESOURCE:
            return UNUSUAL, tag, n_name, n_object, n_property
        if n_object >= max_objects:
            return TOO_MANY_OBJECTS, tag, n_name, n_object, n_property
        if n_object >= len(object_kinds):
            return FULL, tag, n_name, n_object, n_property
        objects[0, n_object] = number
        objects[1, n_object] = tag
        objects[2, n_object] = start
        objects[3, n_object] = stop
        object_kinds[n_object] = kind
        object_ids[n_object] = fingerprint(buffer, start, stop, seed)
        n_object += 1
        length = end - outer
        while not closed:
            tag = _skip_space_and_comments(buffer, at)
            if tag < 0 or buffer[tag] != LT:
                return UNUSUAL, at, n_name, n_object, n_property
            if buffer[tag + 1] == SLASH:
                at = _end_tag(buffer, tag, outer, length)
                if at < 0:
                    return UNUSUAL, tag, n_name, n_object, n_property
                break
            inner = tag + 1
            number, end = _name(buffer, inner, slots, names, n_name, number)
            if number < 0:
                status = TOO_MANY_NAMES if n_name >= names.shape[1] else UNUSUAL
                return status, tag, n_name, n_object, n_property
            n_name = max(n_name, number + 1)
            kind, start, stop, empty, at = _tag_rest(buffer, end)
            if kind != NONE and kind != RESOURCE:
                return UNUSUAL, tag, n_name, n_object, n_property
            if not empty:
                text_start = at
                text_kind, at = _text(buffer, at)
                if text_kind < 0:
                    return UNUSUAL, tag, n_name, n_object, n_property
                if kind == NONE:
                    kind, start, stop = text_kind, text_start, at
                elif _skip_space(buffer, text_start) != at:
                    return UNUSUAL, tag, n_name, n_object, n_property
                at = _end_tag(buffer, at, inner, end - inner)
                if at < 0:
                    return UNUSUAL, tag, n_name, n_object, n_property
            elif kind == NONE:
                kind, start, stop = TEXT, end, end
            if n_property >= len(property_kinds):
                return FULL, tag, n_name, n_object, n_property
            properties[0, n_property] = n_object - 1
            properties[1, n_property] = number
            properties[2, n_property] = start
            properties[3, n_property] = stop
            property_kinds[n_property] = kind
            if kind == RESOURCE:
                property_ids[n_property] = fingerprint(buffer, start, stop, seed)
            n_property += 1


@njit(cache=True, nogil=True)
def only_space_left(buffer: Bytes, at: int, stop: int) -> bool:
    """Whether nothing but white space and comments lies between `at` and `stop`."""
    return bool(_skip_space_and_comments(buffer, at) == stop)
