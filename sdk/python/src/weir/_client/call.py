"""Calls the operations of providers."""

from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Callable, Mapping, Optional

import grpc

from weir._payload import TOOL_RESULT_TYPE, encode_json, read_payload
from weir._times import seconds_of, time_of
from weir.errors import WeirCallError
from weir.gen.weir.tools.v1 import tools_pb2
from weir.gen.weir.tools.v1.tools_pb2_grpc import ToolServiceStub
from weir.sensitivity import Sensitivity, sensitivity_from_wire


@dataclass(frozen=True)
class ToolProgress:
    """How far a tool is."""

    progress: float
    """Grows from one to the next."""
    total: Optional[float] = None
    """What it grows to. None: not known."""
    text: str = ""
    """For people; may be empty."""


@dataclass(frozen=True)
class ToolOutcome:
    """What a tool came to."""

    value: Any = field(repr=False)
    """The value: parsed when it is JSON, a str when it is text, else its bytes. Of a result made of
    pieces its structured content, None when it has none."""
    content: tuple[Mapping[str, Any], ...]
    """The pieces of a result made of pieces, as the Model Context Protocol has them; else empty."""
    data: bytes = field(repr=False)
    """The result as it came."""
    content_type: str
    """The media type of the result."""
    is_error: bool
    """Whether the tool itself failed; the value or the pieces say how."""
    sensitivity: Sensitivity
    """How sensitive it is; `internal` when nobody says."""
    redacted: bool
    """Whether a policy had something of it masked, removed or cut."""
    as_of: Optional[datetime] = None
    """When the provider held this to be the result. None: not said."""
    ttl: Optional[float] = None
    """How long it stays true, in seconds. None: not said."""


async def call_tool(
    tools: ToolServiceStub,
    request: tools_pb2.CallToolRequest,
    *,
    on_progress: Optional[Callable[[ToolProgress], None]],
    timeout: Optional[float],
) -> ToolOutcome:
    """Calls a tool once: what it does may not be done twice, so nothing is tried again."""
    async with aclosing(tools.CallTool(request, timeout=timeout)) as messages:
        async for message in messages:
            which = message.WhichOneof("message")
            if which == "result":
                return read_result(message.result)
            if which == "progress" and on_progress is not None:
                told = message.progress
                total = told.total if told.HasField("total") else None
                on_progress(ToolProgress(told.progress, total, told.text))
    raise WeirCallError(grpc.StatusCode.INTERNAL, f"{request.tool} ended without a result")


def encode_arguments(arguments: Optional[Mapping[str, Any]]) -> bytes:
    """Arguments as calls carry them."""
    return encode_json(dict(arguments)) if arguments else b""


def read_result(wire: tools_pb2.ToolResult) -> ToolOutcome:
    """Reads a result off the wire."""
    try:
        value = read_payload(wire.content_type, wire.payload)
    except ValueError as error:
        text = f"the result is not {wire.content_type}: {error}"
        raise WeirCallError(grpc.StatusCode.DATA_LOSS, text, reason="PROVIDER_GARBAGE") from error
    pieces: tuple[Mapping[str, Any], ...] = ()
    if wire.content_type == TOOL_RESULT_TYPE and isinstance(value, dict):
        pieces = tuple(value.get("content") or ())
        value = value.get("structuredContent")
    return ToolOutcome(
        value=value,
        content=pieces,
        data=wire.payload,
        content_type=wire.content_type,
        is_error=wire.is_error,
        sensitivity=sensitivity_from_wire(wire.sensitivity) or "internal",
        redacted=wire.redacted,
        as_of=time_of(wire.as_of) if wire.HasField("as_of") else None,
        ttl=seconds_of(wire.ttl) if wire.HasField("ttl") else None,
    )
