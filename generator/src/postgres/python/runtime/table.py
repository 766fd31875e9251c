"""Tables and views, and how they are offered."""

from dataclasses import dataclass, field
from typing import Any, Literal, Mapping, Optional, Sequence

from .codec import Codec

Sensitivity = Literal["public", "internal", "confidential", "restricted"]


@dataclass(frozen=True)
class Column:
    """A column of a table or view."""

    sql: str
    """Its type as SQL writes it, such as `integer`; values that are looked for are cast to it."""
    codec: Codec
    """What becomes of its values in JSON."""


@dataclass(frozen=True)
class Link:
    """A foreign key whose target is offered too: the target's ref can be made from a row."""

    type: str
    """The context type that the row refers to."""
    columns: Sequence[str]
    """The columns that hold the target's key, in the order of that key."""


@dataclass(frozen=True)
class Table:
    """A table or view, and how it is offered as a context type."""

    type: str
    """The context type."""
    version: str
    """The version of the context type, semver: raise it when the schema changes."""
    schema: str
    """The schema of the database that the table lies in."""
    name: str
    """The name of the table or view."""
    columns: Mapping[str, Column]
    """The columns that are read, in their order."""
    key: Sequence[str]
    """The columns that make the key."""
    json_schema: Mapping[str, Any]
    """The JSON Schema of its values."""
    title: str = ""
    """What people call it."""
    title_column: Optional[str] = None
    """The column by which people know a row. None: words are looked for in the key."""
    links: Mapping[str, Link] = field(default_factory=dict)
    """Foreign keys, by the name of the member of `links_member` that holds their ref."""
    links_member: str = "refs"
    """The member of a value that holds its refs."""
    filters: Sequence[str] = ()
    """Columns by whose value rows can be listed, as `customer_id=5`."""
    sensitivity: Sensitivity = "internal"
    """How sensitive rows are."""
    ttl: float = 5.0
    """How long a row is held to stay true, in seconds."""

    def column(self, name: str) -> Column:
        """A column.

        Raises TypeError when the table is described without it.
        """
        column = self.columns.get(name)
        if column is None:
            raise TypeError(f'{self.type} has no column "{name}" among its columns')
        return column
