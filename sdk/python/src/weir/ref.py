"""What a consumer asks for."""

import re
from dataclasses import dataclass
from typing import Union

_TYPE_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ref:
    """The type and key of an item, and which versions and providers will do."""

    type: str
    """The name of a context type, such as `DocChunk`."""
    key: str
    """The key of the item within its type; 1 to 1024 bytes of UTF-8."""
    version_range: str = ""
    """The acceptable versions of the type, a semver range. Empty: the consumer's pin, else any."""
    provider: str = ""
    """The name of the provider to ask. Empty: the router chooses."""

    @staticmethod
    def parse(text: str) -> "Ref":
        """Reads a ref written as `TYPE/KEY` or `TYPE@RANGE/KEY`.

        The key is everything after the first slash, further slashes included.

        Raises ValueError when the text is no ref; it says what is wrong and how to mend it.
        """
        head, slash, key = text.partition("/")
        if not slash:
            raise _fault(text, "has no key: write TYPE/KEY, such as DocChunk/README.md")
        type_name, at, version_range = head.partition("@")
        if not _TYPE_NAME.fullmatch(type_name):
            raise _fault(
                text,
                f'has no valid type: "{type_name}" must be A-Z, a-z, 0-9 after a capital',
            )
        if not key:
            raise _fault(text, "has an empty key: write what follows the slash")
        if at and not version_range.strip():
            raise _fault(text, 'has an empty version range: drop the "@"')
        return Ref(type_name, key, version_range.strip())

    def __str__(self) -> str:
        """The ref as `parse` reads it. The provider has no place in it and is left out."""
        version = f"@{self.version_range}" if self.version_range else ""
        return f"{self.type}{version}/{self.key}"


RefInput = Union[str, Ref]
"""A ref as text, such as `DocChunk@^1/README.md`, or in full."""


def to_ref(given: RefInput) -> Ref:
    """A ref in full from either form. Raises ValueError when a text is no ref."""
    return Ref.parse(given) if isinstance(given, str) else given


def _fault(text: str, fault: str) -> ValueError:
    return ValueError(f'the ref "{text}" {fault}')
