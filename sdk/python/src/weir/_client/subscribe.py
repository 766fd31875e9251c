"""Yields events as they come, and takes the subscription up again wherever it breaks off."""

import asyncio
import json
import logging
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, AsyncGenerator, Mapping

import grpc

from weir._backoff import Backoff
from weir._payload import JSON_TYPE
from weir._times import time_of
from weir.errors import WeirCallError
from weir.gen.weir.context.v1.context_pb2 import ContextRef
from weir.gen.weir.events.v1 import events_pb2
from weir.gen.weir.events.v1.events_pb2 import SubscribeRequest
from weir.gen.weir.events.v1.events_pb2_grpc import EventServiceStub
from weir.item import Outcome, read_outcome
from weir.ref import Ref
from weir.sensitivity import Sensitivity, sensitivity_from_wire

SILENCE_MAX = 25.0
"""How many seconds nothing may come, before the connection is held to be lost; Weir sends something
every 10 s."""

_BACKOFF = Backoff(first=0.05, most=2)
_log = logging.getLogger("weir")


@dataclass(frozen=True)
class DeliveredEvent:
    """An event as a subscriber gets it."""

    topic: str
    """What kind of thing happened, such as `page.updated`."""
    key: str
    """What it happened to; empty: to nothing in particular."""
    id: str
    """What its publisher calls it, or Weir. An event that comes twice has the same."""
    data: bytes = field(repr=False)
    """More about it, as it was published."""
    content_type: str
    """The media type of the data."""
    labels: Mapping[str, str]
    """Names and values that describe it."""
    owner: str
    """Who owns it; empty when nobody is named."""
    sensitivity: Sensitivity
    """How sensitive it is."""
    time: datetime
    """When it happened."""
    publish_time: datetime
    """When it was committed."""
    publisher: str
    """The principal that published it."""
    position: int
    """Its position in the log of the tenant; later ones are greater."""
    redacted: bool
    """Whether parts of data, labels or owner were hidden from this subscriber."""
    withheld: bool
    """Whether data, labels and owner were left out: parts are to be hidden, and cannot be."""
    replaced: int
    """How many earlier events of its key gave way to it."""
    refs: tuple[Ref, ...]
    """The items that are not any more what they were."""
    items: tuple[Outcome, ...]
    """The items of the refs, with `fetch`. Large values are links, which `read_value` reads."""
    cursor: str
    """Where to go on when this event has been handled. Of events that came together only the last
    one leads past all of them, the others lead before the first: nothing is lost, and some come
    twice. Empty: begin as this subscription did."""
    consistency_token: str
    """A fetch that brings it never gets an item of the refs as it was before."""

    def text(self) -> str:
        """The data as text."""
        return self.data.decode(errors="replace")

    def json(self) -> Any:
        """The data, parsed; None when there is none. Raises ValueError when it is no JSON."""
        return json.loads(self.data) if self.data else None


async def subscribe_to(
    events: EventServiceStub, request: SubscribeRequest, silence: float = SILENCE_MAX
) -> AsyncGenerator[DeliveredEvent, None]:
    """Goes on from the last cursor, for ever. The request is changed as it goes on."""
    position = 0
    attempt = 0
    while True:
        try:
            async for message in events.Subscribe(request, silence=silence):
                attempt = 0
                fresh = [event for event in message.events if event.position > position]
                for index, event in enumerate(fresh, start=1):
                    position = event.position
                    is_last = index == len(fresh)
                    yield read_event(event, message.cursor if is_last else request.cursor)
                request.cursor = message.cursor
            lost = WeirCallError(grpc.StatusCode.UNAVAILABLE, "the subscription ended")
        except WeirCallError as error:
            if not _is_passing(error):
                raise
            lost = error
        wait = max(_BACKOFF.wait(attempt), lost.retry_delay or 0)
        _log.info("a subscription broke off, and goes on in %.2f s: %s", wait, lost)
        await asyncio.sleep(wait)
        attempt += 1


def read_event(wire: events_pb2.DeliveredEvent, cursor: str) -> DeliveredEvent:
    """An event as it came, and where to go on after it."""
    event = wire.event
    refs = tuple(_read_ref(ref) for ref in event.refs)
    committed = (
        time_of(wire.publish_time) if wire.HasField("publish_time") else datetime.now(timezone.utc)
    )
    return DeliveredEvent(
        topic=event.topic,
        key=event.key,
        id=event.id,
        data=event.data,
        content_type=event.content_type or JSON_TYPE,
        labels=dict(event.labels),
        owner=event.owner,
        sensitivity=sensitivity_from_wire(event.sensitivity) or "internal",
        time=time_of(event.time) if event.HasField("time") else committed,
        publish_time=committed,
        publisher=wire.publisher,
        position=wire.position,
        redacted=wire.redacted,
        withheld=wire.withheld,
        replaced=wire.replaced,
        refs=refs,
        items=tuple(
            read_outcome(refs[result.index], result.index, result)
            for result in wire.items
            if result.index < len(refs)
        ),
        cursor=cursor,
        consistency_token=wire.consistency_token,
    )


def _read_ref(wire: ContextRef) -> Ref:
    return Ref(wire.type, wire.key, wire.version_range, wire.provider)


def _is_passing(error: WeirCallError) -> bool:
    """Whether it is over when one comes back."""
    if error.code is grpc.StatusCode.UNAVAILABLE:
        return True
    return error.reason in ("SUBSCRIBER_SLOW", "RATE_EXCEEDED")
