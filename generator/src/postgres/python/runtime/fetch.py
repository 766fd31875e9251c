"""Rows by their keys, all of a batch in one statement."""

import re
from typing import Any, Mapping, Optional, Sequence, Union

from weir.provider import ProviderError, Query, StatusCode, Value

from .codec import decode
from .database import Database
from .failures import DataFailure, log
from .key import format_key, judge, key_text, parse_key
from .sql import ROW_MAX_BYTES, array_param, cast_sql, fetch_sql, param_of
from .table import Table

Answer = Union[None, Value, ProviderError]
"""What becomes of a key; None: there is no such row."""

Asked = tuple[Query, list[str]]
"""A key that may be one of the table, and its parts."""

Texts = Sequence[Optional[str]]

# As many rows as one statement brings: together they have to fit into memory.
_ROWS_MAX = 64

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_UNREAD = "the database could not be read"


async def fetch_rows(
    database: Database, table: Table, queries: Sequence[Query]
) -> Sequence[Answer]:
    """Gets rows by their keys; the answers stand in the order of the queries."""
    sure: list[Asked] = []
    unknown: list[Asked] = []
    for query in {query.key: query for query in queries}.values():
        parts = parse_key(query.key, len(table.key))
        verdict = "none" if parts is None else _judge_all(table, parts)
        if parts is not None and verdict != "none":
            (sure if verdict == "value" else unknown).append((query, parts))
    answers: dict[str, Answer] = {}
    # Texts that may not be cast are asked for apart: one of them fails its statement.
    for group in (*_chunks(sure), *_chunks(unknown)):
        await _fetch_group(database, table, group, answers)
    return [answers.get(query.key) for query in queries]


def _chunks(asked: Sequence[Asked]) -> list[Sequence[Asked]]:
    return [asked[at : at + _ROWS_MAX] for at in range(0, len(asked), _ROWS_MAX)]


async def _fetch_group(
    database: Database, table: Table, group: Sequence[Asked], answers: dict[str, Answer]
) -> None:
    try:
        await _fetch_together(database, table, group, answers)
    except ProviderError as error:
        answers.update({query.key: error for query, _ in group})
    except DataFailure:
        castable = [asked for asked in group if await _can_cast(database, table, asked)]
        if len(castable) == len(group):
            # All of them are values: something else failed, such as a computation of a view.
            failed = ProviderError(StatusCode.INTERNAL, _UNREAD)
            answers.update({query.key: failed for query, _ in group})
        elif castable:
            await _fetch_group(database, table, castable, answers)


async def _fetch_together(
    database: Database, table: Table, group: Sequence[Asked], answers: dict[str, Answer]
) -> None:
    codecs = [table.column(name).codec for name in table.key]
    params = {
        f"p{at}": array_param([param_of(codec, parts[at]) for _, parts in group])
        for at, codec in enumerate(codecs)
    }
    for place, fits, *texts in await database.read(fetch_sql(table), params, group[0][0].caller):
        query, _ = group[int(place or 0) - 1]
        # What the database takes for the same, such as "A" and "a" in citext, is another key all
        # the same.
        if _key_from(table, table.key, texts) != query.key:
            continue
        if query.key in answers:
            answers[query.key] = _not_unique(table)
        else:
            is_small = fits == "t"
            answers[query.key] = _answer(table, query.key, texts) if is_small else _too_large(table)


async def _can_cast(database: Database, table: Table, asked: Asked) -> bool:
    query, parts = asked
    params = {
        f"p{at}": param_of(table.column(name).codec, parts[at]) for at, name in enumerate(table.key)
    }
    try:
        await database.read(cast_sql(table), params, query.caller)
    except DataFailure:
        return False
    return True


def _judge_all(table: Table, parts: Sequence[str]) -> str:
    verdicts = [judge(table.column(name).sql, part) for name, part in zip(table.key, parts)]
    if "none" in verdicts:
        return "none"
    return "unknown" if "unknown" in verdicts else "value"


def _answer(table: Table, key: str, texts: Texts) -> Answer:
    """A value that cannot be read fails its row alone."""
    source = _CONTROL.sub(" ", f"{table.schema}.{table.name}/{key}")
    try:
        return Value(_row(table, texts), source=source)
    except (ValueError, RecursionError) as error:
        log.error(
            "a row of %s cannot be read: generate the provider again", table.type, exc_info=error
        )
        text = (
            f"a row of {table.type} is not as the provider knows it:"
            " the provider must be generated again"
        )
        return ProviderError(StatusCode.FAILED_PRECONDITION, text)


def _too_large(table: Table) -> ProviderError:
    limit = f"{ROW_MAX_BYTES // 1024 // 1024} MiB"
    text = (
        f"the row of {table.type} is larger than {limit}: the provider must leave large columns out"
    )
    return ProviderError(StatusCode.RESOURCE_EXHAUSTED, text)


def _not_unique(table: Table) -> ProviderError:
    text = f"the key of {table.type} stands for several rows: the provider must name other columns"
    return ProviderError(StatusCode.FAILED_PRECONDITION, text)


def _row(table: Table, texts: Texts) -> Mapping[str, Any]:
    """A row as JSON: its columns, and the refs of what it refers to."""
    row = {
        name: decode(column.codec, text)
        for (name, column), text in zip(table.columns.items(), texts)
    }
    if table.links:
        keys = {
            name: (link.type, _key_from(table, link.columns, texts))
            for name, link in table.links.items()
        }
        row[table.links_member] = {
            name: f"{type}/{key}" for name, (type, key) in keys.items() if key is not None
        }
    return row


def _key_from(table: Table, names: Sequence[str], texts: Texts) -> Optional[str]:
    """The key that some columns of a row make; None when one of them is null."""
    held = dict(zip(table.columns, texts))
    parts = []
    for name in names:
        text = held.get(name)
        if text is None:
            return None
        parts.append(key_text(table.column(name).codec, text))
    return format_key(parts)
