"""What comes back of what was asked for."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, Mapping, Optional, Union

import grpc

from weir._payload import JSON_TYPE, read_payload
from weir._times import seconds_of, time_of
from weir.errors import Refusal, code_of, reason_name
from weir.gen.weir.context.v1 import context_pb2
from weir.ref import Ref
from weir.sensitivity import Sensitivity, sensitivity_from_wire


@dataclass(frozen=True)
class Provenance:
    """Where an item comes from."""

    provider: str
    """The provider's name."""
    provider_version: str
    """The provider's version."""
    source: str = ""
    """The place within the source, such as a file name and line; empty when not told."""
    cleaned: tuple[str, ...] = ()
    """The cleaners of the manifest that changed the value, such as `whitespace`."""


@dataclass(frozen=True)
class Link:
    """Where a value lies that is too large to carry. No credential is needed."""

    url: str
    """Absolute, or beginning with "/": then it stands at the address of Weir."""
    sha256: str
    """SHA-256 of the value, in hexadecimal."""
    size_bytes: int
    """The size of the value."""
    expire_time: Optional[datetime] = None
    """When the link stops working."""


@dataclass(frozen=True)
class Item:
    """A piece of context."""

    value: Any = field(repr=False)
    """The value: parsed when it is JSON, a str when it is text, else its bytes."""
    data: bytes = field(repr=False)
    """The value as it came; empty when it was not fetched from its link."""
    content_type: str
    """The media type of the value."""
    version: str
    """The version of the context type that the value conforms to."""
    etag: str
    """The provider's tag for this state of the value; equal tags mean equal values."""
    as_of: datetime
    """When the provider held this to be the value; when it last confirmed it, if it did not say."""
    ttl: float
    """How long the provider holds the value to stay true, in seconds. 0: not at all."""
    sensitivity: Sensitivity
    """How sensitive the value is; `internal` when nobody says."""
    provenance: Provenance
    """Where the value comes from."""
    quality: Optional[float] = None
    """How good the item is, from 0 to 1, as the router judges it."""
    judgement: Optional[float] = None
    """How good the value is, from 0 to 1, in the provider's own judgement. None: not judged."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Names and values that describe the item."""
    owner: str = ""
    """Who owns the value in its source; empty when nobody is named."""
    redacted: bool = False
    """Whether a policy had something of it masked, removed or cut."""
    link: Optional[Link] = None
    """Set for values too large to carry. It was followed, unless `links="keep"` was asked for."""


CacheStatus = Literal[
    "none", "miss", "hit-memory", "hit-shared", "stale", "revalidated", "coalesced", "bypass"
]
"""How a router came by an outcome. `none`: nothing was looked up."""


@dataclass(frozen=True)
class Arrived:
    """The outcome of a ref whose item is there."""

    ref: Ref
    """The ref."""
    index: int
    """The position of the ref among those asked for, from 0."""
    item: Item
    """The item."""
    cache: CacheStatus = "none"
    """How the router came by it."""
    age: float = 0
    """How long ago, in seconds, the provider last confirmed the item. 0: just now."""
    ok: Literal[True] = True
    """Tells the two outcomes apart."""


@dataclass(frozen=True)
class Refused:
    """The outcome of a ref whose item could not be had."""

    ref: Ref
    """The ref."""
    index: int
    """The position of the ref among those asked for, from 0."""
    refusal: Refusal
    """Why there is no item."""
    cache: CacheStatus = "none"
    """How the router came by it."""
    age: float = 0
    """As of `Arrived`."""
    ok: Literal[False] = False
    """Tells the two outcomes apart."""


Outcome = Union[Arrived, Refused]
"""What became of one ref: an item (`ok` is True) or a refusal."""

_CACHE_NAMES: dict[int, CacheStatus] = {
    context_pb2.CACHE_STATUS_MISS: "miss",
    context_pb2.CACHE_STATUS_HIT_MEMORY: "hit-memory",
    context_pb2.CACHE_STATUS_HIT_SHARED: "hit-shared",
    context_pb2.CACHE_STATUS_STALE: "stale",
    context_pb2.CACHE_STATUS_REVALIDATED: "revalidated",
    context_pb2.CACHE_STATUS_COALESCED: "coalesced",
    context_pb2.CACHE_STATUS_BYPASS: "bypass",
}

_NO_OUTCOME = Refusal(
    grpc.StatusCode.INTERNAL, "INTERNAL", "the router gave no outcome for this ref"
)


def read_outcome(ref: Ref, index: int, result: Optional[context_pb2.ItemResult]) -> Outcome:
    """Reads a result off the wire.

    A payload that is not what its content type says becomes a refusal, so that one bad value spoils
    no batch.
    """
    which = None if result is None else result.WhichOneof("outcome")
    if result is None or which is None:
        return Refused(ref, index, _NO_OUTCOME)
    cache = _CACHE_NAMES.get(result.cache, "none")
    age = seconds_of(result.age)
    if which == "refusal":
        return Refused(ref, index, read_refusal(result.refusal), cache, age)
    arrived = Arrived(ref, index, _read_meta(result, age), cache, age)
    if result.item.WhichOneof("body") == "url":
        return arrived
    return with_data(arrived, result.item.payload)


def with_data(arrived: Arrived, data: bytes) -> Outcome:
    """The outcome with its value, read from bytes."""
    item = arrived.item
    try:
        value = read_payload(item.content_type, data)
    except ValueError as error:
        refusal = Refusal(
            grpc.StatusCode.DATA_LOSS,
            "PROVIDER_GARBAGE",
            f"the payload is not {item.content_type}: {error}",
        )
        return refused(arrived, refusal)
    return replace(arrived, item=replace(item, value=value, data=data))


def refused(outcome: Outcome, refusal: Refusal) -> Refused:
    """The outcome, had it been refused."""
    return Refused(outcome.ref, outcome.index, refusal, outcome.cache, outcome.age)


def read_refusal(wire: context_pb2.Refusal) -> Refusal:
    """Reads a refusal off the wire."""
    return Refusal(
        code_of(wire.code),
        reason_name(wire.reason),
        wire.text,
        seconds_of(wire.retry_delay) if wire.HasField("retry_delay") else None,
        tuple(wire.offered_versions),
    )


def _read_meta(result: context_pb2.ItemResult, age: float) -> Item:
    wire = result.item
    origin = wire.provenance
    return Item(
        value=None,
        data=b"",
        content_type=wire.content_type or JSON_TYPE,
        version=wire.version,
        etag=wire.etag,
        as_of=time_of(wire.as_of)
        if wire.HasField("as_of")
        else datetime.now(timezone.utc) - timedelta(seconds=age),
        ttl=seconds_of(wire.ttl),
        sensitivity=sensitivity_from_wire(wire.sensitivity) or "internal",
        provenance=Provenance(
            origin.provider, origin.provider_version, origin.source, tuple(origin.cleaned)
        ),
        quality=result.quality if result.HasField("quality") else None,
        judgement=wire.quality if wire.HasField("quality") else None,
        labels=dict(wire.labels),
        owner=wire.owner,
        redacted=result.redacted,
        link=_read_link(wire),
    )


def _read_link(wire: context_pb2.Item) -> Optional[Link]:
    if wire.WhichOneof("body") != "url":
        return None
    expires = time_of(wire.url_expire_time) if wire.HasField("url_expire_time") else None
    return Link(wire.url, wire.sha256.hex(), wire.size_bytes, expires)
