"""Fetches batches, and what of them did not fit into an answer."""

import time
from dataclasses import dataclass
from typing import Iterator, Optional, Sequence

from weir._concurrency import all_of
from weir._client.options import FetchOptions
from weir._times import duration
from weir.errors import WeirCallError
from weir.gen.weir.context.v1.context_pb2 import ContextRef
from weir.gen.weir.router.v1.router_pb2 import FetchContextRequest
from weir.gen.weir.router.v1.router_pb2_grpc import RouterServiceStub
from weir.item import Outcome, Refused, read_outcome
from weir.ref import Ref, RefInput, to_ref

BATCH_MAX = 256
"""The most refs that a call may carry."""

PARALLEL_CALLS = 4
"""How many calls of one fetch are under way at once."""


@dataclass(frozen=True)
class Wanted:
    """A ref and its position among those asked for."""

    ref: Ref
    index: int


def ref_to_wire(ref: Ref) -> ContextRef:
    """A ref as messages have it."""
    return ContextRef(
        type=ref.type, key=ref.key, version_range=ref.version_range, provider=ref.provider
    )


def fetch_request(batch: Sequence[Wanted], options: FetchOptions) -> FetchContextRequest:
    """The request for some refs."""
    item_timeout, max_age = options.item_timeout, options.max_age
    return FetchContextRequest(
        refs=[ref_to_wire(wanted.ref) for wanted in batch],
        min_quality=options.min_quality or 0,
        consistency_token=options.consistency_token,
        purpose=options.purpose,
        item_timeout=None if item_timeout is None else duration(item_timeout),
        max_age=None if max_age is None else duration(max_age),
    )


def to_batches(refs: Sequence[RefInput]) -> list[list[Wanted]]:
    """Cuts refs into batches of a size that a call may carry."""
    wanted = [Wanted(to_ref(ref), index) for index, ref in enumerate(refs)]
    return [wanted[at : at + BATCH_MAX] for at in range(0, len(wanted), BATCH_MAX)]


async def fetch_all(
    router: RouterServiceStub, refs: Sequence[RefInput], options: FetchOptions
) -> list[Outcome]:
    """Fetches any number of refs; the outcomes are in the order given."""
    fetching = _Fetching(router, options, len(refs))
    batches = iter(to_batches(refs))
    await all_of([fetching.work(batches) for _ in range(PARALLEL_CALLS)])
    return fetching.outcomes()


class _Fetching:
    def __init__(self, router: RouterServiceStub, options: FetchOptions, count: int) -> None:
        self._router = router
        self._options = options
        self._outcomes: list[Optional[Outcome]] = [None] * count

    def outcomes(self) -> list[Outcome]:
        return [outcome for outcome in self._outcomes if outcome is not None]

    async def work(self, batches: Iterator[list[Wanted]]) -> None:
        for batch in batches:
            await self._fetch(batch)

    async def _fetch(self, batch: list[Wanted]) -> None:
        """What does not fit into the response budget is asked for again, in batches of a size that
        fits; an item that does not fit alone stays refused."""
        pending = await self._ask(batch)
        size = _next_size(len(batch), len(pending))
        while pending:
            part = pending[:size]
            try:
                refused = await self._ask(part)
            except WeirCallError:
                # What has come so far is kept, and the rest stays refused.
                return
            again = refused if len(part) > 1 else []
            pending = again + pending[size:]
            size = _next_size(len(part), len(refused))

    async def _ask(self, batch: list[Wanted]) -> list[Wanted]:
        """Makes one call, keeps its outcomes, and returns what was over the response budget."""
        left = max(0.001, self._options.deadline - time.monotonic())
        answer = await self._router.FetchContext(fetch_request(batch, self._options), timeout=left)
        results = {result.index: result for result in answer.results}
        over = []
        for position, wanted in enumerate(batch):
            outcome = read_outcome(wanted.ref, wanted.index, results.get(position))
            self._outcomes[wanted.index] = outcome
            if isinstance(outcome, Refused) and outcome.refusal.reason == "RESPONSE_BUDGET":
                over.append(wanted)
        return over


def _next_size(asked: int, refused: int) -> int:
    if refused == 0:
        return min(BATCH_MAX, asked * 2)
    return asked - refused if refused < asked else max(1, asked // 2)
