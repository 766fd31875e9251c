"""Gathers the gets of one turn of the event loop into one call."""

import asyncio
import time
from dataclasses import dataclass, replace
from typing import Optional

from weir._client.fetch import BATCH_MAX, fetch_all
from weir._client.options import FetchOptions
from weir.errors import WeirCallError, late
from weir.gen.weir.router.v1.router_pb2_grpc import RouterServiceStub
from weir.item import Outcome
from weir.ref import Ref


@dataclass(frozen=True, eq=False)
class _Waiting:
    """One caller's wait, with its own time, whatever the shared call does."""

    ref: Ref
    deadline: float
    answer: "asyncio.Future[Outcome]"


class Gatherer:
    """Gets items, in one call those that are asked for together and alike."""

    def __init__(self, router: RouterServiceStub) -> None:
        self._router = router
        self._gathered: dict[FetchOptions, list[_Waiting]] = {}

    async def get(self, ref: Ref, options: FetchOptions) -> Outcome:
        """The outcome of a ref. Raises WeirCallError when the whole call failed, or is late."""
        loop = asyncio.get_running_loop()
        if not self._gathered:
            loop.call_soon(self._flush)
        waiting = _Waiting(ref, options.deadline, loop.create_future())
        self._gathered.setdefault(replace(options, deadline=0), []).append(waiting)
        try:
            async with asyncio.timeout(options.deadline - time.monotonic()):
                return await waiting.answer
        except TimeoutError:
            raise late("no answer came in time") from None

    def _flush(self) -> None:
        gathered, self._gathered = self._gathered, {}
        for options, group in gathered.items():
            for at in range(0, len(group), BATCH_MAX):
                self._begin(group[at : at + BATCH_MAX], options)

    def _begin(self, group: list[_Waiting], options: FetchOptions) -> None:
        call = asyncio.create_task(self._call(group, options))

        def leave(_: object) -> None:
            """The call ends once nobody waits for it any more."""
            if all(waiting.answer.done() for waiting in group):
                call.cancel()

        for waiting in group:
            waiting.answer.add_done_callback(leave)

    async def _call(self, group: list[_Waiting], options: FetchOptions) -> None:
        latest = max(waiting.deadline for waiting in group)
        outcomes: list[Outcome] = []
        failure: Optional[Exception] = None
        try:
            refs = [waiting.ref for waiting in group]
            outcomes = await fetch_all(self._router, refs, replace(options, deadline=latest))
        except Exception as error:
            failure = error
        for at, waiting in enumerate(group):
            if waiting.answer.done():
                continue
            if failure is None:
                waiting.answer.set_result(outcomes[at])
            else:
                waiting.answer.set_exception(_own(failure))


def _own(failure: Exception) -> Exception:
    """An error that is raised in several tasks would gather the traces of all."""
    if not isinstance(failure, WeirCallError):
        return failure
    return WeirCallError(
        failure.code,
        failure.text,
        reason=failure.reason,
        retry_delay=failure.retry_delay,
        violations=failure.violations,
        request_id=failure.request_id,
    )
