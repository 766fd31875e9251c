"""An API that can be called."""

import asyncio
import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Mapping, Optional, Sequence

from aiohttp import ClientError
from weir.provider import ProviderError, StatusCode
from yarl import URL

from .credentials import Credentials, CredentialSpec
from .guard import Guard, Refused
from .request import RequestSpec, build_request
from .secrets import Secrets
from .send import Incoming, Outgoing, Sender, TooLarge

TIMEOUT = 10.0
"""The time for one request, in seconds, unless an API says otherwise."""

MAX_BYTES = 16 * 1024 * 1024
"""The largest answer read, in bytes, unless an API says otherwise."""

_RETRY_MAX = 3_600.0
_ETAG = re.compile(r'^(?:W/)?"[^"]*"$')


class Api:
    """An API that can be called. Used within `async with`, at whose end its connections close."""

    def __init__(
        self,
        base_url: str,
        *,
        credentials: Mapping[str, CredentialSpec],
        secrets: Secrets,
        is_moved: bool = False,
        outbound_allow: Sequence[str] = (),
        timeout: float = TIMEOUT,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """Creates it; the first request connects.

        Args:
            base_url: Its address, such as `https://api.example.com/v1`.
            credentials: Ways to say who calls, by the name that requests use.
            secrets: Finds the secrets that credentials name.
            is_moved: Whether requests with an address of their own go there too.
            outbound_allow: What may be called besides public addresses: `loopback`, `private`,
                `10.1.0.0/16`.
            timeout: The time for one request, in seconds.
            max_bytes: The largest answer read, in bytes.

        Raises:
            ValueError: The address or what is allowed cannot be read.
        """
        self._base = _base(base_url)
        self._is_moved = is_moved
        self._timeout = timeout
        self._sender = Sender(Guard(outbound_allow), max_bytes)
        self._credentials = Credentials(credentials, secrets, self._sender.send, timeout)

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self._sender.close()

    async def call(
        self, request: RequestSpec, values: Mapping[str, Any], *, known_etag: str = ""
    ) -> Incoming:
        """Makes a request. What says that there is no such thing (404, 410) and that nothing has
        changed (304) is an answer as any other.

        Args:
            request: The request.
            values: Its arguments.
            known_etag: The tag of the answer that is known, for If-None-Match.

        Raises:
            ProviderError: For everything else that is no success.
        """
        try:
            built = build_request(request, values)
        except ValueError as error:
            raise ProviderError(StatusCode.INVALID_ARGUMENT, str(error)) from error
        url = URL(self._base_of(request) + built.target, encoded=True)
        return await self._make(request, url, dict(built.headers), built.body, known_etag)

    async def follow(self, request: RequestSpec, target: str) -> Incoming:
        """Makes the same request of a path that the API itself has named; it has to lie on the same
        host.

        Raises:
            ProviderError: It does not, or as of `call`.
        """
        base = URL(self._base_of(request) + "/", encoded=True)
        try:
            url = base.join(URL(target))
            is_same = url.origin() == base.origin()
        except ValueError:
            is_same = False
        if not is_same:
            raise ProviderError(StatusCode.INTERNAL, "the API names a next page on another host")
        return await self._make(request, url, {"accept": request.accept}, None, "")

    def _base_of(self, request: RequestSpec) -> str:
        if request.base_url is None or self._is_moved:
            return self._base
        return _base(request.base_url)

    async def _make(
        self,
        request: RequestSpec,
        url: URL,
        headers: dict[str, str],
        body: Optional[bytes],
        known_etag: str,
    ) -> Incoming:
        try:
            async with asyncio.timeout(self._timeout):
                applied = await self._credentials.apply(request.security)
                query = "&".join(filter(None, [url.raw_query_string, *applied.query]))
                cookies = "; ".join(filter(None, [headers.get("cookie"), *applied.cookies]))
                sent = {"user-agent": "weir-provider", **headers}
                if cookies:
                    sent["cookie"] = cookies
                if _ETAG.match(known_etag):
                    sent["if-none-match"] = known_etag
                sent.update(applied.headers)
                whole = str(url.with_query(None)) + (f"?{query}" if query else "")
                incoming = await self._sender.send(
                    Outgoing(request.method, URL(whole, encoded=True), sent, body)
                )
        except (Refused, TooLarge, TimeoutError, ClientError, OSError, ValueError) as error:
            raise _failure(error, self._timeout) from error
        if incoming.status == 401:
            self._credentials.forget(applied)
        _check(incoming, applied.references)
        return incoming


def _base(url: str) -> str:
    parsed = URL(url)
    if not parsed.is_absolute() or parsed.scheme not in ("http", "https"):
        raise ValueError(f'"{url}" is no address of an API, such as https://api.example.com/v1')
    return url.rstrip("/")


def _check(incoming: Incoming, references: Sequence[str]) -> None:
    status = incoming.status
    if 200 <= status < 300 or status in (304, 404, 410):
        return
    if status in (401, 403):
        used = ", ".join(references) or "a request without credentials"
        text = f"the API refuses {used} (status {status})"
        raise ProviderError(StatusCode.FAILED_PRECONDITION, text)
    told = f"the API answers with status {status}"
    delay = _retry_delay(incoming.headers.get("retry-after"))
    if status == 429:
        delay = 1.0 if delay is None else delay
        raise ProviderError(StatusCode.RESOURCE_EXHAUSTED, told, retry_delay=delay)
    if status >= 500:
        raise ProviderError(StatusCode.UNAVAILABLE, told, retry_delay=delay)
    code = StatusCode.UNAVAILABLE if status < 400 else StatusCode.INVALID_ARGUMENT
    raise ProviderError(code, told)


def _retry_delay(text: Optional[str]) -> Optional[float]:
    """Retry-After is a number of seconds or a date."""
    if text is None:
        return None
    if re.fullmatch("[0-9]{1,9}", text):
        return min(float(text), _RETRY_MAX)
    date = parse_date(text)
    if date is None:
        return None
    return min(max(0.0, (date - datetime.now(timezone.utc)).total_seconds()), _RETRY_MAX)


def parse_date(text: str) -> Optional[datetime]:
    """A date as headers have it; None when it is none."""
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)


def _failure(error: Exception, timeout: float) -> ProviderError:
    """What callers may learn of it: the address stays with who runs the provider."""
    cause: Optional[BaseException] = error
    while cause is not None and not isinstance(cause, Refused):
        cause = cause.__cause__
    if cause is not None:
        text = "the address of the API, or where it redirects to, may not be called"
        return ProviderError(StatusCode.FAILED_PRECONDITION, text)
    if isinstance(error, TooLarge):
        return ProviderError(StatusCode.RESOURCE_EXHAUSTED, str(error))
    if isinstance(error, TimeoutError):
        text = f"the API did not answer within {timeout:g} s"
        return ProviderError(StatusCode.DEADLINE_EXCEEDED, text)
    return ProviderError(StatusCode.UNAVAILABLE, "the API cannot be reached", retry_delay=1.0)
