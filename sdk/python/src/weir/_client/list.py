"""Lists what there is to fetch."""

from dataclasses import dataclass
from datetime import datetime
from typing import AsyncIterator, Callable, Optional

from weir._times import time_of
from weir.errors import Refusal
from weir.gen.weir.router.v1 import router_pb2
from weir.gen.weir.router.v1.router_pb2_grpc import RouterServiceStub
from weir.item import read_refusal
from weir.ref import Ref


@dataclass(frozen=True)
class ContextEntry:
    """Something that can be fetched."""

    ref: Ref
    """The ref to fetch it by, with the provider filled in."""
    title: str
    """What it is called, for people."""
    summary: str
    """A few words of it, or about it."""
    score: float
    """How well it matches the query, from 0 to 1. 0 without a query."""
    update_time: Optional[datetime] = None
    """When it last changed, if the provider knows."""
    content_type: str = ""
    """The media type of the value, if the provider knows."""
    size_bytes: Optional[int] = None
    """The size of the value, if the provider knows."""


@dataclass(frozen=True)
class ListGap:
    """A provider that a list is without."""

    provider: str
    """The provider's name."""
    type: str
    """The context type that it was asked for."""
    refusal: Refusal
    """Why it could not be asked."""


async def list_all(
    router: RouterServiceStub,
    request: router_pb2.ListContextRequest,
    *,
    timeout: Optional[float],
    on_gap: Optional[Callable[[ListGap], None]],
) -> AsyncIterator[ContextEntry]:
    """Page after page; the request is changed as it goes on."""
    while True:
        page = await router.ListContext(request, timeout=timeout)
        for gap in page.gaps:
            if on_gap is not None:
                on_gap(ListGap(gap.provider, gap.type, read_refusal(gap.refusal)))
        for entry in page.entries:
            yield _read_entry(entry)
        request.page_token = page.next_page_token
        if not request.page_token:
            return


def _read_entry(wire: router_pb2.ContextEntry) -> ContextEntry:
    ref = wire.ref
    return ContextEntry(
        ref=Ref(ref.type, ref.key, ref.version_range, ref.provider),
        title=wire.title,
        summary=wire.summary,
        score=wire.score,
        update_time=time_of(wire.update_time) if wire.HasField("update_time") else None,
        content_type=wire.content_type,
        size_bytes=wire.size_bytes if wire.HasField("size_bytes") else None,
    )
