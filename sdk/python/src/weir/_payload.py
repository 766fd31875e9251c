"""Values and the bytes that stand for them."""

import dataclasses
import json
from typing import Any

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"
BYTES_TYPE = "application/octet-stream"
TOOL_RESULT_TYPE = "application/vnd.weir.tool-result+json"
PROMPT_TYPE = "application/vnd.weir.prompt+json"


def encode_json(value: object) -> bytes:
    """A value as JSON. Raises TypeError or ValueError when it has none."""
    text = json.dumps(
        value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain
    )
    return text.encode()


def encode_payload(value: object) -> bytes:
    """Bytes as they are, a text in UTF-8, anything else as JSON."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    return value.encode() if isinstance(value, str) else encode_json(value)


def default_type(value: object) -> str:
    """The media type of a value whose author names none."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return BYTES_TYPE
    return TEXT_TYPE if isinstance(value, str) else JSON_TYPE


def read_payload(content_type: str, payload: bytes) -> Any:
    """Parsed when it is JSON, a str when it is text, else the bytes themselves.

    Raises ValueError when the bytes are not what the type says.
    """
    media_type = (content_type or JSON_TYPE).partition(";")[0].strip().lower()
    if media_type == JSON_TYPE or media_type.endswith("+json"):
        try:
            return json.loads(payload.decode())
        except RecursionError as error:
            raise ValueError("the value is nested too deeply") from error
    return payload.decode(errors="replace") if media_type.startswith("text/") else payload


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"a value of type {type(value).__name__} has no JSON")
