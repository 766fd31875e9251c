"""What stands for Weir in tests: gRPC services that do what a test says, on any free port."""

from contextlib import asynccontextmanager
from typing import Any, AsyncIterator, Optional, TypeAlias

import grpc
import grpc.aio

from weir.gen.weir.events.v1.events_pb2_grpc import EventServiceServicer
from weir.gen.weir.events.v1.events_pb2_grpc import add_EventServiceServicer_to_server
from weir.gen.weir.registry.v1 import registry_pb2, resources_pb2
from weir.gen.weir.registry.v1.registry_pb2_grpc import RegistryServiceServicer
from weir.gen.weir.registry.v1.registry_pb2_grpc import add_RegistryServiceServicer_to_server
from weir.gen.weir.router.v1.router_pb2_grpc import RouterServiceServicer
from weir.gen.weir.router.v1.router_pb2_grpc import add_RouterServiceServicer_to_server
from weir.gen.weir.sdk import wire_pb2
from weir.gen.weir.tools.v1.tools_pb2_grpc import ToolServiceServicer
from weir.gen.weir.tools.v1.tools_pb2_grpc import add_ToolServiceServicer_to_server

Context: TypeAlias = grpc.aio.ServicerContext


async def refuse(
    context: Context,
    code: grpc.StatusCode,
    reason: str = "",
    *,
    text: str = "refused",
    retry_delay: Optional[float] = None,
    fields: tuple[str, ...] = (),
) -> None:
    """Ends a call as Weir does, with the details of google.rpc."""
    status = wire_pb2.Status(code=code.value[0], message=text)
    details: list[tuple[str, Any]] = []
    if reason:
        info = wire_pb2.ErrorInfo(
            reason=f"REASON_{reason}", domain="weir", metadata={"request_id": "r1"}
        )
        details.append(("ErrorInfo", info))
    if retry_delay is not None:
        retry = wire_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(round(retry_delay * 1e9))
        details.append(("RetryInfo", retry))
    if fields:
        faults = [
            wire_pb2.BadRequest.FieldViolation(field=field, description="is wrong")
            for field in fields
        ]
        details.append(("BadRequest", wire_pb2.BadRequest(field_violations=faults)))
    for name, message in details:
        status.details.add(
            type_url=f"type.googleapis.com/google.rpc.{name}", value=message.SerializeToString()
        )
    await context.abort(code, text, (("grpc-status-details-bin", status.SerializeToString()),))


@asynccontextmanager
async def serving(*services: Any) -> AsyncIterator[str]:
    """Serves fakes, and tells the address."""
    server = grpc.aio.server()
    for service in services:
        for base, add in (
            (RouterServiceServicer, add_RouterServiceServicer_to_server),
            (EventServiceServicer, add_EventServiceServicer_to_server),
            (ToolServiceServicer, add_ToolServiceServicer_to_server),
            (RegistryServiceServicer, add_RegistryServiceServicer_to_server),
        ):
            if isinstance(service, base):
                add(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop(None)


class FakeRegistry(RegistryServiceServicer):
    """Notes what it is told. What is to be refused, a test says by method."""

    def __init__(self, *, lease: float = 0.3) -> None:
        self.calls: list[str] = []
        self.requests: dict[str, Any] = {}
        self.refusals: dict[str, tuple[grpc.StatusCode, str]] = {}
        self.lease = lease
        self.epoch = "e1"
        self.known: set[str] = set()

    async def PublishType(self, request: Any, context: Context) -> Any:
        await self._note("PublishType", request, context)
        return registry_pb2.PublishTypeResponse()

    async def RegisterProvider(self, request: Any, context: Context) -> Any:
        await self._note("RegisterProvider", request, context)
        return registry_pb2.RegisterProviderResponse()

    async def GetProvider(self, request: Any, context: Context) -> Any:
        await self._note("GetProvider", request, context)
        return registry_pb2.GetProviderResponse(provider=resources_pb2.Provider(etag="t1"))

    async def UpdateProvider(self, request: Any, context: Context) -> Any:
        await self._note("UpdateProvider", request, context)
        return registry_pb2.UpdateProviderResponse()

    async def RegisterEndpoint(self, request: Any, context: Context) -> Any:
        await self._note("RegisterEndpoint", request, context)
        id = f"endpoint-{self.calls.count('RegisterEndpoint')}"
        self.known.add(id)
        answer = registry_pb2.RegisterEndpointResponse(epoch=self.epoch)
        answer.endpoint.id = id
        answer.lease.FromNanoseconds(round(self.lease * 1e9))
        return answer

    async def Heartbeat(self, request: Any, context: Context) -> Any:
        await self._note("Heartbeat", request, context)
        unknown = [id for id in request.endpoint_ids if id not in self.known]
        answer = registry_pb2.HeartbeatResponse(unknown_endpoint_ids=unknown, epoch=self.epoch)
        answer.lease.FromNanoseconds(round(self.lease * 1e9))
        return answer

    async def DeregisterEndpoint(self, request: Any, context: Context) -> Any:
        await self._note(f"DeregisterEndpoint drain={request.drain}", request, context)
        return registry_pb2.DeregisterEndpointResponse()

    async def _note(self, name: str, request: Any, context: Context) -> None:
        self.calls.append(name)
        self.requests[name] = request
        if name in self.refusals:
            code, reason = self.refusals[name]
            await refuse(context, code, reason)
