"""Streams batches, and takes up again what breaks off."""

import asyncio
import time
from typing import AsyncGenerator, AsyncIterator, Optional, Sequence

import grpc

from weir._backoff import Backoff
from weir._client.fetch import Wanted, fetch_request, to_batches
from weir._concurrency import merge
from weir._client.options import FetchOptions
from weir.errors import WeirCallError
from weir.gen.weir.router.v1.router_pb2 import StreamContextRequest
from weir.gen.weir.router.v1.router_pb2_grpc import RouterServiceStub
from weir.item import Outcome, Refused, read_outcome
from weir.ref import RefInput

_BACKOFF = Backoff(first=0.05, most=2)


def stream_all(
    router: RouterServiceStub, refs: Sequence[RefInput], options: FetchOptions, retries: int
) -> AsyncGenerator[Outcome, None]:
    """Streams any number of refs; each outcome comes as soon as it is there."""
    return merge([_stream_batch(router, batch, options, retries) for batch in to_batches(refs)])


async def _stream_batch(
    router: RouterServiceStub, batch: list[Wanted], options: FetchOptions, retries: int
) -> AsyncGenerator[Outcome, None]:
    """When the stream breaks off, what is still open is asked for again: of another router, when the
    one that was asked stops. So is what it had no room for, once there is some."""
    left = batch
    attempt = 0
    while left:
        asked = left
        crowded: list[Refused] = []
        failure: Optional[WeirCallError] = None
        wait: Optional[float]
        try:
            async for wanted, outcome in _stream_once(router, asked, options):
                if isinstance(outcome, Refused) and _is_crowded(outcome):
                    crowded.append(outcome)
                    continue
                left = [each for each in left if each is not wanted]
                yield outcome
            if not crowded:
                return
            # Where some were served there is room for others; where none was, not for ever.
            is_hopeful = len(left) < len(asked) or attempt < retries
            delays = [each.refusal.retry_delay or 0 for each in crowded]
            wait = max(delays) if is_hopeful else None
        except WeirCallError as error:
            failure = error
            wait = _wait_before_retry(error, attempt, retries)
        if wait is None or time.monotonic() + wait >= options.deadline:
            if failure is not None:
                raise failure
            for each in crowded:
                yield each
            return
        await asyncio.sleep(wait)
        attempt += 1


async def _stream_once(
    router: RouterServiceStub, batch: list[Wanted], options: FetchOptions
) -> AsyncIterator[tuple[Wanted, Outcome]]:
    request = StreamContextRequest(fetch=fetch_request(batch, options))
    timeout = max(0.001, options.deadline - time.monotonic())
    async for message in router.StreamContext(request, timeout=timeout):
        result = message.result
        if result.index < len(batch):
            wanted = batch[result.index]
            yield wanted, read_outcome(wanted.ref, wanted.index, result)


def _is_crowded(outcome: Refused) -> bool:
    """The router had no room for the item then."""
    return outcome.refusal.reason in ("RESPONSE_BUDGET", "OVERLOADED")


def _wait_before_retry(error: WeirCallError, attempt: int, retries: int) -> Optional[float]:
    """None: the error will not pass."""
    if error.code is not grpc.StatusCode.UNAVAILABLE or attempt >= retries:
        return None
    return max(_BACKOFF.wait(attempt), error.retry_delay or 0)
