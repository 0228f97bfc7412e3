"""Path, query and header parameters: read, converted and checked, all faults at once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from jsonschema_rs import Draft4Validator

from gridjobs_api.faults import compiled, faults_of
from gridjobs_api.problems import Fault, faulty

INTEGER = re.compile(r"-?\d{1,18}\Z")
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?\Z")
BOOLEANS = {"true": True, "false": False}
MAX_QUERY_FIELDS = 100


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of one operation."""

    name: str
    place: str  # path, query or header
    argument: str  # what the handler calls it
    required: bool
    kind: str  # the JSON type
    item_kind: str  # of an array's items
    default: Any
    validator: Draft4Validator

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> "Parameter":
        """Compile a parameter object of the OpenAPI description."""
        schema = spec["schema"]
        return cls(
            name=spec["name"].lower() if spec["in"] == "header" else spec["name"],
            place=spec["in"],
            argument=re.sub(r"\W", "_", spec["name"]).lower(),
            required=spec.get("required", False),
            kind=schema.get("type", "string"),
            item_kind=schema.get("items", {}).get("type", "string"),
            default=schema.get("default"),
            validator=compiled(schema),
        )

    def faults(self, value: Any) -> list[Fault]:
        """Return what is wrong with a converted value."""
        if self.validator.is_valid(value):
            return []
        return faults_of(self.validator, value, f"{self.place}/{self.name}")


class Parameters:
    """The parameters of one operation."""

    def __init__(self, specs: Sequence[Mapping[str, Any]], *, strict: bool) -> None:
        """Compile parameter objects; `strict` refuses query parameters that are not among them."""
        self.all = [Parameter.of(spec) for spec in specs]
        self.strict = strict
        self.query_names = {p.name for p in self.all if p.place == "query"}

    def read(
        self, path: Mapping[str, str], query_string: bytes, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        """Return the handler's arguments; absent ones without a default are left out.

        Raises:
            RequestProblem: `invalid_parameters`, with every fault.
        """
        query, faults = self._query(query_string)
        arguments: dict[str, Any] = {}
        for parameter in self.all:
            given = _given(parameter, path, query, headers)
            if given:
                value = _converted(parameter, given)
                faults += parameter.faults(value)
                arguments[parameter.argument] = value
            elif parameter.required:
                faults.append(Fault(f"{parameter.place}/{parameter.name}", "missing", "is required"))
            elif parameter.default is not None:
                arguments[parameter.argument] = parameter.default
        if faults:
            raise faulty("invalid_parameters", faults)
        return arguments

    def _query(self, raw: bytes) -> tuple[dict[str, list[str]], list[Fault]]:
        fields: dict[str, list[str]] = {}
        if not raw:
            return fields, []
        try:
            pairs = parse_qsl(
                raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS
            )
        except ValueError:
            return fields, [
                Fault("query", "wrong_format", "must be percent-encoded UTF-8, 100 fields at most")
            ]
        for name, value in pairs:
            fields.setdefault(name, []).append(value)
        unknown = fields.keys() - self.query_names if self.strict else ()
        detail = "is not a parameter of this operation"
        return fields, [Fault(f"query/{name}", "unknown_parameter", detail) for name in sorted(unknown)]


def _given(
    parameter: Parameter,
    path: Mapping[str, str],
    query: Mapping[str, list[str]],
    headers: Mapping[str, str],
) -> list[str]:
    if parameter.place == "query":
        return query.get(parameter.name, [])
    value = (path if parameter.place == "path" else headers).get(parameter.name)
    return [] if value is None else [value]


def _converted(parameter: Parameter, given: list[str]) -> Any:
    """Convert to the JSON type; what cannot be converted stays a string, which the schema then refuses."""
    if parameter.kind == "array":
        return [_scalar(parameter.item_kind, text) for text in given]
    return _scalar(parameter.kind, given[0]) if len(given) == 1 else given


def _scalar(kind: str, text: str) -> Any:
    match kind:
        case "integer":
            return int(text) if INTEGER.match(text) else text
        case "number":
            return float(text) if NUMBER.match(text) else text
        case "boolean":
            return BOOLEANS.get(text, text)
        case _:
            return text
