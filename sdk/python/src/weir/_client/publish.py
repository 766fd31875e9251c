"""Publishes events."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Mapping, Optional, Sequence

from weir._client.fetch import ref_to_wire
from weir._payload import default_type, encode_payload
from weir._times import timestamp
from weir.gen.weir.events.v1.events_pb2 import Event, PublishRequest
from weir.gen.weir.events.v1.events_pb2_grpc import EventServiceStub
from weir.ref import RefInput, to_ref
from weir.sensitivity import Sensitivity, sensitivity_to_wire


@dataclass(frozen=True)
class NewEvent:
    """Something that happened."""

    topic: str
    """What kind of thing, such as `page.updated`: 1 to 8 names, separated by dots."""
    key: str = ""
    """What it happened to; events of one key keep their order. Empty: nothing in particular."""
    data: object = None
    """More about it: bytes, a text, or a value that becomes JSON. At most 256 KiB. None: nothing."""
    content_type: Optional[str] = None
    """The media type of the data. Default: `application/json`; of a text `text/plain`, of bytes
    `application/octet-stream`."""
    refs: Sequence[RefInput] = ()
    """The items that are not any more what they were; at most 32. Weir forgets what it holds."""
    sensitivity: Optional[Sensitivity] = None
    """How sensitive it is. Default: `internal`."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Names and values that describe it; policies can decide by them."""
    owner: str = ""
    """Who owns it. Empty: nobody is named."""
    id: str = ""
    """What the publisher calls it, for who is told of it twice. Empty: Weir gives it a name."""
    time: Optional[datetime] = None
    """When it happened. Default: when it is published."""


@dataclass(frozen=True)
class Published:
    """What became of a publish."""

    ids: tuple[str, ...]
    """The names of the events, in their order."""
    consistency_token: str
    """A fetch that brings it never gets an item of the events' refs as it was before."""


async def publish_events(
    events: EventServiceStub,
    given: Sequence[NewEvent],
    *,
    idempotency_key: Optional[str],
    timeout: Optional[float],
) -> Published:
    """Publishes events: all of them or none."""
    request = PublishRequest(
        events=[event_to_wire(event) for event in given],
        idempotency_key=idempotency_key or str(uuid.uuid4()),
    )
    answer = await events.Publish(request, timeout=timeout)
    return Published(tuple(answer.ids), answer.consistency_token)


def event_to_wire(event: NewEvent) -> Event:
    """An event as messages have it. Raises TypeError or ValueError when its data has no JSON."""
    return Event(
        topic=event.topic,
        key=event.key,
        data=b"" if event.data is None else encode_payload(event.data),
        content_type=event.content_type or default_type(event.data),
        refs=[ref_to_wire(to_ref(ref)) for ref in event.refs],
        sensitivity=sensitivity_to_wire(event.sensitivity),  # type: ignore[arg-type]
        labels=event.labels,
        owner=event.owner,
        id=event.id,
        time=None if event.time is None else timestamp(event.time),
    )
