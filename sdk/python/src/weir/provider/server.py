"""Listens for routers."""

import hmac
from typing import Any, Awaitable, Callable, Optional

import grpc
import grpc.aio

from weir.gen.weir.provider.v1.provider_pb2_grpc import add_ProviderServiceServicer_to_server
from weir.provider.definition import Provider
from weir.provider.health import HEALTH_SERVICE, Health
from weir.provider.running import Runner
from weir.provider.service import ProviderService

CALLS_MAX = 10_000
"""Calls beyond so many under way are refused: one router makes 1,000 at most."""

READ_MAX_BYTES = 4 * 1024 * 1024
"""A request larger than this is refused."""

_OPTIONS = [
    ("grpc.max_receive_message_length", READ_MAX_BYTES),
    # A message of the greatest size, and its envelope.
    ("grpc.max_send_message_length", 4 * 1024 * 1024 + 1024),
    ("grpc.max_concurrent_streams", 100),
    ("grpc.max_metadata_size", 16 * 1024),
    # Two processes on one port would each get some of the calls.
    ("grpc.so_reuseport", 0),
    # Routers ping idle connections, which gRPC would take for an attack.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 0),
]


class ProviderServer:
    """A listening provider, with gRPC health, over clear-text HTTP/2."""

    def __init__(self, provider: Provider, token: Optional[str]) -> None:
        self._runner = Runner(provider.concurrency)
        self._service = ProviderService(provider, self._runner)
        self._health = Health()
        interceptors = () if token is None else (_Gate(token),)
        self._server = grpc.aio.server(
            interceptors=interceptors, options=_OPTIONS, maximum_concurrent_rpcs=CALLS_MAX
        )
        add_ProviderServiceServicer_to_server(self._service, self._server)
        self._server.add_generic_rpc_handlers((self._health.handler(),))

    async def listen(self, address: str) -> int:
        """Listens, and returns the port. Raises OSError when the address cannot be listened on."""
        try:
            port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"{address} cannot be listened on: {error}") from error
        if port == 0:
            raise OSError(f"{address} cannot be listened on: it is taken, or not of this machine")
        await self._server.start()
        return int(port)

    def stop_serving(self) -> None:
        """Reports itself as not serving; calls are still answered."""
        self._health.stop_serving()

    async def idle(self, within: float) -> None:
        """Returns once no call is under way, and after so many seconds at the latest."""
        await self._service.idle(within)

    async def close(self) -> None:
        """Ends all connections, and with them the calls still under way."""
        self.stop_serving()
        await self._server.stop(grace=0.5)
        self._runner.close()


class _Gate(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Lets those in that send the token; health is told to everybody."""

    def __init__(self, token: str) -> None:
        self._wanted = f"Bearer {token}".encode()
        self._refusal = grpc.unary_unary_rpc_method_handler(_refuse)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        metadata = {name: value for name, value in details.invocation_metadata or ()}
        given = metadata.get("authorization", "")
        is_health = details.method.startswith(f"/{HEALTH_SERVICE}/")
        if is_health or hmac.compare_digest(str(given).encode(), self._wanted):
            return await continuation(details)
        return self._refusal


async def _refuse(request: Any, context: grpc.aio.ServicerContext) -> None:
    await context.abort(
        grpc.StatusCode.UNAUTHENTICATED, "the bearer token of this provider is needed"
    )
