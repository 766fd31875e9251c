"""Why a value cannot be had."""

from typing import Optional

import grpc


class ProviderError(Exception):
    """Says why a value cannot be had, or an operation not be done.

    Its text is shown to callers: no secrets, no addresses.

        raise ProviderError(StatusCode.UNAVAILABLE, "the wiki is in maintenance", retry_delay=60)
    """

    def __init__(
        self, code: grpc.StatusCode, text: str, *, retry_delay: Optional[float] = None
    ) -> None:
        """Makes an error.

        Args:
            code: The gRPC status code.
            text: What is wrong, for people.
            retry_delay: When to ask again, in seconds. None: asking again will not help.
        """
        super().__init__(text)
        self.code = code
        self.text = text
        self.retry_delay = retry_delay
