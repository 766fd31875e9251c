"""The context types that a provider offers, and how it gets the values."""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, AsyncIterable, Awaitable, Callable, Literal, Mapping, Optional
from typing import Sequence, TypeVar, Union

from weir.provider.errors import ProviderError
from weir.sensitivity import Sensitivity

JsonSchema = Mapping[str, Any]
"""A JSON Schema (2020-12)."""

CacheScope = Literal["tenant", "principal", "none"]
"""Among whom a cached value may be shared."""

SchemaCheck = Literal["none", "score", "require"]
"""What routers do with values that break the schema of their type."""


@dataclass(frozen=True)
class Caller:
    """For whom a provider is asked. Never holds the caller's credentials."""

    tenant: str
    """The tenant."""
    principal: str = ""
    """The principal; empty unless the provider sets `wants_principal`."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """The attributes of the principal that the provider's `principal_attributes` name."""


class Patience:
    """How long an answer is waited for. Functions that are `async` need not look: they are cancelled.
    Those that run in a thread cannot be, and look here when they take long."""

    def __init__(self, seconds: Optional[float] = None) -> None:
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._ended = threading.Event()

    def is_over(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._ended.is_set() or self.time_left() == 0

    def time_left(self) -> Optional[float]:
        """The seconds until the deadline; None when there is none."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def end(self) -> None:
        """Tells those who look that nobody waits any more."""
        self._ended.set()


@dataclass(frozen=True)
class Query:
    """One value to fetch."""

    key: str
    """The key."""
    known_etag: str
    """The etag of the value that the router holds; empty when it holds none."""
    caller: Caller
    """For whom."""
    patience: Patience = field(repr=False, default_factory=Patience)
    """How long the answer is waited for."""


@dataclass(frozen=True)
class Value:
    """A value, and what is known of it."""

    value: Any
    """The value: bytes are sent as they are, a str as text, anything else as JSON. What is larger
    than a message is sent in parts; what should not be held whole is given as an asynchronous
    iterable of bytes, with its `size_bytes`. Consumers get what is above 4 MiB by a link."""
    content_type: Optional[str] = None
    """The media type. Default: `application/json`; for a str `text/plain; charset=utf-8`, for bytes
    `application/octet-stream`."""
    etag: Optional[str] = None
    """The tag of this state of the value. Default: from a SHA-256 hash of the bytes; an iterable has
    none."""
    as_of: Optional[datetime] = None
    """When this was the value. Default: now."""
    ttl: Optional[float] = None
    """How long it stays true, in seconds. Default: the context's `ttl`."""
    sensitivity: Optional[Sensitivity] = None
    """How sensitive it is. Default: the context's `sensitivity`."""
    quality: Optional[float] = None
    """How good it is, from 0 to 1. Default: not judged."""
    source: str = ""
    """The place within the source, such as a file name and line; shown to callers."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Names and values that describe it; policies can read them."""
    owner: str = ""
    """Who owns it in the source."""
    size_bytes: Optional[int] = None
    """How many bytes the iterable holds; given with an iterable only."""


@dataclass(frozen=True)
class NotModified:
    """Says that the value with `Query.known_etag` is still the value."""

    ttl: Optional[float] = None
    """How long it stays true from now on, in seconds. Default: the context's `ttl`."""


ByteStream = AsyncIterable[bytes]

Answer = Union[None, Value, NotModified, ProviderError, Any]
"""What may become of a query: a value, in a `Value` or by itself; `NotModified`; None: there is no
such key. A `ProviderError` is raised; among many answers it may also be returned."""


@dataclass(frozen=True)
class ListQuery:
    """What to list."""

    key_prefix: str
    """Only keys that begin with this. Empty: all."""
    text: str
    """Only what matches these words, best first. Empty: all, by key."""
    page_size: int
    """The greatest number of entries to return; at least 1."""
    page_token: str
    """Where to go on: your `next_page_token` of the page before. Empty: at the beginning."""
    caller: Caller
    """For whom."""
    patience: Patience = field(repr=False, default_factory=Patience)
    """How long the answer is waited for."""


@dataclass(frozen=True)
class ListEntry:
    """A key that can be fetched."""

    key: str
    """The key."""
    title: str = ""
    """What it is called, for people."""
    summary: str = ""
    """A few words of it, or about it."""
    score: float = 0
    """How well it matches the words asked for, from 0 to 1."""
    update_time: Optional[datetime] = None
    """When it last changed."""
    sensitivity: Optional[Sensitivity] = None
    """How sensitive the item is: policies decide by it who finds it. Default: the context's."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The item's labels, for policies."""
    owner: str = ""
    """The item's owner, for policies."""
    content_type: str = ""
    """The media type of the value, when it is known."""
    size_bytes: Optional[int] = None
    """The size of the value, when it is known."""


@dataclass(frozen=True)
class ListPage:
    """A page of keys."""

    entries: Sequence[ListEntry]
    """The entries."""
    next_page_token: str = ""
    """Where the next page begins. Empty: this is the last page."""


Fetch = Callable[[Query], Union[Answer, Awaitable[Answer]]]
FetchMany = Callable[[list[Query]], Union[Sequence[Answer], Awaitable[Sequence[Answer]]]]
Lister = Callable[[ListQuery], Union[ListPage, Awaitable[ListPage]]]
ListerT = TypeVar("ListerT", bound=Lister)


@dataclass(frozen=True)
class ContextSpec:
    """What a provider declares of a context type; see `Provider.context`."""

    type: str
    version: str
    schema: Optional[JsonSchema] = None
    title: str = ""
    key_prefix: str = ""
    scope: Optional[CacheScope] = None
    ttl: Optional[float] = None
    stale_while_revalidate: Optional[float] = None
    negative_ttl: Optional[float] = None
    sensitivity: Optional[Sensitivity] = None
    schema_check: Optional[SchemaCheck] = None
    complete_fields: Sequence[str] = ()


class Context:
    """A context type that a provider offers. Made by `Provider.context`."""

    def __init__(
        self,
        spec: ContextSpec,
        *,
        fetch: Optional[Fetch] = None,
        fetch_many: Optional[FetchMany] = None,
    ) -> None:
        self.spec = spec
        self.fetch = fetch
        self.fetch_many = fetch_many
        self.lister: Optional[Lister] = None

    def list(self, function: ListerT) -> ListerT:
        """Decorates the function that lists keys. Without one the type cannot be listed.

        It takes a `ListQuery` and returns a `ListPage`.
        """
        self.lister = function
        return function
