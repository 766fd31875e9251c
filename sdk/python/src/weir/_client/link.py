"""Reads values that are too large to carry, and come as links."""

import asyncio
import hashlib
import http.client
import socket
import ssl
import time
from typing import AsyncGenerator, Optional
from urllib.parse import urlsplit

import grpc

from weir._client.channel import Tls
from weir.errors import WeirCallError, late
from weir.item import Link

_PIECE_BYTES = 256 * 1024


async def read_link(
    link: Link, *, base: str, tls: Optional[Tls], deadline: float
) -> AsyncGenerator[bytes, None]:
    """Reads what a link leads to, and checks size and hash on the way.

    Nothing of the caller's goes along: no key, no cookie, no referrer; no redirect is followed. The
    last bytes come before the hash is known to be right: what was read counts only once the reading
    has ended without an error.

    Raises WeirCallError when the value cannot be read (UNAVAILABLE) or is another (DATA_LOSS).
    """
    digest = hashlib.sha256()
    read_bytes = 0
    reading = _Reading(_absolute(link.url, base), tls, deadline)
    try:
        while piece := await reading.next():
            read_bytes += len(piece)
            if read_bytes > link.size_bytes:
                raise _other_value(f"is longer than the {link.size_bytes} bytes announced")
            digest.update(piece)
            yield piece
    finally:
        reading.close()
    if read_bytes < link.size_bytes:
        raise _unavailable(f"the value broke off after {read_bytes} of {link.size_bytes} bytes")
    if digest.hexdigest() != link.sha256:
        raise _other_value("does not have the hash announced")


class _Reading:
    """A GET under way. Python's own client blocks, so each step is done in a thread."""

    def __init__(self, url: str, tls: Optional[Tls], deadline: float) -> None:
        parts = urlsplit(url)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._deadline = deadline
        self._response: Optional[http.client.HTTPResponse] = None
        self._socket: Optional[socket.socket] = None
        host, left = parts.hostname or "", self._left()
        if parts.scheme == "https":
            authorities = tls.ca.decode() if tls and tls.ca else None
            context = ssl.create_default_context(cadata=authorities)
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, parts.port, timeout=left, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(host, parts.port, timeout=left)

    async def next(self) -> bytes:
        """The next bytes; none at the end."""
        try:
            async with asyncio.timeout(self._left()):
                return await asyncio.to_thread(self._step)
        except TimeoutError:
            raise late("the value at the link did not come in time") from None
        except (OSError, http.client.HTTPException) as error:
            raise _unavailable(f"the value at the link cannot be read: {error}") from error

    def close(self) -> None:
        """Ends it, also while a thread still waits for bytes."""
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # The other side has ended it.
        self._connection.close()

    def _step(self) -> bytes:
        if self._response is None:
            self._connection.request("GET", self._path)
            self._socket = self._connection.sock
            self._response = self._connection.getresponse()
            _check_status(self._response.status)
        if self._socket is not None:
            self._socket.settimeout(self._left())
        return self._response.read1(_PIECE_BYTES)

    def _left(self) -> float:
        return max(0.001, self._deadline - time.monotonic())


def _check_status(status: int) -> None:
    if status in (403, 404):
        raise _unavailable("the link holds no more: fetch the item again for a new one")
    if status != 200:
        raise _unavailable(f"the link is answered with status {status}")


def _absolute(url: str, base: str) -> str:
    """A link that begins with "/" cannot leave the address, whatever follows."""
    if url.startswith("/"):
        return f"{base}{url}"
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return url
    except ValueError:
        pass  # No URL at all.
    raise _unavailable("the link is no address of http or https")


def _unavailable(text: str) -> WeirCallError:
    return WeirCallError(
        grpc.StatusCode.UNAVAILABLE, text, reason="BLOB_STORE_UNAVAILABLE", retry_delay=0
    )


def _other_value(what: str) -> WeirCallError:
    return WeirCallError(
        grpc.StatusCode.DATA_LOSS,
        f"the value at the link {what}",
        reason="BLOB_STORE_UNAVAILABLE",
    )
