"""Sends requests, and reads their answers within bounds."""

import zlib
from dataclasses import dataclass, replace
from typing import Mapping, Optional

from aiohttp import ClientResponse, ClientSession, DummyCookieJar, TCPConnector
from yarl import URL

from .guard import Guard, Refused

_REDIRECTS_MAX = 3
_CONNECTIONS_MAX = 100
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class Outgoing:
    """A request as it goes out."""

    method: str
    url: URL
    headers: Mapping[str, str]
    body: Optional[bytes] = None


@dataclass(frozen=True)
class Incoming:
    """What came back; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TooLarge(Exception):
    """The answer holds more than may be read."""


class Sender:
    """Sends requests where a guard lets them go. It is closed by `close`."""

    def __init__(self, guard: Guard, max_bytes: int) -> None:
        """Creates it; `max_bytes` is the largest body read, once it is unpacked."""
        self._guard = guard
        self._max_bytes = max_bytes
        self._sessions: dict[str, ClientSession] = {}

    async def send(self, outgoing: Outgoing) -> Incoming:
        """Sends a request and reads the answer whole. A redirect is followed to the same host only,
        and for GET only.

        Raises Refused where the address may not be called, and for a redirect to another host;
        TooLarge when the answer has more than may be read; aiohttp's errors when it cannot be had.
        """
        url = outgoing.url
        for _ in range(_REDIRECTS_MAX + 1):
            incoming = await self._send_once(replace(outgoing, url=url))
            location = incoming.headers.get("location")
            is_redirect = 301 <= incoming.status <= 308 and incoming.status != 304
            if not is_redirect or location is None or outgoing.method != "GET":
                return incoming
            onward = url.join(URL(location))
            if onward.origin() != url.origin():
                text = f"the API redirects from {url.host} to another host, which is not followed"
                raise Refused(text)
            url = onward
        raise Refused(f"the API redirects more than {_REDIRECTS_MAX} times")

    async def close(self) -> None:
        """Closes the connections."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    async def _send_once(self, outgoing: Outgoing) -> Incoming:
        self._guard.check(outgoing.url)
        headers = {"accept-encoding": "gzip, deflate", **outgoing.headers}
        session = self._session(outgoing.url.scheme)
        async with session.request(
            outgoing.method,
            outgoing.url,
            headers=headers,
            data=outgoing.body,
            allow_redirects=False,
        ) as response:
            flat: dict[str, str] = {}
            for name, value in response.headers.items():
                lower = name.lower()
                flat[lower] = f"{flat[lower]}, {value}" if lower in flat else value
            body = await _read_body(response, self._max_bytes)
            return Incoming(response.status, flat, body)

    def _session(self, scheme: str) -> ClientSession:
        """Each scheme has its own, since the guard looks at addresses by the scheme."""
        held = self._sessions.get(scheme)
        if held is None:
            connector = TCPConnector(resolver=self._guard.resolver(scheme), limit=_CONNECTIONS_MAX)
            held = self._sessions[scheme] = ClientSession(
                connector=connector, cookie_jar=DummyCookieJar(), auto_decompress=False
            )
        return held


async def _read_body(response: ClientResponse, max_bytes: int) -> bytes:
    encoding = response.headers.get("content-encoding", "").lower()
    body = bytearray()
    unpack: Optional["zlib._Decompress"] = None
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        if encoding in ("gzip", "x-gzip", "deflate"):
            unpack = unpack or zlib.decompressobj(_window(encoding, chunk))
            # One byte more than may be read shows that there is more, and no bomb goes off.
            chunk = unpack.decompress(chunk, max_bytes - len(body) + 1)
        body += chunk
        if len(body) > max_bytes:
            raise TooLarge(f"the answer has more than {max_bytes} bytes")
    return bytes(body)


def _window(encoding: str, chunk: bytes) -> int:
    """What zlib expects: gzip, zlib, or deflate without a header, which some send by that name."""
    if encoding != "deflate":
        return 16 + zlib.MAX_WBITS
    return zlib.MAX_WBITS if chunk[:1] and chunk[0] & 0x0F == 8 else -zlib.MAX_WBITS
