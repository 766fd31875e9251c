"""What routers call of a provider."""

import asyncio
import contextlib
from typing import AsyncGenerator, AsyncIterator, Iterator, TypeVar

import grpc
import grpc.aio

from weir.gen.weir.provider.v1 import provider_pb2 as wire
from weir.gen.weir.provider.v1.provider_pb2_grpc import ProviderServiceServicer
from weir.gen.weir.sdk import wire_pb2
from weir.provider.answer import answer_fetch
from weir.provider.call import answer_call
from weir.provider.context import Patience
from weir.provider.definition import Provider
from weir.provider.encode import failure_of
from weir.provider.list import answer_list
from weir.provider.running import Runner, report

T = TypeVar("T")

CALL_MAX = 600.0
"""The longest that a call may take, in seconds: what an operation may."""


class ProviderService(ProviderServiceServicer):
    """Answers routers, and knows how many calls are under way."""

    def __init__(self, provider: Provider, runner: Runner) -> None:
        self._provider = provider
        self._runner = runner
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def idle(self, within: float) -> None:
        """Returns once no call is under way, and after so many seconds at the latest."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._idle.wait(), within)

    async def Describe(
        self, request: wire.DescribeRequest, context: grpc.aio.ServicerContext
    ) -> wire.DescribeResponse:
        return describe(self._provider)

    async def Fetch(
        self, request: wire.FetchRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[wire.FetchResponse]:
        with self._call(context) as patience:
            answers = answer_fetch(self._provider, self._runner, request, patience)
            async for message in _guarded(answers, context):
                yield message

    async def List(
        self, request: wire.ListRequest, context: grpc.aio.ServicerContext
    ) -> wire.ListResponse:
        with self._call(context) as patience:
            try:
                return await answer_list(self._provider, self._runner, request, patience)
            except Exception as error:
                await abort(context, failure_of(error))
        raise AssertionError("an aborted call has no answer")

    async def Call(
        self, request: wire.CallRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[wire.CallResponse]:
        with self._call(context) as patience:
            answers = answer_call(self._provider, self._runner, request, patience)
            async for message in _guarded(answers, context):
                yield message

    @contextlib.contextmanager
    def _call(self, context: grpc.aio.ServicerContext) -> Iterator[Patience]:
        self._under_way += 1
        self._idle.clear()
        left = context.time_remaining()
        patience = Patience(CALL_MAX if left is None else min(left, CALL_MAX))
        try:
            yield patience
        finally:
            patience.end()
            self._under_way -= 1
            if self._under_way == 0:
                self._idle.set()


def describe(provider: Provider) -> wire.DescribeResponse:
    """Says which provider this is and which types it offers."""
    return wire.DescribeResponse(
        name=provider.name,
        version=provider.version,
        types=[
            wire.OfferedType(
                type=context.spec.type,
                version=context.spec.version,
                listable=context.lister is not None,
            )
            for context in provider.contexts
        ],
    )


async def abort(context: grpc.aio.ServicerContext, failure: wire.Failure) -> None:
    """Ends a call with an error, and says when it may be made again."""
    code = next(code for code in grpc.StatusCode if code.value[0] == failure.code)
    status = wire_pb2.Status(code=failure.code, message=failure.text)
    if failure.HasField("retry_delay"):
        retry = wire_pb2.RetryInfo(retry_delay=failure.retry_delay)
        status.details.add(
            type_url="type.googleapis.com/google.rpc.RetryInfo", value=retry.SerializeToString()
        )
    details = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, failure.text, details if status.details else ())


async def _guarded(
    messages: AsyncGenerator[T, None], context: grpc.aio.ServicerContext
) -> AsyncIterator[T]:
    """The messages, for so long as a call may take. Of a fault of the SDK's own nothing is told."""
    try:
        async with contextlib.aclosing(messages), asyncio.timeout(CALL_MAX):
            async for message in messages:
                yield message
    except TimeoutError:
        text = f"a call may take {CALL_MAX:.0f} s"
        await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, text)
    except Exception as error:
        report("a call", error)
        await abort(context, failure_of(error))
