"""Several things at once, none of which outlives who waits for it."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Generic
from typing import Optional, Sequence, TypeVar

T = TypeVar("T")


async def all_of(works: Sequence[Coroutine[object, object, T]]) -> list[T]:
    """Waits for all, and raises what the first that fails raises; the others are then cancelled."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        await _end(tasks)


async def merge(sources: Sequence[AsyncIterator[T]]) -> AsyncGenerator[T, None]:
    """Yields from several sources whatever comes first, and raises what the first of them raises.

    One value waits at most. Who leaves early ends them all.
    """
    arrivals: "_Arrivals[T]" = asyncio.Queue(1)

    async def drain(source: AsyncIterator[T]) -> None:
        async for value in source:
            await arrivals.put(_Arrival([value]))

    works = [partial(drain, source) for source in sources]
    async for value in _arriving(arrivals, works):
        yield value


async def map_some(
    source: AsyncIterator[T],
    is_slow: Callable[[T], bool],
    work: Callable[[T], Awaitable[T]],
    at_once: int,
) -> AsyncGenerator[T, None]:
    """Yields what a source brings; in place of what is slow, what `work` makes of it.

    Nothing is held up by what is slow, until so many are worked on at once.
    """
    arrivals: "_Arrivals[T]" = asyncio.Queue(1)
    room = asyncio.Semaphore(at_once)

    async def finish(value: T) -> None:
        try:
            await arrivals.put(_Arrival([await work(value)]))
        finally:
            room.release()

    async def drain() -> None:
        tasks = []
        try:
            async for value in source:
                if is_slow(value):
                    await room.acquire()
                    tasks.append(asyncio.create_task(finish(value)))
                else:
                    await arrivals.put(_Arrival([value]))
            await asyncio.gather(*tasks)
        finally:
            await _end(tasks)

    async for value in _arriving(arrivals, [drain]):
        yield value


@dataclass(frozen=True)
class _Arrival(Generic[T]):
    """A value, or the end of a source."""

    values: list[T]
    error: Optional[Exception] = None
    is_end: bool = False


_Arrivals = asyncio.Queue["_Arrival[T]"]


async def _arriving(
    arrivals: "_Arrivals[T]", works: Sequence[Callable[[], Awaitable[None]]]
) -> AsyncGenerator[T, None]:
    async def tell(work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:
            await arrivals.put(_Arrival([], error))
        else:
            await arrivals.put(_Arrival([], is_end=True))

    tasks = [asyncio.create_task(tell(work)) for work in works]
    left = len(tasks)
    try:
        while left > 0:
            arrival = await arrivals.get()
            for value in arrival.values:
                yield value
            if arrival.error is not None:
                raise arrival.error
            left -= arrival.is_end
    finally:
        await _end(tasks)


async def _end(tasks: Sequence["asyncio.Task[T]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
