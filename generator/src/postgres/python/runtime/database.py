"""A PostgreSQL database, opened for reading only."""

import asyncio
import json
import re
from types import TracebackType
from typing import Any, Mapping, Optional, Sequence
from urllib.parse import urlsplit

from psycopg import AsyncConnection, Error
from psycopg.adapt import AdaptersMap
from psycopg.types.none import NoneDumper
from psycopg.types.string import StrDumperUnknown, TextLoader
from psycopg_pool import AsyncConnectionPool
from weir.provider import Caller

from .failures import DataFailure, is_data_failure, provider_error

Rows = Sequence[Sequence[Optional[str]]]
"""Rows as the server writes them: texts, in the order of the columns that were asked for."""

_CONNECT_TIMEOUT = 5
_IDLE_TIMEOUT = 60
# The greatest time between two statements of a transaction, in milliseconds.
_IDLE_IN_TRANSACTION_MS = 10_000

# So that every value has one text, whatever the database's own settings are.
_FORMATS = {
    "DateStyle": "ISO",
    "IntervalStyle": "iso_8601",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "client_encoding": "UTF8",
}

_VERIFY = (
    "select pg_catalog.current_setting('default_transaction_read_only'),"
    " pg_catalog.current_setting('bytea_output') || pg_catalog.current_setting('TimeZone')"
)
_TELL = (
    "select pg_catalog.set_config('weir.tenant', %(tenant)s, true),"
    " pg_catalog.set_config('weir.principal', %(principal)s, true),"
    " pg_catalog.set_config('weir.attributes', %(attributes)s, true)"
)
_NOT_READ_ONLY = (
    "the sessions of this connection are not read-only: something between overrides the settings"
    ' that were asked for; leave "options" out of the URL, and connect to the database itself or to'
    ' a pooler that passes on "options"'
)


class Database:
    """A PostgreSQL database, opened for reading only. Used within `async with`, which looks whether
    the session is what it should be, and at whose end the connections close."""

    def __init__(
        self,
        url: str,
        *,
        max_connections: int = 8,
        statement_timeout: float = 4.0,
        lock_timeout: float = 1.0,
        tell_caller: bool = False,
    ) -> None:
        """Makes it; `async with` connects. Its sessions only read, and have limits for each
        statement and lock.

        Args:
            url: Where it is: `postgres://user:password@host:5432/database`.
            max_connections: Connections at once, 1 to 100.
            statement_timeout: How long a statement may take, in seconds, up to 600.
            lock_timeout: How long a statement may wait for a lock, in seconds, up to 600.
            tell_caller: Whether the database is told for whom it is asked, in the settings
                `weir.tenant`, `weir.principal` and `weir.attributes` (JSON) of each transaction, so
                that its row-level security can decide for each caller.

        Raises:
            ValueError: The URL is not one of PostgreSQL, or a limit is out of its bounds.
        """
        if not re.fullmatch("postgres(ql)?", urlsplit(url).scheme):
            text = "the database URL is not like postgres://user:password@host:5432/database"
            raise ValueError(text)
        self.tells_caller = tell_caller
        settings = {
            **_FORMATS,
            "default_transaction_read_only": "on",
            "statement_timeout": _ms("statement_timeout", statement_timeout),
            "lock_timeout": _ms("lock_timeout", lock_timeout),
            "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION_MS,
        }
        if not 1 <= max_connections <= 100:
            raise ValueError(f"max_connections {max_connections} is not from 1 to 100")
        self._wait = statement_timeout
        self._url = url
        self._connection: dict[str, Any] = {
            "autocommit": True,
            "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            "application_name": "weir-postgres",
            "connect_timeout": _CONNECT_TIMEOUT,
            "context": _Texts(),
            # Statements are as many as there are pages; none is worth keeping on the server.
            "prepare_threshold": None,
        }
        self._max_connections = max_connections
        self._pool: Optional[AsyncConnectionPool] = None
        self._running: set[asyncio.Task[Rows]] = set()

    async def __aenter__(self) -> "Database":
        """Connects.

        Raises psycopg.Error when the database cannot be reached, and RuntimeError when sessions are
        not read-only.
        """
        # By itself, since a pool would try again and again, and tell of it late.
        first = await AsyncConnection.connect(self._url, **self._connection)
        try:
            await _verify(first)
        finally:
            await first.close()
        self._pool = AsyncConnectionPool(
            self._url,
            kwargs=self._connection,
            min_size=0,
            max_size=self._max_connections,
            max_idle=_IDLE_TIMEOUT,
            # Of a session that was not made read-only, nobody gets hold.
            configure=_verify,
            reconnect_timeout=_CONNECT_TIMEOUT,
            open=False,
        )
        await self._pool.open()
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def read(self, sql: str, params: Mapping[str, object], caller: Caller) -> Rows:
        """Runs a statement. When it is cancelled, the statement itself goes on, up to its timeout;
        then its connection is free again.

        Raises ProviderError that names nothing of the database, and DataFailure when a text is no
        value of the type that it is cast to.
        """
        running = asyncio.create_task(self._read(sql, params, caller))
        self._running.add(running)
        running.add_done_callback(self._ended)
        return await asyncio.shield(running)

    def _ended(self, running: "asyncio.Task[Rows]") -> None:
        self._running.discard(running)
        if not running.cancelled():
            # Looked at, since it may be that nobody waits for it any more.
            running.exception()

    async def _read(self, sql: str, params: Mapping[str, object], caller: Caller) -> Rows:
        if self._pool is None:
            raise RuntimeError("the database is used outside of `async with`")
        try:
            wait = _CONNECT_TIMEOUT + self._wait
            async with self._pool.connection(timeout=wait) as connection:
                if not self.tells_caller:
                    return await (await connection.execute(sql, params)).fetchall()
                # In a transaction of its own, since what is told of the caller must end with it.
                async with connection.transaction(force_rollback=True):
                    attributes = json.dumps(dict(caller.attributes), ensure_ascii=False)
                    told = {
                        "tenant": caller.tenant,
                        "principal": caller.principal,
                        "attributes": attributes,
                    }
                    await connection.execute(_TELL, told)
                    return await (await connection.execute(sql, params)).fetchall()
        except Exception as error:
            if isinstance(error, Error) and is_data_failure(error):
                raise DataFailure from error
            raise provider_error(error) from error


class _Texts:
    """Numbers and times are left as the server writes them, and texts go to it as they are."""

    connection = None

    def __init__(self) -> None:
        self.adapters = AdaptersMap()
        self.adapters.register_loader(0, TextLoader)
        self.adapters.register_dumper(str, StrDumperUnknown)
        self.adapters.register_dumper(type(None), NoneDumper)


async def _verify(connection: AsyncConnection[Any]) -> None:
    """Options in the URL go before ours, and a pooler may leave ours out."""
    row = await (await connection.execute(_VERIFY)).fetchone()
    if row != ("on", "hexUTC"):
        raise RuntimeError(_NOT_READ_ONLY)


def _ms(name: str, seconds: float) -> int:
    if 0.001 <= seconds <= 600:
        return round(seconds * 1000)
    raise ValueError(f"{name} {seconds} is not from 0.001 to 600 seconds")
