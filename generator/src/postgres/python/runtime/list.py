"""Lists of keys: in the order of the key, or of how well the titles match the words."""

import base64
import json
from dataclasses import dataclass
from typing import Optional, Sequence
from urllib.parse import unquote

from weir.provider import ListEntry, ListPage, ListQuery, ProviderError, StatusCode

from .database import Database
from .failures import DataFailure
from .key import format_key, judge, key_text, parse_prefix
from .sql import Params, from_text, literal_pattern, of_table, param_of, sql_type
from .table import Table

# Words of a query beyond so many say nothing more.
_WORDS_MAX = 16
_TITLE_MAX_CHARS = 200

# How well a title matches the words, by its rank: the whole, its beginning, or somewhere.
_SCORES = (1.0, 0.8, 0.5)


@dataclass(frozen=True)
class _Place:
    """Where a page ended: the rank and the parts of the key of its last row."""

    rank: int
    parts: Sequence[str]


@dataclass(frozen=True)
class _Words:
    """A word such as `customer_id=5` wants a value, of a column that may be asked for so."""

    plain: Sequence[str]
    filters: Sequence[tuple[str, str]]


class _NoRow(Exception):
    """No row can be what is asked for."""


async def list_rows(database: Database, table: Table, query: ListQuery) -> ListPage:
    """Lists the keys of a table.

    Raises ProviderError when the database does not give them, or the page token is of another list.
    """
    place = _read_token(table, query.page_token) if query.page_token else None
    params = Params()
    try:
        sql = _statement(table, query, place, params)
        rows = await database.read(sql, params.values, query.caller)
    except _NoRow:
        return ListPage([])
    except DataFailure as error:
        # What cannot be cast to the type of its column is the value of no row. Besides the size of
        # the page there may be values to look for.
        if len(params.values) > 1:
            return ListPage([])
        raise ProviderError(StatusCode.INTERNAL, "the database could not be read") from error
    page = rows[: query.page_size]
    made = (_entry(table, row, query.text != "") for row in page)
    entries = [each for each in made if each and each.key.startswith(query.key_prefix)]
    token = _write_token(table, page[-1]) if len(rows) > query.page_size else ""
    return ListPage(entries, token)


def _statement(table: Table, query: ListQuery, place: Optional[_Place], params: Params) -> str:
    """The columns of the rows are: the rank, the title, and those of the key."""
    words = _read_words(table, query.text)
    title = _title_sql(table)
    keys = [of_table(name) for name in table.key]
    conditions = [f"{key} is not null" for key in keys]
    conditions += _prefix_sql(table, query.key_prefix, params)
    conditions += [_filter_sql(table, name, value, params) for name, value in words.filters]
    rank = _rank_sql(title, words.plain, params)
    for word in words.plain:
        conditions.append(f"{title} ilike {params.add(f'%{literal_pattern(word)}%')}")
    if place is not None:
        conditions.append(_after_sql(table, rank, place, params))
    order = keys if rank == "0" else ["1", *keys]
    return "\n".join(
        [
            f"select {', '.join([rank, f'pg_catalog.left({title}, {_TITLE_MAX_CHARS})', *keys])}",
            f"from {from_text(table)}",
            f"where {' and '.join(conditions)}",
            f"order by {', '.join(order)}",
            f"limit {params.add(str(query.page_size + 1))}::pg_catalog.int4",
        ]
    )


def _title_sql(table: Table) -> str:
    """What people know a row by; its key when there is nothing else."""
    if table.title_column is not None:
        return f"{of_table(table.title_column)}::pg_catalog.text"
    texts = ", ".join(f"{of_table(name)}::pg_catalog.text" for name in table.key)
    return f"pg_catalog.concat_ws('/', {texts})"


def _rank_sql(title: str, words: Sequence[str], params: Params) -> str:
    if not words:
        return "0"
    phrase = literal_pattern(" ".join(words))
    whole, beginning = params.add(phrase), params.add(f"{phrase}%")
    return (
        f"case when {title} ilike {whole} then 0 when {title} ilike {beginning} then 1 else 2 end"
    )


def _after_sql(table: Table, rank: str, place: _Place, params: Params) -> str:
    """Goes on behind a row by its values, so that a page costs the same wherever it lies."""
    keys = ", ".join(of_table(name) for name in table.key)
    values = ", ".join(
        f"{params.add(param_of(table.column(name).codec, part))}::{sql_type(table, name)}"
        for name, part in zip(table.key, place.parts)
    )
    behind = f"({keys}) > ({values})"
    if rank == "0":
        return behind
    at = f"{params.add(str(place.rank))}::pg_catalog.int4"
    return f"({rank} > {at} or ({rank} = {at} and {behind}))"


def _prefix_sql(table: Table, prefix: str, params: Params) -> list[str]:
    """Raises _NoRow when no key begins so."""
    parts = parse_prefix(prefix)
    if parts is None or len(parts) > len(table.key):
        raise _NoRow
    *whole, last = parts
    conditions = [_filter_sql(table, name, part, params) for name, part in zip(table.key, whole)]
    if last:
        name = table.key[len(whole)]
        text = param_of(table.column(name).codec, last)
        text = text.removesuffix("Z") + "+00" if text.endswith("Z") else text
        pattern = params.add(f"{literal_pattern(text)}%")
        conditions.append(f"{of_table(name)}::pg_catalog.text like {pattern}")
    return conditions


def _filter_sql(table: Table, name: str, value: str, params: Params) -> str:
    """Raises _NoRow when no row has the value."""
    column = table.column(name)
    if judge(column.sql, value) == "none":
        raise _NoRow
    value = params.add(param_of(column.codec, value))
    return f"{of_table(name)} = {value}::{sql_type(table, name)}"


def _read_words(table: Table, text: str) -> _Words:
    plain: list[str] = []
    filters: list[tuple[str, str]] = []
    for word in text.replace("\0", "").split()[:_WORDS_MAX]:
        name, sign, value = word.partition("=")
        column = _decoded(name)
        if name and sign and column in table.filters:
            filters.append((column, _decoded(value)))
        else:
            plain.append(word)
    return _Words(plain, filters)


def _decoded(text: str) -> str:
    """Blanks in names and values stand percent-encoded."""
    try:
        return unquote(text, errors="strict").replace("\0", "")
    except UnicodeDecodeError:
        return text


def _entry(table: Table, row: Sequence[Optional[str]], is_ranked: bool) -> Optional[ListEntry]:
    key = format_key(_parts(table, row))
    if key is None:
        return None
    rank, title = int(row[0] or 0), row[1] or ""
    return ListEntry(
        key,
        title=title if table.title_column is not None else "",
        score=_SCORES[rank] if is_ranked else 0,
    )


def _parts(table: Table, row: Sequence[Optional[str]]) -> list[str]:
    return [
        key_text(table.column(name).codec, text or "") for name, text in zip(table.key, row[2:])
    ]


def _write_token(table: Table, row: Sequence[Optional[str]]) -> str:
    held = json.dumps([int(row[0] or 0), *_parts(table, row)])
    return base64.urlsafe_b64encode(held.encode()).decode()


def _read_token(table: Table, token: str) -> _Place:
    try:
        rank, *parts = json.loads(base64.urlsafe_b64decode(token))
        is_whole = isinstance(rank, int) and len(parts) == len(table.key)
        if is_whole and all(map(_is_text, parts)):
            return _Place(rank, parts)
    except (ValueError, TypeError):
        # Not even JSON.
        pass
    raise ProviderError(StatusCode.INVALID_ARGUMENT, "the page token is none of this list")


def _is_text(value: object) -> bool:
    if not isinstance(value, str) or "\0" in value:
        return False
    return value.isprintable() or not any(0xD800 <= ord(each) < 0xE000 for each in value)
