"""Which methods may be called again when nobody knows what became of a call."""

from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from weir.gen.weir.events.v1 import events_pb2
from weir.gen.weir.policy.v1 import service_pb2
from weir.gen.weir.registry.v1 import admin_pb2, registry_pb2, tool_groups_pb2
from weir.gen.weir.router.v1 import router_pb2
from weir.gen.weir.tools.v1 import calls_pb2, tools_pb2

_FILES: tuple[FileDescriptor, ...] = (
    admin_pb2.DESCRIPTOR,
    calls_pb2.DESCRIPTOR,
    events_pb2.DESCRIPTOR,
    registry_pb2.DESCRIPTOR,
    router_pb2.DESCRIPTOR,
    service_pb2.DESCRIPTOR,
    tool_groups_pb2.DESCRIPTOR,
    tools_pb2.DESCRIPTOR,
)


def _is_safe(method: MethodDescriptor) -> bool:
    return method.GetOptions().idempotency_level in (
        MethodOptions.NO_SIDE_EFFECTS,
        MethodOptions.IDEMPOTENT,
    )


SAFE_METHODS = frozenset(
    f"/{service.full_name}/{method.name}"
    for file in _FILES
    for service in file.services_by_name.values()
    for method in service.methods
    if _is_safe(method)
)
"""Their paths, as calls have them: those that the contract says have no side effects."""
