"""How calls travel: to one of several addresses, with the key, a deadline, and retries."""

import asyncio
import math
import time
from dataclasses import dataclass
from typing import Any, AsyncIterator, Callable, Optional, Sequence, Union
from urllib.parse import urlsplit

import grpc
import grpc.aio

from weir._backoff import Backoff
from weir._client.safe import SAFE_METHODS
from weir.errors import WeirCallError, to_call_error

ADDRESSES_MAX = 16
"""The most addresses of a client."""

RECEIVE_MAX_BYTES = 8 * 1024 * 1024
"""Messages larger than this are refused on arrival: a full response budget and its envelope."""

_BACKOFF = Backoff(first=0.05, most=2)

# How long a call waits for a connection that is being made again, and how often it looks, in seconds.
_RECONNECT_WAIT = 0.5
_RECONNECT_LOOK = 0.02

_OPTIONS = [
    ("grpc.max_receive_message_length", RECEIVE_MAX_BYTES),
    ("grpc.max_send_message_length", RECEIVE_MAX_BYTES),
    # The faults of a document are told in the trailer.
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A Weir that comes back is found at once, not after the minutes of gRPC's own backoff.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Each client has its own connections; closing one breaks no other.
    ("grpc.use_local_subchannel_pool", 1),
    # Retries are ours: gRPC's own know neither the budget nor which calls are safe.
    ("grpc.enable_retries", 0),
]


@dataclass(frozen=True)
class Tls:
    """The certificates of https connections, in PEM."""

    ca: Optional[bytes] = None
    """The authorities of Weir's certificate. Default: those of the system."""
    cert: Optional[bytes] = None
    """The certificate to show. Default: none."""
    key: Optional[bytes] = None
    """Its private key."""


@dataclass(frozen=True)
class CallPolicy:
    """How calls are made."""

    key: Optional[str]
    """The key, sent with every call. None: none is."""
    timeout: float
    """The time of a call that sets none itself, in seconds."""
    retries: int
    """How often a call is tried again at most."""


class _Way:
    """One address, and the connections to it."""

    def __init__(self, url: str, tls: Optional[Tls]) -> None:
        self.url = url
        self._tls = tls
        self._channel: Optional[grpc.aio.Channel] = None

    async def channel(self, deadline: Optional[float]) -> grpc.aio.Channel:
        # Made with the first call, for it belongs to the event loop that runs then.
        if self._channel is None:
            self._channel = _open(self.url, self._tls)
        # While gRPC waits to connect again it fails calls at once, which would use retries up.
        end = min(time.monotonic() + _RECONNECT_WAIT, deadline or math.inf)
        while (
            self._channel.get_state() is grpc.ChannelConnectivity.TRANSIENT_FAILURE
            and time.monotonic() < end
        ):
            await asyncio.sleep(_RECONNECT_LOOK)
        return self._channel

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()


class Channel:
    """Carries the calls of generated stubs; raises `WeirCallError` only.

    Calls go to the first address until it is UNAVAILABLE, then to the next one, and after the last
    one to the first again. Safe calls are tried again within their deadline.
    """

    def __init__(self, urls: Sequence[str], tls: Optional[Tls], policy: CallPolicy) -> None:
        self._ways = [_Way(url.rstrip("/"), tls) for url in urls]
        self._at = 0
        self._policy = policy
        self._budget = _RetryBudget()

    def current(self) -> str:
        """The address that calls go to now."""
        return self._ways[self._at].url

    async def close(self) -> None:
        """Ends the connections; calls under way fail."""
        for way in self._ways:
            await way.close()

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Any],
    ) -> Callable[..., Any]:
        """What a stub calls a method with."""

        async def once(request: Any, deadline: float) -> Any:
            way = self._ways[self._at]
            channel = await way.channel(deadline)
            call = channel.unary_unary(method, request_serializer, response_deserializer)
            left = _left(deadline)
            try:
                return await call(request, timeout=left, metadata=self._metadata())
            except grpc.RpcError as error:
                raise self._left(way, to_call_error(error)) from error

        async def call(request: Any, *, timeout: Optional[float] = None) -> Any:
            deadline = time.monotonic() + (timeout or self._policy.timeout)
            attempt = 0
            while True:
                try:
                    answer = await once(request, deadline)
                    self._budget.succeeded()
                    return answer
                except WeirCallError as error:
                    wait = max(_BACKOFF.wait(attempt), error.retry_delay or 0)
                    is_hopeful = (
                        attempt < self._policy.retries
                        and _is_safe(method, request)
                        and _is_passing(error)
                        and time.monotonic() + wait < deadline
                    )
                    if not is_hopeful or not self._budget.allows():
                        raise
                await asyncio.sleep(wait)
                attempt += 1

        return call

    def unary_stream(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Any],
    ) -> Callable[..., AsyncIterator[Any]]:
        """What a stub calls a method with that answers in a stream."""

        async def call(
            request: Any, *, timeout: Optional[float] = None, silence: Optional[float] = None
        ) -> AsyncIterator[Any]:
            way = self._ways[self._at]
            # A stream that may last for ever is held to be lost when it falls silent instead.
            limit = None if silence is not None else timeout or self._policy.timeout
            deadline = None if limit is None else time.monotonic() + limit
            channel = await way.channel(deadline)
            multi = channel.unary_stream(method, request_serializer, response_deserializer)
            left = None if deadline is None else _left(deadline)
            answer = multi(request, timeout=left, metadata=self._metadata())
            try:
                while True:
                    try:
                        message = await asyncio.wait_for(answer.read(), silence)
                    except asyncio.TimeoutError:
                        lost = WeirCallError(
                            grpc.StatusCode.UNAVAILABLE, f"nothing came for {silence} s"
                        )
                        raise self._left(way, lost) from None
                    if message is grpc.aio.EOF:
                        return
                    yield message
            except grpc.RpcError as error:
                raise self._left(way, to_call_error(error)) from error
            finally:
                answer.cancel()

        return call

    def _metadata(self) -> Sequence[tuple[str, str]]:
        key = self._policy.key
        return () if key is None else (("authorization", f"Bearer {key}"),)

    def _left(self, way: _Way, error: WeirCallError) -> WeirCallError:
        """Calls that failed together move on once."""
        if error.code is grpc.StatusCode.UNAVAILABLE and way is self._ways[self._at]:
            self._at = (self._at + 1) % len(self._ways)
        return error


class _RetryBudget:
    """Keeps retries from feeding an overload, as gRPC's retry throttling does.

    Each failure takes a token, each success returns a tenth of one, and below half of the tokens
    nothing is retried.
    """

    def __init__(self) -> None:
        self._most = 20.0
        self._tokens = self._most

    def succeeded(self) -> None:
        self._tokens = min(self._most, self._tokens + 0.1)

    def allows(self) -> bool:
        self._tokens = max(0.0, self._tokens - 1)
        return self._tokens > self._most / 2


def check_urls(given: Union[str, Sequence[str]]) -> list[str]:
    """The addresses that somebody gave.

    Raises ValueError when one cannot be right, or there are none or too many.
    """
    urls = [given] if isinstance(given, str) else list(given)
    for url in urls:
        _check_url(url)
    if not 1 <= len(urls) <= ADDRESSES_MAX:
        raise ValueError(f"url has {len(urls)} addresses: give 1 to {ADDRESSES_MAX}")
    return urls


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        parts.port  # Raises ValueError when it is none.
    except ValueError as error:
        raise ValueError(f'url "{url}" is no URL ({error})') from error
    if parts.username is not None or parts.password is not None:
        raise ValueError("url holds user info: drop it and give the key as `key`")
    fault = (
        "is not http or https"
        if parts.scheme not in ("http", "https") or not parts.hostname
        else "has a path or query, which gRPC has no place for"
        if parts.path.strip("/") or parts.query or parts.fragment
        else None
    )
    if fault:
        raise ValueError(f'url "{url}" {fault}: write it like http://127.0.0.1:7070')


def _open(url: str, tls: Optional[Tls]) -> grpc.aio.Channel:
    parts = urlsplit(url)
    host = parts.hostname or ""
    target = f"[{host}]" if ":" in host else host
    if parts.scheme == "http":
        return grpc.aio.insecure_channel(f"{target}:{parts.port or 80}", options=_OPTIONS)
    given = tls or Tls()
    credentials = grpc.ssl_channel_credentials(given.ca, given.key, given.cert)
    return grpc.aio.secure_channel(f"{target}:{parts.port or 443}", credentials, options=_OPTIONS)


def _left(deadline: float) -> float:
    """The time until a deadline, no finer than gRPC tells it.

    gRPC rounds what it tells the server up, from 1 s to tens of milliseconds, from 10 s to hundreds and
    so on. The server would then answer with what is there when nobody waits any more.
    """
    left = deadline - time.monotonic()
    if left < 1:
        return max(0.001, left)
    grain = 10.0 ** (math.floor(math.log10(left)) - 2)
    # A little less, for gRPC reads its clocks later, and by milliseconds.
    return math.floor(left / grain) * grain - 0.002


def _is_safe(method: str, request: Any) -> bool:
    """What has an idempotency key is done once, however often it is sent."""
    return method in SAFE_METHODS or bool(getattr(request, "idempotency_key", ""))


def _is_passing(error: WeirCallError) -> bool:
    if error.code is grpc.StatusCode.UNAVAILABLE:
        return True
    return error.code is grpc.StatusCode.RESOURCE_EXHAUSTED and error.retry_delay is not None
