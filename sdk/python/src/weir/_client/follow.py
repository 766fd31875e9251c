"""Turns outcomes with links into outcomes with values."""

from typing import AsyncGenerator, Callable, Optional

import grpc

from weir._client.channel import Tls
from weir._client.link import read_link
from weir._client.options import FetchOptions
from weir.errors import Refusal, WeirCallError
from weir.item import Arrived, Item, Link, Outcome, refused, with_data

FOLLOWED_AT_ONCE = 4
"""How many links of one fetch are read at once."""


class Follower:
    """Follows the links of a Weir, at the address of the moment."""

    def __init__(self, base: Callable[[], str], tls: Optional[Tls]) -> None:
        self._base = base
        self._tls = tls

    async def follow(self, outcome: Outcome, options: FetchOptions) -> Outcome:
        """The outcome with its value, or a refusal. Never raises for what is wrong with the link."""
        link = link_of(outcome)
        if not isinstance(outcome, Arrived) or link is None or options.links == "keep":
            return outcome
        if link.size_bytes > options.max_value_bytes:
            return refused(outcome, _too_large(link, options.max_value_bytes))
        try:
            pieces = [piece async for piece in self._read(link, options.deadline)]
        except WeirCallError as error:
            refusal = Refusal(error.code, error.reason, error.text, error.retry_delay)
            return refused(outcome, refusal)
        return with_data(outcome, b"".join(pieces))

    async def read(self, item: Item, deadline: float) -> AsyncGenerator[bytes, None]:
        """Reads the value of any item, whether it came along or lies at a link."""
        if item.link is None or item.data:
            yield item.data
            return
        async for piece in self._read(item.link, deadline):
            yield piece

    def _read(self, link: Link, deadline: float) -> AsyncGenerator[bytes, None]:
        return read_link(link, base=self._base(), tls=self._tls, deadline=deadline)


def link_of(outcome: Outcome) -> Optional[Link]:
    """The link of an outcome that is not followed yet."""
    return outcome.item.link if isinstance(outcome, Arrived) else None


def _too_large(link: Link, max_value_bytes: int) -> Refusal:
    text = (
        f"the value has {link.size_bytes} bytes, and at most {max_value_bytes} are read: raise "
        'max_value_bytes, or fetch it with links="keep" and read it with read_value'
    )
    return Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "ITEM_TOO_LARGE", text)
