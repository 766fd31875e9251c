"""Keys of rows: the values of their columns, joined by "/"."""

import re
import unicodedata
from typing import Literal, Optional, Sequence
from urllib.parse import quote, unquote

from .codec import Codec

# The greatest length of a key, in bytes of UTF-8.
_KEY_MAX_BYTES = 1024

# Turn text around, so that a key would look like another.
_BIDI_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

# What begins or ends a key and cannot be seen, as JavaScript's `\s` has it.
_BLANKS = " \t\n\v\f\r\xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)

_BROKEN = re.compile("%(?![0-9A-Fa-f]{2})")


def format_key(parts: Sequence[str]) -> Optional[str]:
    """A key as callers write it: its parts, joined by "/". Within a part "%", "/" and what keys may
    not hold stand percent-encoded. None: the parts are too long for a key."""
    key = "/".join(map(_encode_part, parts))
    return key if key and len(key.encode()) <= _KEY_MAX_BYTES else None


def parse_key(key: str, columns: int) -> Optional[list[str]]:
    """The parts of a key of so many columns; None when the text is no such key."""
    decoded = [_decode_part(part) for part in key.split("/")]
    parts = [part for part in decoded if part is not None]
    is_whole = len(decoded) == columns and len(parts) == columns
    return parts if is_whole and format_key(parts) == key else None


def parse_prefix(prefix: str) -> Optional[list[str]]:
    """The parts of the beginning of a key; None when no key begins so. Of a last part that ends
    within a character what is before it."""
    *encoded, last = prefix.split("/")
    last = re.sub("%[0-9A-F]?$", "", last)
    while _decode_part(last) is None and re.search("%[0-9A-F]{2}$", last):
        last = last[:-3]
    parts = [_decode_part(part) for part in [*encoded, last]]
    whole = [part for part in parts if part is not None]
    return whole if len(whole) == len(parts) else None


def key_text(codec: Codec, text: str) -> str:
    """The text of a value as it stands in a key."""
    match codec:
        case "boolean":
            return "true" if text == "t" else "false"
        case "trimmed":
            return text.rstrip(" ")
        case "timestamp":
            return text.replace(" ", "T", 1)
        case "timestamptz":
            whole = text.replace(" ", "T", 1)
            return whole.removesuffix("+00") + "Z" if whole.endswith("+00") else whole
        case _:
            return text


_INTEGER = re.compile("0|-?[1-9][0-9]{0,18}")
_UUID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DECIMAL = re.compile(r"-?[0-9]{1,1000}(?:\.[0-9]{1,1000})?")
_BOUNDS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}


def judge(sql: str, text: str) -> Literal["value", "none", "unknown"]:
    """Whether a text is surely a value of a type, surely none, or only the database can tell. As
    only the text that the database itself writes is a key, what is written otherwise is none."""
    bound = _BOUNDS.get(sql)
    if bound is not None:
        is_value = bool(_INTEGER.fullmatch(text)) and -bound <= int(text) < bound
        return "value" if is_value else "none"
    if sql == "uuid":
        return "value" if _UUID.fullmatch(text) else "none"
    if sql == "boolean":
        return "value" if text in ("true", "false") else "none"
    if sql == "numeric":
        return "value" if _DECIMAL.fullmatch(text) else "unknown"
    return "value" if sql in ("text", "character varying", "bpchar") else "unknown"


def _encode_part(part: str) -> str:
    last = len(part) - 1
    plain = "".join(
        quote(character, safe="") if _is_unsafe(character, at in (0, last)) else character
        for at, character in enumerate(part)
    )
    # Keys are in Unicode form NFC: what is not would become another key.
    if not unicodedata.is_normalized("NFC", plain):
        plain = quote(part, safe="!*'()")
    return "%2E%2E" if plain == ".." else plain


def _is_unsafe(character: str, is_outer: bool) -> bool:
    """Whether it would be taken for something else, or is what keys may not hold."""
    if character in "%/" or character in _BIDI_CONTROLS:
        return True
    category = unicodedata.category(character)
    return category in ("Cc", "Zl", "Zp") or (is_outer and character in _BLANKS)


def _decode_part(text: str) -> Optional[str]:
    if _BROKEN.search(text):
        return None
    try:
        part = unquote(text, errors="strict")
    except UnicodeDecodeError:
        return None
    return None if "\0" in part else part
