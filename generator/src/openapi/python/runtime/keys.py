"""Keys of context types, and the values of path parameters that they stand for."""

import re
from typing import Optional, Sequence
from urllib.parse import quote, unquote

_BROKEN = re.compile("%(?![0-9A-Fa-f]{2})")


def key_of(values: Sequence[str]) -> str:
    """The key that stands for the values of path parameters: of one the value itself, of several
    their values, percent-encoded, with slashes between them."""
    return values[0] if len(values) == 1 else "/".join(map(encode_part, values))


def parts_of(key: str, count: int) -> Optional[list[str]]:
    """The values that a key stands for; None when it has not as many parts."""
    if count == 1:
        return [key]
    parts = key.split("/")
    if len(parts) != count or any(_BROKEN.search(part) for part in parts):
        return None
    try:
        return [unquote(part, errors="strict") for part in parts]
    except UnicodeDecodeError:
        return None


def encode(text: str) -> str:
    """Percent-encodes whatever is not plain in a part of a URL."""
    return quote(text, safe="!*'()")


def encode_part(text: str) -> str:
    """A part of a key. One of dots alone would be taken for a way up."""
    return encode(text) if text.strip(".") else text.replace(".", "%2E")
