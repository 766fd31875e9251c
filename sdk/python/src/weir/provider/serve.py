"""Serves a provider, and registers it with Weir."""

import asyncio
import contextlib
import signal
from types import TracebackType
from typing import Any, Optional, Sequence, Union
from urllib.parse import urlsplit

from weir._client.channel import Tls
from weir.client import Weir
from weir.provider.definition import Provider
from weir.provider.faults import check_offers
from weir.provider.registration import Registration
from weir.provider.running import log
from weir.provider.server import ProviderServer

# How long Weir may take to answer one call, in seconds.
_REGISTRY_TIMEOUT = 5.0


class RunningProvider:
    """A provider that is served and registered. Made by `serve`; closes at the end of `async with`."""

    def __init__(
        self, url: str, server: ProviderServer, registration: Registration, drain: float
    ) -> None:
        self.url = url
        """The address that routers are told."""
        self._server = server
        self._registration = registration
        self._drain = drain
        self._closing: Optional[asyncio.Task[None]] = None

    async def close(self) -> None:
        """Drains and stops: routers are told to go elsewhere, calls under way are answered first."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def __aenter__(self) -> "RunningProvider":
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()

    async def _close(self) -> None:
        """In this order no router is sent to an address that no longer answers."""
        await self._registration.stop()
        self._server.stop_serving()
        await self._registration.leave(drain=True)
        await self._server.idle(self._drain)
        await self._registration.leave(drain=False)
        await self._server.close()
        await self._registration.close()
        log.info("the provider at %s has stopped", self.url)


async def serve(
    provider: Provider,
    url: Union[str, Sequence[str]],
    key: str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    public_url: Optional[str] = None,
    replace: bool = False,
    token: Optional[str] = None,
    drain: float = 10,
    tls: Optional[Tls] = None,
) -> RunningProvider:
    """Serves a provider and registers it with Weir.

    It publishes the types that bring a schema, registers the manifest and the address, renews the
    lease, and registers all of it again when Weir has forgotten it. Weir need not be up yet: it is
    tried until it is there. What happens is logged as `weir.provider`, errors of your functions
    included.

    Args:
        provider: What is served. What is declared of it later is not registered.
        url: Where Weir listens, such as `http://127.0.0.1:7070`; several as of `Weir`.
        key: An API key that may register providers.
        host: The address to listen on.
        port: The port to listen on. 0: any free one.
        public_url: The address that routers are told. Default: `http://<host>:<port>`.
        replace: Whether to replace another manifest under the same name and version.
        token: A bearer token that routers must send. They resolve it from the provider's `bearer`
            reference. Default: none is required.
        drain: How long calls under way may take to end when the provider stops, in seconds.
        tls: Certificates for calls of Weir by https. Default: those of the system.

    Returns:
        The provider, once it is registered.

    Raises:
        WeirCallError: Weir refuses for good: a faulty manifest, a wrong key, other content under the
            same name and version without `replace`.
        ValueError: An argument cannot be right, or the provider offers nothing.
        OSError: The address cannot be listened on.
    """
    check_offers(provider)
    _check_address(host, public_url)
    weir = Weir(url, key, timeout=_REGISTRY_TIMEOUT, retries=0, tls=tls)
    server = ProviderServer(provider, token)
    address = f"[{host}]" if ":" in host else host
    try:
        listening = await server.listen(f"{address}:{port}")
    except OSError:
        await server.close()
        await weir.close()
        raise
    told = public_url or f"http://{address}:{listening}"
    registration = Registration(provider, weir, told, replace)
    running = RunningProvider(told, server, registration, drain)
    try:
        await registration.start()
    except BaseException:
        await running.close()
        raise
    return running


def run(provider: Provider, url: Union[str, Sequence[str]], key: str, **options: Any) -> None:
    """Serves a provider until the process is told to stop (SIGTERM, SIGINT), and drains it then.

    The arguments and errors are those of `serve`.
    """
    asyncio.run(_run(provider, url, key, options))


async def _run(
    provider: Provider, url: Union[str, Sequence[str]], key: str, options: dict[str, Any]
) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Windows has none: there Ctrl-C cancels this, which drains too.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    serving = asyncio.create_task(serve(provider, url, key, **options))
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return
    async with await serving:
        await stopping


def _check_address(host: str, public_url: Optional[str]) -> None:
    if public_url is None:
        if host in ("0.0.0.0", "::"):
            raise ValueError(f"host {host} is no address to be called at: give public_url too")
        return
    parts = urlsplit(public_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f'public_url "{public_url}" is not an http or https URL')
