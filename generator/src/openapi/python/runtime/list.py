"""Lists of keys, page by page."""

import json
import re
from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence, Union

from weir.provider import ListEntry, ListPage, ListQuery, ProviderError, StatusCode

from .api import Api
from .keys import key_of, parts_of
from .request import RequestSpec
from .send import Incoming


@dataclass(frozen=True)
class AllAtOnce:
    """The API gives all at once."""


@dataclass(frozen=True)
class PageNumber:
    """Pages have numbers."""

    parameter: str
    first: int


@dataclass(frozen=True)
class Offset:
    """Items have positions."""

    parameter: str


@dataclass(frozen=True)
class Cursor:
    """The body holds, at the JSON Pointer `next`, what to ask for next."""

    parameter: str
    next: str


@dataclass(frozen=True)
class LastKey:
    """The key of the last item is what to ask for next."""

    parameter: str


@dataclass(frozen=True)
class NextUrl:
    """The body holds, at the JSON Pointer `next`, the address of the next page."""

    next: str


@dataclass(frozen=True)
class LinkHeader:
    """The header Link holds the address of the next page."""


Pagination = Union[AllAtOnce, PageNumber, Offset, Cursor, LastKey, NextUrl, LinkHeader]
"""How an API tells where its next page begins."""


@dataclass(frozen=True)
class PageSize:
    """The parameter for the size of a page, and the largest that the API takes."""

    parameter: str
    max: int


@dataclass(frozen=True)
class ListSpec:
    """How a type is listed."""

    request: RequestSpec
    items: str
    """Where the items stand in the body: a JSON Pointer; empty for the body itself."""
    key_fields: Sequence[str]
    """Members of an item that its key is made of, behind what stands for `parents`."""
    pagination: Pagination
    parents: Sequence[str] = ()
    """Parameters of the list's own path: the first parts of each key, given as the prefix of a
    list."""
    page_size: Optional[PageSize] = None
    search_parameter: Optional[str] = None
    """The parameter that the API searches by. None: what was got is searched here."""
    title_field: Optional[str] = None
    summary_field: Optional[str] = None


@dataclass(frozen=True)
class _Place:
    """Where a list goes on: at the API, and behind how many items of that page."""

    at: str
    skip: int


@dataclass(frozen=True)
class _Page:
    """A page as the API gave it, and where it began."""

    answer: Incoming
    body: Any
    at: str
    size: int
    items: Sequence[Any]
    last: str


_SUMMARY_MAX_CHARS = 300
_TOKEN = re.compile(r"([0-9]{1,9}):(.*)", re.DOTALL)
_NEXT_LINK = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')
_NUMBER = re.compile("[0-9]{1,15}")


async def list_items(api: Api, spec: ListSpec, query: ListQuery) -> ListPage:
    """Lists keys of a type.

    Raises ProviderError when the API does not give them, or the prefix or page token is none of
    this list.
    """
    parents = _parents(spec, query.key_prefix)
    place = _read_token(query.page_token)
    size = min(query.page_size, spec.page_size.max if spec.page_size else query.page_size)
    values: dict[str, Any] = dict(zip(spec.parents, parents))
    if spec.page_size:
        values[spec.page_size.parameter] = size
    if spec.search_parameter and query.text:
        values[spec.search_parameter] = query.text
    answer = await _ask(api, spec, values, place.at)
    if answer.status in (404, 410):
        return ListPage([])
    body = _read_json(answer)
    found = _value_at(body, spec.items)
    items = found if isinstance(found, list) else []
    entries = [entry for item in items if (entry := _entry(spec, parents, item))]
    rest = entries[place.skip :]
    # What the API sends at once may be more than was asked for: the rest is the next page.
    if len(rest) > query.page_size:
        onward = _write_token(_Place(place.at, place.skip + query.page_size))
        return ListPage(_fitting(spec, rest[: query.page_size], query), onward)
    last = entries[-1].key if entries else ""
    at = _next(spec, _Page(answer, body, place.at, size, items, last))
    token = "" if at is None or at == place.at else _write_token(_Place(at, 0))
    return ListPage(_fitting(spec, rest, query), token)


def _read_token(token: str) -> _Place:
    if token == "":
        return _Place("", 0)
    found = _TOKEN.fullmatch(token)
    if found is None:
        text = "the page token is none of this provider"
        raise ProviderError(StatusCode.INVALID_ARGUMENT, text)
    return _Place(found[2], int(found[1]))


def _write_token(place: _Place) -> str:
    return f"{place.skip}:{place.at}"


def _parents(spec: ListSpec, key_prefix: str) -> Sequence[str]:
    """The values of the list's own parameters, which a prefix has to hold whole."""
    count = len(spec.parents)
    if count == 0:
        return ()
    given = key_prefix.split("/")
    is_whole = len(given) > count and "" not in given[:count]
    values = parts_of("/".join([*given[:count], ""]), count + 1) if is_whole else None
    if values is not None:
        return values[:count]
    form = "".join(f"<{name}>/" for name in spec.parents)
    text = f"this type is listed by the key prefix {form}"
    raise ProviderError(StatusCode.INVALID_ARGUMENT, text)


async def _ask(api: Api, spec: ListSpec, values: Mapping[str, Any], at: str) -> Incoming:
    paged = spec.pagination
    if at == "" or isinstance(paged, AllAtOnce):
        return await api.call(spec.request, values)
    # Some call it a cursor and give an address.
    if isinstance(paged, (NextUrl, LinkHeader)) or re.match("https?://", at):
        return await api.follow(spec.request, at)
    return await api.call(spec.request, {**values, paged.parameter: at})


def _next(spec: ListSpec, page: _Page) -> Optional[str]:
    """Where the next page begins; None: this is the last one."""
    is_full = len(page.items) > 0 and (spec.page_size is None or len(page.items) >= page.size)
    match spec.pagination:
        case AllAtOnce():
            return None
        case PageNumber(first=first):
            return str(_number(page.at, first) + 1) if is_full else None
        case Offset():
            return str(_number(page.at, 0) + len(page.items)) if is_full else None
        case Cursor(next=pointer) | NextUrl(next=pointer):
            return _text(_value_at(page.body, pointer)) or None
        case LastKey():
            parts = parts_of(page.last, len(page.last.split("/"))) if is_full else None
            return parts[-1] if parts else None
        case LinkHeader():
            found = _NEXT_LINK.search(page.answer.headers.get("link", ""))
            return found[1] if found else None


def _number(at: str, default: int) -> int:
    if at == "":
        return default
    if not _NUMBER.fullmatch(at):
        text = "the page token is none of this provider"
        raise ProviderError(StatusCode.INVALID_ARGUMENT, text)
    return int(at)


def _entry(spec: ListSpec, parents: Sequence[str], item: Any) -> Optional[ListEntry]:
    fields = [_text(_value_at(item, f"/{name}")) for name in spec.key_fields]
    parts = [each for each in fields if each]
    if len(parts) < len(fields):
        return None
    title, summary = _shown(item, spec.title_field), _shown(item, spec.summary_field)
    return ListEntry(key_of([*parents, *parts]), title=title, summary=summary)


def _text(value: Any) -> Optional[str]:
    """A text or a number as text; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return str(value) if isinstance(value, str) or is_number else None


def _shown(item: Any, field: Optional[str]) -> str:
    value = None if field is None else _value_at(item, f"/{field}")
    return value[:_SUMMARY_MAX_CHARS] if isinstance(value, str) else ""


def _fitting(spec: ListSpec, entries: Sequence[ListEntry], query: ListQuery) -> Sequence[ListEntry]:
    """What has the prefix, and the words if the API has not searched for them."""
    words = [] if spec.search_parameter else query.text.lower().split()

    def fits(entry: ListEntry) -> bool:
        text = f"{entry.key} {entry.title} {entry.summary}".lower()
        return entry.key.startswith(query.key_prefix) and all(word in text for word in words)

    return [entry for entry in entries if fits(entry)]


def _read_json(answer: Incoming) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError as error:
        text = "the API answers a list with no JSON"
        raise ProviderError(StatusCode.INTERNAL, text) from error


def _value_at(value: Any, pointer: str) -> Any:
    for segment in pointer.split("/")[1:]:
        name = segment.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value
