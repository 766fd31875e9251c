"""How long to wait before something is tried again."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """The bounds of a backoff, in seconds."""

    first: float
    """The greatest wait before the first retry."""
    most: float
    """The greatest wait before any retry."""

    def wait(self, attempt: int) -> float:
        """The wait before retry `attempt`, from 0.

        It is exponential, with jitter over its upper half, so that clients that failed together do
        not come back together.
        """
        ceiling = min(self.most, self.first * 2.0 ** min(attempt, 60))
        return ceiling * (0.5 + random.random() / 2)
