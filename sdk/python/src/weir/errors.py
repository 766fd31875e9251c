"""What can go wrong, for who calls Weir."""

from dataclasses import dataclass
from typing import Iterable, Optional, Sequence

import grpc

from weir._times import seconds_of
from weir.gen.weir.errors.v1.reason_pb2 import Reason as WireReason
from weir.gen.weir.sdk import wire_pb2
from weir.ref import Ref

StatusCode = grpc.StatusCode

_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Violation:
    """One fault at one place of a request or document."""

    field: str
    """The place: a path into the request or document."""
    description: str
    """What is wrong there, and how to mend it."""


@dataclass(frozen=True)
class Refusal:
    """Why there is no item for a ref."""

    code: grpc.StatusCode
    """The gRPC status code that the item would have as a call of its own."""
    reason: str
    """The stable reason, such as `KEY_NOT_FOUND`: a name of weir.errors.v1.Reason, without prefix."""
    text: str
    """What is wrong and how to mend it, for people."""
    retry_delay: Optional[float] = None
    """When the ref may be asked for again, in seconds. None: asking again will not help."""
    offered_versions: tuple[str, ...] = ()
    """The versions on offer, newest first; filled with `VERSION_NOT_OFFERED`."""


class WeirCallError(Exception):
    """A whole call failed: credentials, a malformed request, overload, the deadline, no Weir.

    Items that cannot be had do not raise it; they are refused one by one.
    """

    code: grpc.StatusCode
    """The gRPC status code."""
    reason: str
    """The stable reason, such as `CREDENTIAL_INVALID`; empty when the error is not Weir's own."""
    text: str
    """What went wrong and how to mend it, for people."""
    retry_delay: Optional[float]
    """When to try again, in seconds. None: trying again will not help by itself."""
    violations: tuple[Violation, ...]
    """The faults of the request, place by place. Empty unless the request was malformed."""
    request_id: Optional[str]
    """Leads to the call's log line in Weir. None when the call never got there."""

    def __init__(
        self,
        code: grpc.StatusCode,
        text: str,
        *,
        reason: str = "",
        retry_delay: Optional[float] = None,
        violations: Sequence[Violation] = (),
        request_id: Optional[str] = None,
    ) -> None:
        named = f" ({reason})" if reason else ""
        faults = "".join(f"\n  {each.field}: {each.description}" for each in violations)
        super().__init__(f"{code.name}{named}: {text}{faults}")
        self.code = code
        self.reason = reason
        self.text = text
        self.retry_delay = retry_delay
        self.violations = tuple(violations)
        self.request_id = request_id


class ItemRefused(Exception):
    """An item that was asked for alone is refused."""

    ref: Ref
    """What was asked for."""
    refusal: Refusal
    """Why there is no item."""

    def __init__(self, ref: Ref, refusal: Refusal) -> None:
        super().__init__(f"{ref}: {refusal.reason or refusal.code.name}: {refusal.text}")
        self.ref = ref
        self.refusal = refusal


def code_of(number: int) -> grpc.StatusCode:
    """The status code of a number; UNKNOWN for one that gRPC does not have."""
    return _CODES.get(number, grpc.StatusCode.UNKNOWN)


def reason_name(number: int) -> str:
    """The name of a reason, such as `KEY_NOT_FOUND`; `REASON_<number>` for one not known here."""
    if number == 0:
        return ""
    if number not in WireReason.values():
        return f"REASON_{number}"
    return WireReason.Name(number).removeprefix("REASON_")


def to_call_error(error: grpc.RpcError) -> WeirCallError:
    """What a call failed with, with the google.rpc details that Weir sends along."""
    code, text = error.code(), error.details() or ""
    trailer = _metadata(error.trailing_metadata())
    details = trailer.get("grpc-status-details-bin")
    if details is None and _is_lost(code, text):
        return WeirCallError(grpc.StatusCode.UNAVAILABLE, f"the connection to Weir broke: {text}")
    info, retry_delay, violations = _details(details)
    reason = info.reason.removeprefix("REASON_") if info else _reason_of_code(code)
    said = {**_metadata(error.initial_metadata()), **trailer}
    request_id = said.get("x-request-id") or (info and info.metadata.get("request_id"))
    return WeirCallError(
        code,
        text,
        reason="" if reason == "UNSPECIFIED" else reason,
        retry_delay=retry_delay,
        violations=violations,
        request_id=str(request_id) if request_id else None,
    )


def late(text: str) -> WeirCallError:
    """The time of a call ran out."""
    return WeirCallError(grpc.StatusCode.DEADLINE_EXCEEDED, text, reason="DEADLINE_EXCEEDED")


def _details(
    packed: object,
) -> tuple[Optional[wire_pb2.ErrorInfo], Optional[float], list[Violation]]:
    status = wire_pb2.Status()
    if isinstance(packed, bytes):
        status.ParseFromString(packed)
    held = {each.type_url.rpartition("/")[2]: each.value for each in status.details}
    info = held.get("google.rpc.ErrorInfo")
    retry = held.get("google.rpc.RetryInfo")
    faults = held.get("google.rpc.BadRequest", b"")
    return (
        None if info is None else wire_pb2.ErrorInfo.FromString(info),
        None if retry is None else seconds_of(wire_pb2.RetryInfo.FromString(retry).retry_delay),
        [
            Violation(each.field, each.description)
            for each in wire_pb2.BadRequest.FromString(faults).field_violations
        ],
    )


def _metadata(metadata: Optional[Iterable[tuple[str, object]]]) -> dict[str, object]:
    return {name: value for name, value in metadata or ()}


def _is_lost(code: grpc.StatusCode, text: str) -> bool:
    """Whether no answer came, or half of one, since the server or a gateway is gone.

    gRPC calls a stream that was reset a cancel that nobody asked for, or a fault of the server, and
    a connection that was torn down "Stream removed": neither would ever be tried again.
    """
    if code is grpc.StatusCode.CANCELLED:
        return True
    return code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN) and (
        "RST_STREAM" in text or "Stream removed" in text
    )


def _reason_of_code(code: grpc.StatusCode) -> str:
    return "DEADLINE_EXCEEDED" if code is grpc.StatusCode.DEADLINE_EXCEEDED else ""
