"""Test a provider with no server: what is asked and answered passes through the real encoding."""

from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Callable, Mapping, Optional, Sequence, Union

import grpc
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct

from weir._client.call import ToolOutcome, ToolProgress, encode_arguments, read_result
from weir._payload import read_payload
from weir._times import seconds_of, time_of
from weir.errors import ItemRefused, Refusal, code_of
from weir.gen.weir.provider.v1 import provider_pb2 as wire
from weir.gen.weir.tools.v1 import tools_pb2
from weir.provider import Caller, ListEntry, ListPage, NotModified, Patience, Provider
from weir.provider import ProviderError
from weir.provider.answer import answer_fetch
from weir.provider.call import answer_call
from weir.provider.list import answer_list
from weir.provider.running import Runner
from weir.ref import Ref
from weir.sensitivity import Sensitivity, sensitivity_from_wire

_TEST_CALLER = Caller("test")


@dataclass(frozen=True)
class Content:
    """A value as a router receives it."""

    value: Any
    """The value: parsed when it is JSON, a str when it is text, else its bytes."""
    data: bytes = field(repr=False)
    """The value as it came."""
    content_type: str
    etag: str
    as_of: Optional[datetime]
    ttl: Optional[float]
    sensitivity: Optional[Sensitivity]
    quality: Optional[float]
    source: str
    labels: Mapping[str, str]
    owner: str


QueryOutcome = Union[Content, NotModified, ProviderError, None]
"""What a router receives for a query; None: there is no such key."""


class LocalProvider:
    """A provider in memory, as a router sees it. There is nothing to close."""

    def __init__(self, provider: Provider) -> None:
        """Opens a provider in memory. Errors of its functions are logged, as when it is served."""
        self._provider = provider
        self._runner = Runner(provider.concurrency)

    async def fetch(
        self,
        type: str,
        key: str,
        *,
        known_etag: str = "",
        caller: Caller = _TEST_CALLER,
        type_version: str = "",
        timeout: Optional[float] = None,
    ) -> Content:
        """Fetches one value.

        Args:
            known_etag: The etag that the router is said to hold. Empty: it holds none.
            caller: For whom. Default: tenant `test`, no principal, no attributes.
            type_version: The version of the type. Empty: the one offered.
            timeout: The time that the functions are told of, in seconds. Default: no deadline.

        Raises:
            ItemRefused: There is no such key, it has not changed, or the provider failed.
        """
        outcome = await self.query(
            type,
            key,
            known_etag=known_etag,
            caller=caller,
            type_version=type_version,
            timeout=timeout,
        )
        if isinstance(outcome, Content):
            return outcome
        raise ItemRefused(Ref(type, key), _why_not(outcome))

    async def query(
        self,
        type: str,
        key: str,
        *,
        known_etag: str = "",
        caller: Caller = _TEST_CALLER,
        type_version: str = "",
        timeout: Optional[float] = None,
    ) -> QueryOutcome:
        """Fetches one value and says what became of it, whatever it is. As `fetch` otherwise."""
        query = wire.FetchQuery(
            type=type, type_version=type_version, key=key, known_etag=known_etag
        )
        [outcome] = await self._fetch([query], caller, timeout)
        return outcome

    async def query_many(
        self, type: str, keys: Sequence[str], *, caller: Caller = _TEST_CALLER
    ) -> Sequence[QueryOutcome]:
        """Fetches many values in one batch; the outcomes are in the order of the keys."""
        queries = [wire.FetchQuery(type=type, key=key) for key in keys]
        return await self._fetch(queries, caller, None)

    async def list(
        self,
        type: str,
        *,
        key_prefix: str = "",
        text: str = "",
        page_size: int = 50,
        page_token: str = "",
        caller: Caller = _TEST_CALLER,
    ) -> ListPage:
        """Lists a page of keys.

        Raises:
            ProviderError: The type cannot be listed, or the provider says so.
            Exception: Whatever else the function raised.
        """
        request = wire.ListRequest(
            type=type,
            key_prefix=key_prefix,
            query=text,
            page_size=page_size,
            page_token=page_token,
            caller=_caller(caller),
        )
        page = await answer_list(self._provider, self._runner, _sent(request), Patience())
        return ListPage([_entry(each) for each in _sent(page).entries], page.next_page_token)

    async def call(
        self,
        operation: str,
        arguments: Optional[Mapping[str, Any]] = None,
        *,
        caller: Caller = _TEST_CALLER,
        on_progress: Optional[Callable[[ToolProgress], None]] = None,
        timeout: Optional[float] = None,
    ) -> ToolOutcome:
        """Calls an operation. Arguments are not held to its schema: routers do that.

        Raises:
            ProviderError: It could not be called; INTERNAL for an error that callers learn nothing
                of.
        """
        request = wire.CallRequest(
            operation=operation,
            arguments=encode_arguments(arguments),
            caller=_caller(caller),
            wants_progress=on_progress is not None,
        )
        patience = Patience(timeout)
        answers = answer_call(self._provider, self._runner, _sent(request), patience)
        async with aclosing(answers) as messages:
            async for message in messages:
                which = message.WhichOneof("message")
                if which == "progress" and on_progress is not None:
                    told = message.progress
                    total = told.total if told.HasField("total") else None
                    on_progress(ToolProgress(told.progress, total, told.text))
                if which == "failure":
                    raise _error(message.failure)
                if which == "result":
                    return _result(_sent(message.result))
        raise AssertionError("an operation ends with a result or a failure")

    async def _fetch(
        self, queries: Sequence[wire.FetchQuery], caller: Caller, timeout: Optional[float]
    ) -> Sequence[QueryOutcome]:
        request = wire.FetchRequest(queries=queries, caller=_caller(caller))
        assembly = _Assembly()
        outcomes: dict[int, QueryOutcome] = {}
        answers = answer_fetch(self._provider, self._runner, _sent(request), Patience(timeout))
        async with aclosing(answers) as messages:
            async for message in messages:
                for result in _sent(message).results:
                    whole = assembly.add(result)
                    if whole is not None:
                        outcomes[result.index] = _outcome(whole)
        return [outcomes[index] for index in range(len(queries))]


class _Assembly:
    """Puts values together that come in parts."""

    def __init__(self) -> None:
        self._begun: dict[int, tuple[wire.Content, list[bytes]]] = {}

    def add(self, result: wire.FetchResult) -> Optional[wire.FetchResult]:
        """The result with its whole value; None when parts of it are still to come."""
        which = result.WhichOneof("outcome")
        if which == "content" and result.content.total_bytes > 0:
            self._begun[result.index] = (result.content, [result.content.payload])
        elif which == "part":
            self._begun[result.index][1].append(result.part.data)
        else:
            return result
        content, pieces = self._begun[result.index]
        if sum(map(len, pieces)) < content.total_bytes:
            return None
        content.payload = b"".join(pieces)
        return wire.FetchResult(index=result.index, content=content)


def _outcome(result: wire.FetchResult) -> QueryOutcome:
    match result.WhichOneof("outcome"):
        case "content":
            return _content(result.content)
        case "not_modified":
            unchanged = result.not_modified
            return NotModified(seconds_of(unchanged.ttl) if unchanged.HasField("ttl") else None)
        case "failure":
            return _error(result.failure)
        case _:
            return None


def _content(message: wire.Content) -> Content:
    return Content(
        value=read_payload(message.content_type, message.payload),
        data=message.payload,
        content_type=message.content_type,
        etag=message.etag,
        as_of=time_of(message.as_of) if message.HasField("as_of") else None,
        ttl=seconds_of(message.ttl) if message.HasField("ttl") else None,
        sensitivity=sensitivity_from_wire(message.sensitivity),
        quality=message.quality if message.HasField("quality") else None,
        source=message.source,
        labels=dict(message.labels),
        owner=message.owner,
    )


def _error(failure: wire.Failure) -> ProviderError:
    delay = seconds_of(failure.retry_delay) if failure.HasField("retry_delay") else None
    return ProviderError(code_of(failure.code), failure.text, retry_delay=delay)


def _why_not(outcome: Union[NotModified, ProviderError, None]) -> Refusal:
    if outcome is None:
        text = "there is no such key"
        return Refusal(grpc.StatusCode.NOT_FOUND, "KEY_NOT_FOUND", text)
    if isinstance(outcome, NotModified):
        text = "the value has not changed: ask without known_etag, or with query()"
        return Refusal(grpc.StatusCode.FAILED_PRECONDITION, "", text)
    return Refusal(outcome.code, "PROVIDER_FAILED", outcome.text, outcome.retry_delay)


def _entry(message: wire.ListEntry) -> ListEntry:
    return ListEntry(
        key=message.key,
        title=message.title,
        summary=message.summary,
        score=message.score,
        update_time=time_of(message.update_time) if message.HasField("update_time") else None,
        sensitivity=sensitivity_from_wire(message.sensitivity),
        labels=dict(message.labels),
        owner=message.owner,
        content_type=message.content_type,
        size_bytes=message.size_bytes if message.HasField("size_bytes") else None,
    )


def _result(message: wire.OperationResult) -> ToolOutcome:
    """As a router hands it on."""
    content = message.content
    return read_result(
        tools_pb2.ToolResult(
            payload=content.payload,
            content_type=content.content_type,
            is_error=message.is_error,
            sensitivity=content.sensitivity,
        )
    )


def _caller(caller: Caller) -> wire.Caller:
    attributes = ParseDict(dict(caller.attributes), Struct())
    return wire.Caller(tenant=caller.tenant, principal=caller.principal, attributes=attributes)


def _sent(message: Any) -> Any:
    """A message as it arrives at the other side."""
    return type(message).FromString(message.SerializeToString())
