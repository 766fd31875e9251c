"""What becomes of a value of PostgreSQL in JSON. Values come from the server as text.

| codec | text of the server | JSON |
|---|---|---|
| `text` | anything | the same text |
| `trimmed` | `ALFKI  ` | the text without the blanks that `character(n)` is filled with |
| `boolean` | `t` | `true` |
| `number` | `12.50` | `12.5`; `NaN` and infinities stay texts |
| `timestamp` | `2024-01-31 18:00:00` | `2024-01-31T18:00:00` |
| `timestamptz` | `2024-01-31 18:00:00+00` | `2024-01-31T18:00:00Z` |
| `bytes` | `\\x6869` | `aGk=`, in base64 |
| `json` | JSON | the same |
| `Array` | `{1,2}` | `[1, 2]` |
| `Record` | `(Main St,5)` | `{"street": "Main St", "number": 5}` |
| `RangeOf` | `[1,10)` | `{"lower": 1, "upper": 10, "bounds": "[)"}` |
| `Multirange` | `{[1,3),[5,8)}` | a list of ranges |
"""

import base64
import json
import math
from dataclasses import dataclass
from typing import Any, Callable, Literal, Mapping, Optional, Union

Plain = Literal["text", "trimmed", "boolean", "number", "timestamp", "timestamptz", "bytes", "json"]


@dataclass(frozen=True)
class Array:
    """Arrays, of any dimensions."""

    of: "Codec"
    delimiter: str = ","


@dataclass(frozen=True)
class Record:
    """Composites: the fields in their order."""

    fields: Mapping[str, "Codec"]


@dataclass(frozen=True)
class RangeOf:
    """Ranges. No bound: None. Of an empty one both are, and `bounds` says so."""

    of: "Codec"


@dataclass(frozen=True)
class Multirange:
    """Lists of ranges."""

    of: "Codec"


Codec = Union[Plain, Array, Record, RangeOf, Multirange]

Decode = Callable[[Optional[str]], Any]

# How deep arrays, records and ranges may lie within each other.
_DEPTH_MAX = 64


def decode(codec: Codec, text: Optional[str]) -> Any:
    """Makes JSON of a value as the server writes it.

    Raises ValueError when the text is not of the codec, as after a change of the column's type.
    """
    return None if text is None else _decode_text(codec, text, 0)


def _decode_text(codec: Codec, text: str, depth: int) -> Any:
    if depth > _DEPTH_MAX:
        raise ValueError("a value lies deeper than 64 levels")

    def within(inner: Codec) -> Decode:
        return lambda part: None if part is None else _decode_text(inner, part, depth + 1)

    match codec:
        case Array():
            return _decode_array(text, codec.delimiter, within(codec.of))
        case Record():
            parts = _read_parts(text)
            if len(parts) != len(codec.fields):
                raise ValueError("a record has other fields")
            named = zip(codec.fields.items(), parts)
            return {name: within(inner)(part) for (name, inner), part in named}
        case RangeOf():
            return _decode_range(text, within(codec.of))
        case Multirange():
            return [_decode_range(one, within(codec.of)) for one in _ranges_of(text)]
        case _:
            return _decode_plain(codec, text)


def _decode_plain(codec: Plain, text: str) -> Any:
    match codec:
        case "text":
            return text
        case "trimmed":
            return text.rstrip(" ")
        case "boolean":
            return text == "t"
        case "number":
            return _number(text)
        case "timestamp":
            return text.replace(" ", "T", 1)
        case "timestamptz":
            local, zone, era = text.replace(" ", "T", 1).partition("+00")
            return f"{local}Z{era}" if zone and era in ("", " BC") else local + zone + era
        case "bytes":
            return base64.b64encode(bytes.fromhex(text[2:])).decode()
        case "json":
            return json.loads(text)


def _number(text: str) -> Union[int, float, str]:
    """JSON has no infinity, and none that is no number."""
    try:
        number = int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _decode_array(text: str, delimiter: str, decode_part: Decode) -> list[Any]:
    """Arrays have dimensions, and may say where they begin: `[0:1]={a,b}`."""
    at = text.find("=") + 1 if text.startswith("[") else 0

    def read_array(depth: int) -> list[Any]:
        nonlocal at
        if depth > _DEPTH_MAX or text[at : at + 1] != "{":
            raise ValueError("a value is no array")
        at += 1
        elements: list[Any] = []
        while text[at : at + 1] != "}":
            if at >= len(text):
                raise ValueError("an array has no end")
            if text[at] == "{":
                elements.append(read_array(depth + 1))
            else:
                elements.append(decode_part(read_element()))
            if text[at : at + 1] == delimiter:
                at += 1
        at += 1
        return elements

    def read_element() -> Optional[str]:
        nonlocal at
        value, is_quoted, at = _read_part(text, at, delimiter + "}")
        return None if not is_quoted and value.upper() == "NULL" else value

    return read_array(0)


def _read_parts(text: str) -> list[Optional[str]]:
    """The parts of a record; what is absent is None, while `""` is an empty text."""
    if not text.startswith("(") or not text.endswith(")"):
        raise ValueError("no record")
    parts: list[Optional[str]] = []
    at = 1
    while at < len(text):
        value, is_quoted, end = _read_part(text, at, ",)")
        parts.append(None if value == "" and not is_quoted else value)
        at = end + 1
    return parts


def _decode_range(text: str, decode_part: Decode) -> dict[str, Any]:
    if text == "empty":
        return {"lower": None, "upper": None, "bounds": "empty"}
    parts = [*_read_parts(f"({text[1:-1]})"), None, None]
    lower, upper = decode_part(parts[0]), decode_part(parts[1])
    return {"lower": lower, "upper": upper, "bounds": text[:1] + text[-1:]}


def _ranges_of(text: str) -> list[str]:
    """The ranges of a multirange, each as text."""
    ranges = []
    at = 1
    while at < len(text) - 1:
        _, _, comma = _read_part(text, at + 1, ",")
        _, _, end = _read_part(text, comma + 1, ")]")
        ranges.append(text[at : end + 1])
        at = end + 2
    return ranges


def _read_part(text: str, start: int, ends: str) -> tuple[str, bool, int]:
    """Reads up to one of the characters in `ends`; quotes and backslashes take the meaning of a
    character. Returns the part, whether it was quoted, and where it ends."""
    value: list[str] = []
    is_quoted = is_open = False
    at = start
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
            value.append(text[at : at + 1])
        elif character == '"' and is_open and text[at + 1 : at + 2] == '"':
            at += 1
            value.append('"')
        elif character == '"':
            is_open = not is_open
            is_quoted = True
        elif not is_open and character in ends:
            break
        else:
            value.append(character)
        at += 1
    return "".join(value), is_quoted, at
