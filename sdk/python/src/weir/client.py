"""A client of Weir."""

import math
import re
import time
from contextlib import aclosing
from datetime import datetime
from types import TracebackType
from typing import Any, AsyncGenerator, AsyncIterator, Callable, Literal, Mapping, Optional
from typing import Sequence, Union

from weir._client.call import ToolOutcome, ToolProgress, call_tool, encode_arguments
from weir._client.channel import CallPolicy, Channel, Tls, check_urls
from weir._concurrency import all_of, map_some
from weir._client.fetch import fetch_all
from weir._client.follow import FOLLOWED_AT_ONCE, Follower, link_of
from weir._client.get import Gatherer
from weir._client.list import ContextEntry, ListGap, list_all
from weir._client.options import FetchOptions
from weir._client.publish import NewEvent, Published, publish_events
from weir._client.stream import stream_all
from weir._client.subscribe import DeliveredEvent, subscribe_to
from weir.errors import ItemRefused
from weir.gen.weir.events.v1.events_pb2 import START_EARLIEST, START_LATEST, SubscribeRequest
from weir.gen.weir.events.v1.events_pb2_grpc import EventServiceStub
from weir.gen.weir.router.v1.router_pb2 import ListContextRequest
from weir.gen.weir.router.v1.router_pb2_grpc import RouterServiceStub
from weir.gen.weir.tools.v1.tools_pb2 import CallToolRequest
from weir.gen.weir.tools.v1.tools_pb2_grpc import ToolServiceStub
from weir.item import Item, Outcome, Refused
from weir.ref import Ref, RefInput
from weir.sensitivity import Sensitivity

MAX_VALUE_BYTES = 64 * 1024 * 1024
"""The largest value that is read from a link, unless a call says otherwise."""

_KEY_FORM = re.compile(r"[\x21-\x7e]+")


class Weir:
    """A client of Weir: safe to share between the tasks of an event loop, made once for it.

    Connects with the first call. All times are in seconds. To cancel a call, cancel the task that
    waits for it: it ends upstream too.
    """

    def __init__(
        self,
        url: Union[str, Sequence[str]],
        key: Optional[str] = None,
        *,
        tls: Optional[Tls] = None,
        timeout: float = 10,
        retries: int = 3,
        min_quality: Optional[float] = None,
    ) -> None:
        """Makes a client.

        Args:
            url: Where Weir listens, such as `http://127.0.0.1:7070`. Of several addresses, at most
                16, the first is used until it is UNAVAILABLE, then the next one.
            key: The API key, `weir_...`, or an access token of an issuer that Weir knows. To be left
                out only where the certificate in `tls` says who calls.
            tls: Certificates for https. Default: those of the system.
            timeout: The time of a call that sets none itself, retries included.
            retries: How often a safe call is tried again at most.
            min_quality: The least quality acceptable where a fetch does not say, from 0 to 1.

        Raises:
            ValueError: The URL or the key cannot be right, or there is no credential.
        """
        has_certificate = tls is not None and tls.cert is not None
        if key is None and not has_certificate:
            raise ValueError("there is no key: give `weir_...`")
        if key is not None and not _KEY_FORM.fullmatch(key):
            raise ValueError(
                "key is empty or holds characters that no API key holds: give `weir_...`"
            )
        policy = CallPolicy(key, _checked(timeout), retries)
        self._channel = Channel(check_urls(url), tls, policy)
        self._policy = policy
        self._min_quality = min_quality
        self._router = RouterServiceStub(self._channel)
        self._events = EventServiceStub(self._channel)
        self._tools = ToolServiceStub(self._channel)
        self._gatherer = Gatherer(self._router)
        self._follower = Follower(self._channel.current, tls)

    @property
    def channel(self) -> Channel:
        """What generated stubs call Weir by: `AdminServiceStub(weir.channel)`.

        It sends the key, sets the deadline, tries safe calls again and raises WeirCallError.
        """
        return self._channel

    async def close(self) -> None:
        """Ends the connections; calls under way fail."""
        await self._channel.close()

    async def __aenter__(self) -> "Weir":
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()

    async def get(
        self,
        type: str,
        key: str,
        *,
        version_range: str = "",
        provider: str = "",
        timeout: Optional[float] = None,
        item_timeout: Optional[float] = None,
        min_quality: Optional[float] = None,
        max_age: Optional[float] = None,
        consistency_token: str = "",
        purpose: str = "",
        links: Literal["follow", "keep"] = "follow",
        max_value_bytes: int = MAX_VALUE_BYTES,
    ) -> Item:
        """Gets one item. The options are those of `fetch`.

        Gets of one turn of the event loop travel in one call, such as those of `asyncio.gather`.

        Args:
            version_range: The acceptable versions of the type, a semver range. Empty: the consumer's
                pin, else any.
            provider: The name of the provider to ask. Empty: the router chooses.

        Raises:
            ItemRefused: The item cannot be had.
            WeirCallError: The whole call failed.
        """
        ref = Ref(type, key, version_range, provider)
        options = self._options(
            timeout,
            item_timeout,
            min_quality,
            max_age,
            consistency_token,
            purpose,
            links,
            max_value_bytes,
        )
        outcome = await self._follower.follow(await self._gatherer.get(ref, options), options)
        if isinstance(outcome, Refused):
            raise ItemRefused(ref, outcome.refusal)
        return outcome.item

    async def fetch(
        self,
        refs: Sequence[RefInput],
        *,
        timeout: Optional[float] = None,
        item_timeout: Optional[float] = None,
        min_quality: Optional[float] = None,
        max_age: Optional[float] = None,
        consistency_token: str = "",
        purpose: str = "",
        links: Literal["follow", "keep"] = "follow",
        max_value_bytes: int = MAX_VALUE_BYTES,
    ) -> list[Outcome]:
        """Fetches any number of refs, and returns an outcome for each, in their order.

        Each 256 of them travel in one call. Items that cannot be had are outcomes, not exceptions;
        items over the response budget are asked for again.

        Args:
            refs: What to fetch, such as `DocChunk/README.md`.
            timeout: The time of it all, retries included. Default: the client's.
            item_timeout: The time for each item; a late one is refused. Default: only the call's.
            min_quality: The least quality acceptable, from 0 to 1. Default: the client's, else any.
            max_age: The greatest age acceptable; older items are fetched anew. Default: as the ttl
                says.
            consistency_token: A token from an earlier write, which the answer takes into account.
            purpose: What the call is for, such as `support`: policies can ask for it, and records
                keep it. Empty: not stated.
            links: `follow`: values that are too large to carry are read from their links, and
                checked. `keep`: such an item has its `link` and no value; `read_value` reads it.
            max_value_bytes: The largest value that is read from a link; a larger one is refused.

        Raises:
            WeirCallError: A whole call failed.
            ValueError: A text is no ref.
        """
        options = self._options(
            timeout,
            item_timeout,
            min_quality,
            max_age,
            consistency_token,
            purpose,
            links,
            max_value_bytes,
        )
        outcomes = await fetch_all(self._router, refs, options)
        waiting = iter([at for at, outcome in enumerate(outcomes) if link_of(outcome)])

        async def follow_some() -> None:
            for at in waiting:
                outcomes[at] = await self._follower.follow(outcomes[at], options)

        await all_of([follow_some() for _ in range(FOLLOWED_AT_ONCE)])
        return outcomes

    async def stream(
        self,
        refs: Sequence[RefInput],
        *,
        timeout: Optional[float] = None,
        item_timeout: Optional[float] = None,
        min_quality: Optional[float] = None,
        max_age: Optional[float] = None,
        consistency_token: str = "",
        purpose: str = "",
        links: Literal["follow", "keep"] = "follow",
        max_value_bytes: int = MAX_VALUE_BYTES,
    ) -> AsyncGenerator[Outcome, None]:
        """Fetches any number of refs and yields each outcome as soon as it is there.

        Leaving the loop cancels what is still under way. A stream that breaks off because Weir
        stops, or cannot be reached for a moment, goes on with what is still open. The arguments and
        errors are those of `fetch`.
        """
        options = self._options(
            timeout,
            item_timeout,
            min_quality,
            max_age,
            consistency_token,
            purpose,
            links,
            max_value_bytes,
        )

        async def follow(outcome: Outcome) -> Outcome:
            return await self._follower.follow(outcome, options)

        outcomes = stream_all(self._router, refs, options, self._policy.retries)
        followed = map_some(outcomes, lambda each: bool(link_of(each)), follow, FOLLOWED_AT_ONCE)
        async with aclosing(followed):
            async for outcome in followed:
                yield outcome

    def read_value(
        self, item: Item, *, timeout: Optional[float] = None
    ) -> AsyncGenerator[bytes, None]:
        """Reads the value of an item piece by piece, also one that lies at a link.

        Fetch it with `links="keep"`. Size and hash are checked on the way, so that what was read
        counts only once the loop has ended without an error.

        Raises:
            WeirCallError: It cannot be read (UNAVAILABLE) or is another value (DATA_LOSS).
        """
        return self._follower.read(item, self._deadline(timeout))

    def list(
        self,
        type: str = "",
        *,
        key_prefix: str = "",
        query: str = "",
        provider: str = "",
        page_size: int = 0,
        purpose: str = "",
        timeout: Optional[float] = None,
        on_gap: Optional[Callable[[ListGap], None]] = None,
    ) -> AsyncIterator[ContextEntry]:
        """Lists what there is to fetch, page after page as the loop goes on.

        Args:
            type: The context type. Empty: all types.
            key_prefix: Only keys that begin with this.
            query: Only what matches these words, best match first.
            provider: Only this provider's. Empty: all providers.
            page_size: The greatest number of entries of a page, 1 to 500. Default: 50.
            purpose: As of `fetch`.
            timeout: The time for each page. Default: the client's.
            on_gap: Told of each provider that could not be asked, whose entries are missing.

        Raises:
            WeirCallError: A page cannot be had.
        """
        request = ListContextRequest(
            type=type,
            key_prefix=key_prefix,
            query=query,
            provider=provider,
            page_size=page_size,
            purpose=purpose,
        )
        return list_all(self._router, request, timeout=timeout, on_gap=on_gap)

    async def call(
        self,
        tool: str,
        arguments: Optional[Mapping[str, Any]] = None,
        *,
        group: str = "",
        purpose: str = "",
        on_progress: Optional[Callable[[ToolProgress], None]] = None,
        timeout: Optional[float] = None,
    ) -> ToolOutcome:
        """Calls an operation of a provider. It is called once: nothing is tried again.

        Args:
            tool: Its name, `<provider>__<operation>`, or as its group has it.
            arguments: What it is called with. Default: nothing.
            group: The tool group. Empty: that of the key, if it has one.
            purpose: As of `fetch`.
            on_progress: Told how far it is, where it says so. Default: it is not asked to.
            timeout: The time of the call. Default: the client's.

        Raises:
            WeirCallError: It was refused, or failed for a reason of its own. A tool that ran and
                failed has an outcome with `is_error`.
        """
        request = CallToolRequest(
            tool=tool,
            group=group,
            purpose=purpose,
            arguments=encode_arguments(arguments),
            wants_progress=on_progress is not None,
        )
        return await call_tool(self._tools, request, on_progress=on_progress, timeout=timeout)

    async def publish(
        self,
        topic: str,
        *,
        key: str = "",
        data: object = None,
        content_type: Optional[str] = None,
        refs: Sequence[RefInput] = (),
        sensitivity: Optional[Sensitivity] = None,
        labels: Optional[Mapping[str, str]] = None,
        owner: str = "",
        id: str = "",
        time: Optional[datetime] = None,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Published:
        """Publishes an event; the arguments are the fields of `NewEvent`.

        When it returns, the event is committed and Weir hands out no item of its refs as it was
        before. What fails as UNAVAILABLE is tried again, and published once all the same.

        Args:
            idempotency_key: Names the request: sent again within a day, also by another process, it
                publishes nothing anew. Default: a random one, which the retries of this call share.
            timeout: The time of the call, retries included. Default: the client's.

        Raises:
            WeirCallError: It is refused, or Weir cannot be reached.
            TypeError, ValueError: The data has no JSON, or a text is no ref.
        """
        event = NewEvent(
            topic=topic,
            key=key,
            data=data,
            content_type=content_type,
            refs=refs,
            sensitivity=sensitivity,
            labels=labels or {},
            owner=owner,
            id=id,
            time=time,
        )
        return await self.publish_all([event], idempotency_key=idempotency_key, timeout=timeout)

    async def publish_all(
        self,
        events: Sequence[NewEvent],
        *,
        idempotency_key: Optional[str] = None,
        timeout: Optional[float] = None,
    ) -> Published:
        """Publishes 1 to 256 events in their order: all of them or none. As `publish` otherwise."""
        return await publish_events(
            self._events, events, idempotency_key=idempotency_key, timeout=timeout
        )

    def subscribe(
        self,
        topics: Union[str, Sequence[str]],
        *,
        start: Literal["latest", "earliest"] = "latest",
        cursor: str = "",
        fetch: bool = False,
        latest_only: bool = False,
        max_per_second: int = 0,
        purpose: str = "",
    ) -> AsyncGenerator[DeliveredEvent, None]:
        """Yields the events of 1 to 16 topics as they come, for ever.

        It goes on from where it was when Weir stops, cannot be reached, says nothing for 25 s or cut
        it off for being slow. An event comes at least once; those of one key come in their order.

        Args:
            topics: Such as `page.updated`, `page.*` for all that begin with `page.`, or `*`.
            start: Where to begin without a cursor: with what comes, or the oldest that is kept.
            cursor: Where to go on: the cursor of the last event that was handled.
            fetch: Brings the items of each event's refs, as the subscriber may read them.
            latest_only: Of events of one key that wait, only the latest comes.
            max_per_second: The most events in a second. 0: any number.
            purpose: As of `fetch`.

        Raises:
            WeirCallError: It is refused; OUT_OF_RANGE: what came after the cursor is not kept.
        """
        request = SubscribeRequest(
            topics=[topics] if isinstance(topics, str) else topics,
            cursor=cursor,
            start=START_EARLIEST if start == "earliest" else START_LATEST,
            fetch=fetch,
            latest_only=latest_only,
            max_per_second=max_per_second,
            purpose=purpose,
        )
        return subscribe_to(self._events, request)

    def _options(
        self,
        timeout: Optional[float],
        item_timeout: Optional[float],
        min_quality: Optional[float],
        max_age: Optional[float],
        consistency_token: str,
        purpose: str,
        links: Literal["follow", "keep"],
        max_value_bytes: int,
    ) -> FetchOptions:
        return FetchOptions(
            deadline=self._deadline(timeout),
            item_timeout=item_timeout,
            min_quality=self._min_quality if min_quality is None else min_quality,
            max_age=max_age,
            consistency_token=consistency_token,
            purpose=purpose,
            links=links,
            max_value_bytes=max_value_bytes,
        )

    def _deadline(self, timeout: Optional[float]) -> float:
        return time.monotonic() + (self._policy.timeout if timeout is None else _checked(timeout))


def _checked(timeout: float) -> float:
    if 0 < timeout < math.inf:
        return timeout
    raise ValueError(f"timeout is {timeout}: give seconds, more than 0")
