"""How items are fetched, in full."""

from dataclasses import dataclass
from typing import Literal, Optional


@dataclass(frozen=True)
class FetchOptions:
    """What `Weir.fetch` and its like were given, with the client's defaults filled in."""

    deadline: float
    """When it ends at the latest, by `time.monotonic()`."""
    item_timeout: Optional[float]
    min_quality: Optional[float]
    max_age: Optional[float]
    consistency_token: str
    purpose: str
    links: Literal["follow", "keep"]
    max_value_bytes: int
