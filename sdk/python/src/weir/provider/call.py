"""Calls operations."""

import asyncio
import json
from typing import Any, AsyncGenerator, Optional, cast, get_args

import grpc

from weir._payload import JSON_TYPE, PROMPT_TYPE, TOOL_RESULT_TYPE, encode_json
from weir.gen.weir.provider.v1 import provider_pb2 as wire
from weir.provider.caller import caller_of
from weir.provider.context import Patience
from weir.provider.definition import Provider
from weir.provider.encode import failure_of
from weir.provider.errors import ProviderError
from weir.provider.operation import Call, Operation, Severity, ToolResult
from weir.provider.running import Runner, report
from weir.sensitivity import sensitivity_to_wire

# Told of a call before its end that are not sent yet; what is beyond is dropped.
_TOLD_MAX = 1_000

# In the order of their numbers in weir.provider.v1.Severity, from 1.
_SEVERITIES: tuple[Severity, ...] = get_args(Severity)


async def answer_call(
    provider: Provider, runner: Runner, request: wire.CallRequest, patience: Patience
) -> AsyncGenerator[wire.CallResponse, None]:
    """Calls an operation: what it tells of itself comes first, then its end."""
    found = [each for each in provider.operations if each.name == request.operation]
    if not found:
        text = f"this provider has no operation {request.operation}"
        error = ProviderError(grpc.StatusCode.NOT_FOUND, text)
        yield wire.CallResponse(failure=failure_of(error))
        return
    told = _Told(request)
    ended = asyncio.create_task(_end_of(found[0], runner, told.call(request, patience)))
    ended.add_done_callback(lambda _: told.close())
    try:
        while (response := await told.next()) is not None:
            yield response
        yield await ended
    finally:
        patience.end()
        ended.cancel()


async def _end_of(operation: Operation, runner: Runner, call: Call) -> wire.CallResponse:
    try:
        return _response(operation, await runner.run(operation.call, call))
    except Exception as error:
        report(f"operation {operation.name}", error)
        return wire.CallResponse(failure=failure_of(error))


def _response(operation: Operation, answer: Any) -> wire.CallResponse:
    content_type = PROMPT_TYPE if operation.kind == "prompt" else JSON_TYPE
    is_error = False
    if isinstance(answer, ToolResult):
        content_type, is_error = TOOL_RESULT_TYPE, answer.is_error
        pieces: dict[str, Any] = {"content": list(answer.content), "isError": is_error}
        if answer.structured_content is not None:
            pieces["structuredContent"] = answer.structured_content
        answer = pieces
    content = wire.Content(
        payload=encode_json(answer),
        content_type=content_type,
        sensitivity=sensitivity_to_wire(operation.sensitivity),  # type: ignore[arg-type]
    )
    return wire.CallResponse(result=wire.OperationResult(content=content, is_error=is_error))


class _Told:
    """What is told of a call before its end; from any thread."""

    def __init__(self, request: wire.CallRequest) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[Optional[wire.CallResponse]] = asyncio.Queue()
        self._min_severity = request.min_severity

    def call(self, request: wire.CallRequest, patience: Patience) -> Call:
        return Call(
            arguments=json.loads(request.arguments) if request.arguments else {},
            caller=caller_of(request.caller),
            patience=patience,
            wants_progress=request.wants_progress,
            min_severity=_severity(request.min_severity),
            tell_progress=self._progress,
            tell_log=self._log,
        )

    async def next(self) -> Optional[wire.CallResponse]:
        """None: nothing more comes."""
        return await self._waiting.get()

    def close(self) -> None:
        self._waiting.put_nowait(None)

    def _progress(self, progress: float, total: Optional[float], text: str) -> None:
        told = wire.Progress(progress=progress, total=total, text=text)
        self._put(wire.CallResponse(progress=told))

    def _log(self, severity: Severity, data: Any, logger: str) -> None:
        level = _SEVERITIES.index(severity) + 1
        if self._min_severity == 0 or level < self._min_severity:
            return
        message = wire.LogMessage(
            severity=cast(wire.Severity, level), logger=logger, data=encode_json(data)
        )
        self._put(wire.CallResponse(log=message))

    def _put(self, response: wire.CallResponse) -> None:
        # Also from the thread of the loop, so that what is told keeps its order.
        self._loop.call_soon_threadsafe(self._put_here, response)

    def _put_here(self, response: wire.CallResponse) -> None:
        if self._waiting.qsize() < _TOLD_MAX:
            self._waiting.put_nowait(response)


def _severity(number: int) -> Optional[Severity]:
    return _SEVERITIES[number - 1] if 1 <= number <= len(_SEVERITIES) else None
