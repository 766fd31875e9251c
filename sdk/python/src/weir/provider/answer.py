"""Answers batches."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Optional, Sequence

import grpc

from weir._concurrency import all_of
from weir.gen.weir.provider.v1 import provider_pb2 as wire
from weir.provider.caller import caller_of
from weir.provider.context import Answer, Context, Patience, Query
from weir.provider.definition import Provider
from weir.provider.encode import MESSAGE_MAX_BYTES, Encoded, encode_answer, encode_error
from weir.provider.encode import encode_part
from weir.provider.errors import ProviderError
from weir.provider.running import Runner, report

# No further query is begun while so much waits to be sent to a slow router.
_UNSENT_MAX_BYTES = 4 * MESSAGE_MAX_BYTES


async def answer_fetch(
    provider: Provider, runner: Runner, request: wire.FetchRequest, patience: Patience
) -> AsyncGenerator[wire.FetchResponse, None]:
    """Answers a batch: runs its queries side by side and sends what is ready without waiting for the
    rest.

    What becomes ready in one turn of the event loop shares a message. Large values go in parts, as
    fast as the router takes them. An error of one query is that query's alone.
    """
    batch = _Batch(provider, runner, request, patience)
    workers = [asyncio.create_task(batch.work()) for _ in range(batch.width)]
    try:
        left = len(request.queries)
        while left > 0:
            ready = await batch.inbox.take()
            left -= sum(each.is_last for each in ready)
            for message in _in_messages(ready):
                yield message
    finally:
        patience.end()
        for worker in workers:
            worker.cancel()


@dataclass(frozen=True)
class _Job:
    index: int
    query: Query


_Task = Callable[[], Awaitable[None]]


class _Batch:
    def __init__(
        self, provider: Provider, runner: Runner, request: wire.FetchRequest, patience: Patience
    ) -> None:
        self.inbox = _Inbox()
        self._runner = runner
        tasks = list(self._tasks(provider, request, patience))
        self.width = min(provider.concurrency, len(tasks))
        self._tasks_left = iter(tasks)

    async def work(self) -> None:
        """Does what is left to be done, one after the other; one of several that do so."""
        for task in self._tasks_left:
            await self.inbox.room()
            try:
                await task()
            except Exception as error:
                self.inbox.fail(error)

    def _tasks(
        self, provider: Provider, request: wire.FetchRequest, patience: Patience
    ) -> Iterator[_Task]:
        """One task per query, or per context where the author fetches many at once."""
        caller = caller_of(request.caller)
        together: dict[Context, list[_Job]] = {}
        for index, wanted in enumerate(request.queries):
            query = Query(wanted.key, wanted.known_etag, caller, patience)
            context = context_of(provider, wanted.type, wanted.type_version)
            if context is None:
                yield self._not_offered(index, f"{wanted.type}@{wanted.type_version}")
            elif not wanted.key.startswith(context.spec.key_prefix):
                yield self._no_such_key(index)
            elif context.fetch_many is None:
                yield self._fetch_one(context, _Job(index, query))
            else:
                together.setdefault(context, []).append(_Job(index, query))
        for context, jobs in together.items():
            yield self._fetch_together(context, jobs)

    def _not_offered(self, index: int, type_name: str) -> _Task:
        text = f"this provider does not offer {type_name}"
        error = ProviderError(grpc.StatusCode.UNIMPLEMENTED, text)
        return lambda: self._send(index, encode_error(error))

    def _no_such_key(self, index: int) -> _Task:
        return lambda: self._send(index, encode_answer(None, ""))

    def _fetch_one(self, context: Context, job: _Job) -> _Task:
        async def fetch() -> Answer:
            assert context.fetch is not None
            return await self._runner.run(context.fetch, job.query)

        return lambda: self._finish(context, job, fetch)

    def _fetch_together(self, context: Context, jobs: Sequence[_Job]) -> _Task:
        async def fetch_many() -> Sequence[Answer]:
            assert context.fetch_many is not None
            queries = [job.query for job in jobs]
            answers: Sequence[Answer] = await self._runner.run(context.fetch_many, queries)
            if len(answers) != len(queries):
                counts = f"{len(answers)} answers to {len(queries)} queries"
                text = f"the function returned {counts}: return one for each, in their order"
                raise ValueError(text)
            return answers

        async def run() -> None:
            answers = asyncio.ensure_future(fetch_many())

            async def one(position: int) -> Answer:
                answer = (await answers)[position]
                if isinstance(answer, ProviderError):
                    raise answer
                return answer

            await all_of(
                [
                    self._finish(context, job, partial(one, position))
                    for position, job in enumerate(jobs)
                ]
            )

        return run

    async def _finish(
        self, context: Context, job: _Job, fetch: Callable[[], Awaitable[Answer]]
    ) -> None:
        try:
            answer = await fetch()
            await self._send(job.index, encode_answer(answer, job.query.known_etag))
        except Exception as error:
            report(f"{context.spec.type}/{job.query.key}", error)
            await self._send(job.index, encode_error(error))

    async def _send(self, index: int, encoded: Encoded) -> None:
        """Puts an outcome into the inbox, and its parts, each once there is room for it."""
        held = encoded
        # Each waits for the next, so that a stream that fails at its end can still be taken back.
        async for part in _each(encoded.parts):
            self.inbox.put(_Ready(index, held, is_last=False))
            held = encode_part(part)
            await self.inbox.room()
        self.inbox.put(_Ready(index, held, is_last=True))


def context_of(provider: Provider, type_name: str, version: str) -> Optional[Context]:
    """The context of a type, in a version or in any."""
    for context in provider.contexts:
        if context.spec.type == type_name and version in ("", context.spec.version):
            return context
    return None


async def _each(parts: object) -> AsyncIterator[bytes]:
    if isinstance(parts, AsyncIterator):
        async for part in parts:
            yield part
    elif isinstance(parts, Iterator):
        for part in parts:
            yield part


@dataclass(frozen=True)
class _Ready:
    index: int
    encoded: Encoded
    is_last: bool
    """Nothing follows for the query."""


class _Inbox:
    """Results on their way from the queries to the call."""

    def __init__(self) -> None:
        self._ready: list[_Ready] = []
        self._size = 0
        self._error: Optional[Exception] = None
        self._arrived = asyncio.Event()
        self._left = asyncio.Event()

    def put(self, ready: _Ready) -> None:
        self._ready.append(ready)
        self._size += ready.encoded.size
        self._arrived.set()

    def fail(self, error: Exception) -> None:
        """A fault of the SDK's own: it must not leave the call without an end."""
        self._error = error
        self._arrived.set()

    async def take(self) -> list[_Ready]:
        """The results since the last time, at the end of a turn in which there are some."""
        await self._arrived.wait()
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        taken, self._ready, self._size = self._ready, [], 0
        self._arrived.clear()
        self._left.set()
        return taken

    async def room(self) -> None:
        """Returns once there is room for more."""
        while self._size > _UNSENT_MAX_BYTES:
            self._left.clear()
            await self._left.wait()


def _in_messages(ready: Sequence[_Ready]) -> Iterator[wire.FetchResponse]:
    message = wire.FetchResponse()
    size = 0
    for each in ready:
        if size > 0 and size + each.encoded.size > MESSAGE_MAX_BYTES:
            yield message
            message = wire.FetchResponse()
            size = 0
        each.encoded.result.index = each.index
        message.results.append(each.encoded.result)
        size += each.encoded.size
    if size > 0:
        yield message
