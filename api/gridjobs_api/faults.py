"""JSON schema validation at Rust speed, with every fault as data and without a word of the input."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from jsonschema_rs import Draft4Validator, ValidationError

from gridjobs_api.problems import MAX_FAULTS, Fault

CODES = {
    "required": "missing",
    "additionalProperties": "unknown_property",
    "type": "wrong_type",
    "enum": "not_allowed",
    "minimum": "out_of_range",
    "maximum": "out_of_range",
    "exclusiveMinimum": "out_of_range",
    "exclusiveMaximum": "out_of_range",
    "multipleOf": "out_of_range",
    "minLength": "wrong_length",
    "maxLength": "wrong_length",
    "minItems": "wrong_length",
    "maxItems": "wrong_length",
    "minProperties": "wrong_length",
    "maxProperties": "wrong_length",
    "uniqueItems": "not_unique",
    "format": "wrong_format",
    "pattern": "wrong_format",
}

DETAILS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "minProperties": "must have at least {} properties",
    "maxProperties": "must have at most {} properties",
    "format": "must be a {}",
    "pattern": "must match {}",
}


def compiled(schema: dict[str, Any]) -> Draft4Validator:
    """Compile an OpenAPI 3.0 schema (its dialect is JSON Schema draft 4), formats included."""
    return Draft4Validator(schema, validate_formats=True)


def faults_of(validator: Draft4Validator, instance: Any, prefix: str = "") -> list[Fault]:
    """Return every fault of an instance (at most `MAX_FAULTS`), with pointers below `prefix`."""
    found = (fault for error in validator.iter_errors(instance) for fault in _translated(error, prefix))
    return list(islice(found, MAX_FAULTS))


def pointer(path: Sequence[str | int]) -> str:
    """Write a path as JSON Pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _translated(error: ValidationError, prefix: str) -> Iterator[Fault]:
    keyword = error.kind.name
    code = CODES.get(keyword, "invalid")
    here = prefix + pointer(error.instance_path)
    value = error.kind.value
    match keyword:
        case "required":
            yield Fault(here + pointer([value]), code, "is required")
        case "additionalProperties":
            for name in value:
                yield Fault(here + pointer([name]), code, "is not a property that is known here")
        case "type":
            yield Fault(here, code, f"must be of type {' or '.join(value)}")
        case "enum":
            yield Fault(here, code, f"must be one of {', '.join(map(str, value))}")
        case "uniqueItems":
            yield Fault(here, code, "must not have the same item twice")
        case _:
            yield Fault(here, code, DETAILS.get(keyword, "does not fit the schema").format(value))
