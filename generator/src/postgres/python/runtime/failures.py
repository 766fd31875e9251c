"""What callers may learn of a failure, and who runs the provider."""

import logging
from dataclasses import dataclass
from typing import Optional

import psycopg
from psycopg_pool import PoolTimeout
from weir.provider import ProviderError, StatusCode

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Failure:
    code: StatusCode
    text: str
    """For callers: the database's own words hold names and values."""
    mend: str
    """For the log: what to do."""
    retry_delay: Optional[float] = None


_CHANGED = _Failure(
    StatusCode.FAILED_PRECONDITION,
    "the table is not as the provider knows it: the provider must be generated again",
    "the schema of the database has changed: generate the provider again",
)
_FORBIDDEN = _Failure(
    StatusCode.FAILED_PRECONDITION,
    "the provider may not read this table any more",
    "grant select on the table to the user of the provider",
)
_SLOW = _Failure(
    StatusCode.DEADLINE_EXCEEDED,
    "the database took too long",
    "a statement took longer than statement_timeout: an index may be missing, or the time be short",
    5,
)
_LOCKED = _Failure(
    StatusCode.UNAVAILABLE,
    "the table is locked",
    "a lock was not free within lock_timeout: a migration may be under way",
    5,
)
_AWAY = _Failure(
    StatusCode.UNAVAILABLE,
    "the database cannot be reached",
    "the database cannot be reached: look whether it runs, and whether the URL is right",
    5,
)
_REFUSED = _Failure(
    StatusCode.UNAVAILABLE,
    "the database does not let the provider in",
    "the database refuses the user or the password: look at DATABASE_URL",
    30,
)

# By SQLSTATE, or its class of two characters.
_FAILURES = {
    "42703": _CHANGED,
    "42P01": _CHANGED,
    "42704": _CHANGED,
    "42883": _CHANGED,
    "42804": _CHANGED,
    "3F000": _CHANGED,
    "42501": _FORBIDDEN,
    "57014": _SLOW,
    "55P03": _LOCKED,
    "25P03": _SLOW,
    "28": _REFUSED,
    "3D": _REFUSED,
    "08": _AWAY,
    "53": _AWAY,
    "57": _AWAY,
}

_UNREAD = "the database could not be read"


class DataFailure(Exception):
    """A text is no value of the type that it was cast to."""


def provider_error(error: Exception) -> ProviderError:
    """A failure in words that callers may read; the log learns the whole of it."""
    known = _known(error)
    if known is None:
        log.error(_UNREAD, exc_info=error)
        return ProviderError(StatusCode.INTERNAL, _UNREAD)
    log.error(known.mend, exc_info=error)
    return ProviderError(known.code, known.text, retry_delay=known.retry_delay)


def is_data_failure(error: psycopg.Error) -> bool:
    """Whether a failure may come of a text that is no value of the type that it was cast to."""
    return (error.sqlstate or "").startswith("22")


def _known(error: Exception) -> Optional[_Failure]:
    if isinstance(error, (PoolTimeout, OSError)):
        return _AWAY
    state = (error.sqlstate or "") if isinstance(error, psycopg.Error) else ""
    found = _FAILURES.get(state) or _FAILURES.get(state[:2])
    # Of a connection that broke the driver knows no state.
    is_broken = isinstance(error, psycopg.OperationalError) and state == ""
    return found or (_AWAY if is_broken else None)
