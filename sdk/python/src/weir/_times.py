"""Seconds and datetimes on the wire."""

from datetime import datetime, timezone

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp


def duration(seconds: float) -> Duration:
    """Seconds as messages have them."""
    message = Duration()
    message.FromNanoseconds(round(seconds * 1e9))
    return message


def seconds_of(message: Duration) -> float:
    """A duration in seconds."""
    return message.seconds + message.nanos / 1e9


def timestamp(time: datetime) -> Timestamp:
    """A time as messages have it; one without a zone is local time, as Python has it."""
    message = Timestamp()
    message.FromDatetime(time.astimezone(timezone.utc))
    return message


def time_of(message: Timestamp) -> datetime:
    """A time, in UTC."""
    return message.ToDatetime(tzinfo=timezone.utc)
