"""Statements of a table. Values are always parameters, by the names of psycopg."""

import re
from typing import Sequence

from .codec import Codec
from .table import Table


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever it holds; a percent sign would be taken for a parameter."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def from_text(table: Table) -> str:
    """The table itself, under the name `t`."""
    return f"{quoted(table.schema)}.{quoted(table.name)} as t"


def of_table(name: str) -> str:
    """A column of the table `t`."""
    return f"t.{quoted(name)}"


def sql_type(table: Table, name: str) -> str:
    """The type of a column as a statement has it."""
    return table.column(name).sql.replace("%", "%%")


def param_of(codec: Codec, text: str) -> str:
    """A text as a statement takes it for a column: as the server itself would write it."""
    return text.replace("T", " ", 1) if codec in ("timestamp", "timestamptz") else text


def array_param(texts: Sequence[str]) -> str:
    """Texts as an array, which the server casts to an array of any type."""
    escaped = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in escaped) + "}"


ROW_MAX_BYTES = 8 * 1024 * 1024
"""A row whose columns take more where they are stored is not read."""

# Types whose values are small, whatever they are.
_NARROW = {"bigint", "date", "inet", "interval", "time without time zone", "uuid"}


def fetch_sql(table: Table) -> str:
    """The rows of some keys; `p0`, `p1` … are lists of the texts of each column of the key. Before
    the columns stand the place of the key, and whether the row is small enough to be read."""
    wide = {name for name in table.columns if _is_wide(table, name)}
    columns = [
        f"case when s.fits then {of_table(name)} end" if name in wide else of_table(name)
        for name in table.columns
    ]
    sizes = [
        f"coalesce(pg_catalog.pg_column_size({of_table(name)}), 0)"
        for name in table.columns
        if name in wide
    ]
    # Without the offset the sum would be made again for each column.
    total = " + ".join(["0::pg_catalog.int8", *sizes])
    lists = [
        f"pg_catalog.unnest(%(p{at})s::{sql_type(table, name)}[])"
        for at, name in enumerate(table.key)
    ]
    names = [f"p{at}" for at in range(len(table.key))]
    same = [f"{of_table(name)} = k.p{at}" for at, name in enumerate(table.key)]
    return "\n".join(
        [
            f"select {', '.join(['k.n', 's.fits', *columns])}",
            f"from rows from ({', '.join(lists)}) with ordinality as k({', '.join([*names, 'n'])})",
            f"join {from_text(table)} on {' and '.join(same)}",
            f"cross join lateral (select {total} <= {ROW_MAX_BYTES} as fits offset 0) as s",
        ]
    )


def _is_wide(table: Table, name: str) -> bool:
    """Whether a value can be large. Parts of a key cannot, or they would be none."""
    column = table.column(name)
    is_narrow = column.codec in ("boolean", "number", "timestamp", "timestamptz")
    return not is_narrow and column.sql not in _NARROW and name not in table.key


def cast_sql(table: Table) -> str:
    """Whether texts can be cast to the types of the key: fails when one cannot."""
    casts = [f"%(p{at})s::{sql_type(table, name)}" for at, name in enumerate(table.key)]
    return f"select {', '.join(casts)}"


class Params:
    """Parameters as they are added to a statement."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def add(self, value: object) -> str:
        """Adds one, and gives its place, such as `%(v3)s`."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f"%({name})s"


def literal_pattern(text: str) -> str:
    """A text as a pattern of `like` that stands for itself."""
    return re.sub(r"[\\%_]", r"\\\g<0>", text)
