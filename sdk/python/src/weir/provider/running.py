"""Runs the functions of an author, whether they are `async` or not."""

import asyncio
import contextvars
import inspect
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

from weir.provider.errors import ProviderError

log = logging.getLogger("weir.provider")
"""Where errors are told of that callers learn nothing of."""


class Runner:
    """Runs functions: those that are not `async` in threads, up to so many at once."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="weir-provider")

    async def run(self, function: Callable[..., Any], *given: object) -> Any:
        """Calls a function and waits for what it returns."""
        try:
            if _is_async(function):
                return await function(*given)
            answer = await self._run_in_thread(function, *given)
            # Such as of a lambda around an async function.
            return await answer if inspect.isawaitable(answer) else answer
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # It is not this call that is cancelled, and it must not end without an answer.
            raise RuntimeError("the function waited for something that was cancelled") from error

    async def _run_in_thread(self, function: Callable[..., Any], *given: object) -> Any:
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, context.run, _call, function, *given)

    def close(self) -> None:
        """Waits for no thread; what has not begun does not begin."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def report(what: str, error: Exception) -> None:
    """Logs an error that callers learn nothing of."""
    if not isinstance(error, ProviderError):
        log.error("the provider failed at %s", what, exc_info=error)


def _call(function: Callable[..., Any], *given: object) -> Any:
    try:
        return function(*given)
    except StopIteration as error:
        # No future takes it: who waits would wait for ever.
        raise RuntimeError("the function raised StopIteration") from error


def _is_async(function: Callable[..., Any]) -> bool:
    called = getattr(function, "__call__", function)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)
