"""For whom a provider is asked."""

from google.protobuf.json_format import MessageToDict

from weir.gen.weir.provider.v1 import provider_pb2 as wire
from weir.provider.context import Caller


def caller_of(message: wire.Caller) -> Caller:
    """Reads off the wire for whom a provider is asked."""
    return Caller(message.tenant, message.principal, MessageToDict(message.attributes))
