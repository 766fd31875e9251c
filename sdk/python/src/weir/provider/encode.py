"""What an author's function answered, as messages have it."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any, AsyncIterator, Iterator, Optional, Union

import grpc

from weir._payload import BYTES_TYPE, default_type, encode_payload
from weir._times import duration, timestamp
from weir.gen.weir.provider.v1 import provider_pb2 as wire
from weir.provider.context import ByteStream, NotModified, Value
from weir.provider.errors import ProviderError
from weir.sensitivity import is_sensitivity, sensitivity_to_wire

MESSAGE_MAX_BYTES = 4 * 1024 * 1024
"""The largest message that a provider sends: what gRPC clients accept by default."""

PART_BYTES = 256 * 1024
"""The largest part that is sent of a value; a router takes up to 1 MiB."""

INTERNAL_TEXT = "the provider failed"
"""What callers learn of an error that is the author's own affair."""

# What a result and its message need beside the content: tags, lengths, the index.
_ENVELOPE_BYTES = 64
# What is sent of the text of an error, in characters; routers show less.
_TEXT_MAX_CHARS = 1_000
_RETRY_DELAY_MAX = 24 * 60 * 60.0


@dataclass(frozen=True)
class Encoded:
    """An outcome and the bytes it takes in a message."""

    result: wire.FetchResult
    size: int
    parts: Union[None, Iterator[bytes], AsyncIterator[bytes]] = None
    """What is still to be sent of the value. None: nothing."""


def encode_answer(answer: Any, known_etag: str) -> Encoded:
    """Encodes what an author's function answered.

    Raises ProviderError when what stands beside the value is too large, and TypeError or ValueError
    when the answer is of no allowed form.
    """
    if answer is None:
        return _small(wire.FetchResult(not_found=wire.NotFound()))
    if isinstance(answer, NotModified):
        return _not_modified(answer.ttl, known_etag)
    value = answer if isinstance(answer, Value) else Value(answer)
    is_stream = hasattr(value.value, "__aiter__")
    payload = b"" if is_stream else encode_payload(value.value)
    etag = value.etag if value.etag is not None else "" if is_stream else etag_of(payload)
    if etag and etag == known_etag:
        return _not_modified(value.ttl, known_etag)
    content = _content(value, etag, BYTES_TYPE if is_stream else default_type(value.value))
    beside = content.ByteSize() + _ENVELOPE_BYTES
    if beside + PART_BYTES > MESSAGE_MAX_BYTES:
        text = f"what stands beside the value takes {beside} bytes, which no message holds"
        raise ProviderError(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
    if is_stream:
        content.total_bytes = _size(value.size_bytes)
        parts = parts_of_stream(value.value, content.total_bytes)
        return Encoded(wire.FetchResult(content=content), beside, parts)
    if beside + len(payload) > MESSAGE_MAX_BYTES:
        content.total_bytes = len(payload)
        return Encoded(wire.FetchResult(content=content), beside, cut_to_parts(payload))
    content.payload = payload
    return Encoded(wire.FetchResult(content=content), beside + len(payload))


def encode_part(data: bytes) -> Encoded:
    """The next bytes of a value."""
    part = wire.FetchResult(part=wire.ContentPart(data=data))
    return Encoded(part, len(data) + _ENVELOPE_BYTES)


def encode_error(error: Exception) -> Encoded:
    """Encodes an error of a query. That something is not found is an outcome of its own."""
    if isinstance(error, ProviderError) and error.code is grpc.StatusCode.NOT_FOUND:
        return encode_answer(None, "")
    failure = failure_of(error)
    return Encoded(wire.FetchResult(failure=failure), failure.ByteSize() + _ENVELOPE_BYTES)


def failure_of(error: Exception) -> wire.Failure:
    """An error as callers learn of it: what is no `ProviderError` stays in this process."""
    if not isinstance(error, ProviderError):
        return wire.Failure(code=grpc.StatusCode.INTERNAL.value[0], text=INTERNAL_TEXT)
    delay = error.retry_delay
    # Such as a header makes it that is not there: no delay, and no fault of this process.
    has_delay = delay is not None and delay >= 0
    return wire.Failure(
        code=error.code.value[0],
        text=error.text[:_TEXT_MAX_CHARS],
        retry_delay=duration(min(delay or 0, _RETRY_DELAY_MAX)) if has_delay else None,
    )


def etag_of(payload: bytes) -> str:
    """The tag of a value that its author gave none."""
    digest = hashlib.sha256(payload).digest()
    return base64.urlsafe_b64encode(digest).decode()[:22]


def cut_to_parts(data: bytes) -> Iterator[bytes]:
    """Cuts bytes into parts."""
    for at in range(0, len(data), PART_BYTES):
        yield data[at : at + PART_BYTES]


async def parts_of_stream(stream: ByteStream, size_bytes: int) -> AsyncIterator[bytes]:
    """The parts of a stream, which must hold as many bytes as its author said.

    Raises ValueError when it holds fewer or more.
    """
    read = 0
    async for piece in stream:
        read += len(piece)
        if read > size_bytes:
            raise ValueError(f"the iterable holds more than {size_bytes} bytes")
        for part in cut_to_parts(bytes(piece)):
            yield part
    if read < size_bytes:
        raise ValueError(f"the iterable holds {read} bytes, not {size_bytes}")


def _content(value: Value, etag: str, content_type: str) -> wire.Content:
    if value.quality is not None and not 0 <= value.quality <= 1:
        raise ValueError(f"quality {value.quality} is not from 0 to 1")
    if value.sensitivity is not None and not is_sensitivity(value.sensitivity):
        raise ValueError(f"sensitivity {value.sensitivity} is not known")
    return wire.Content(
        content_type=content_type if value.content_type is None else value.content_type,
        etag=etag,
        as_of=None if value.as_of is None else timestamp(value.as_of),
        ttl=None if value.ttl is None else duration(value.ttl),
        sensitivity=sensitivity_to_wire(value.sensitivity),  # type: ignore[arg-type]
        quality=value.quality,
        source=value.source,
        labels=value.labels,
        owner=value.owner,
    )


def _not_modified(ttl: Optional[float], known_etag: str) -> Encoded:
    if not known_etag:
        raise ValueError("NotModified answers only a query with a known_etag")
    unchanged = wire.NotModified(ttl=None if ttl is None else duration(ttl))
    return _small(wire.FetchResult(not_modified=unchanged))


def _size(size_bytes: Optional[int]) -> int:
    if isinstance(size_bytes, int) and size_bytes > 0:
        return size_bytes
    raise ValueError(f"an iterable needs size_bytes, 1 or more, not {size_bytes}")


def _small(result: wire.FetchResult) -> Encoded:
    return Encoded(result, _ENVELOPE_BYTES)
