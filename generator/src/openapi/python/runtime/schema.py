"""JSON Schemas, and the definitions that they refer to."""

from typing import Any, Mapping, Sequence

JsonSchema = Mapping[str, Any]

_PREFIX = "#/$defs/"


def with_definitions(
    schema: JsonSchema, definitions: Mapping[str, JsonSchema], open: Sequence[str] = ()
) -> JsonSchema:
    """A schema together with the definitions that it refers to. Those that `open` names allow any
    value: with them the schema would be larger than Weir takes."""
    held: dict[str, Any] = {}
    pending: list[Any] = [schema]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        if not isinstance(value, dict):
            continue
        pending += value.values()
        ref = value.get("$ref")
        if isinstance(ref, str) and ref.startswith(_PREFIX):
            name = ref.removeprefix(_PREFIX)
            if name not in held:
                held[name] = {} if name in open else definitions.get(name, {})
                pending.append(held[name])
    return {**schema, "$defs": {name: held[name] for name in sorted(held)}} if held else schema
