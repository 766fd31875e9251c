"""The gRPC health service (grpc.health.v1), of the provider as a whole."""

import asyncio
from typing import AsyncIterator

import grpc
import grpc.aio

from weir.gen.weir.provider.v1.provider_pb2 import DESCRIPTOR
from weir.gen.weir.sdk.wire_pb2 import HealthCheckRequest, HealthCheckResponse

HEALTH_SERVICE = "grpc.health.v1.Health"

_KNOWN = ("", DESCRIPTOR.services_by_name["ProviderService"].full_name)


class Health:
    """Begins as serving."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()

    def stop_serving(self) -> None:
        """Tells those who ask, and those who watch, that no calls are wanted any more."""
        self._stopped.set()

    def handler(self) -> grpc.GenericRpcHandler:
        """What a server is given."""
        codec = (HealthCheckRequest.FromString, HealthCheckResponse.SerializeToString)
        return grpc.method_handlers_generic_handler(
            HEALTH_SERVICE,
            {
                "Check": grpc.unary_unary_rpc_method_handler(self._check, *codec),
                "Watch": grpc.unary_stream_rpc_method_handler(self._watch, *codec),
            },
        )

    async def _check(
        self, request: HealthCheckRequest, context: grpc.aio.ServicerContext
    ) -> HealthCheckResponse:
        if request.service not in _KNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, f'no service "{request.service}" here')
        return self._status()

    async def _watch(
        self, request: HealthCheckRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[HealthCheckResponse]:
        if request.service not in _KNOWN:
            yield HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
            return
        yield self._status()
        if not self._stopped.is_set():
            await self._stopped.wait()
            yield self._status()

    def _status(self) -> HealthCheckResponse:
        is_over = self._stopped.is_set()
        return HealthCheckResponse(
            status=HealthCheckResponse.NOT_SERVING if is_over else HealthCheckResponse.SERVING
        )
