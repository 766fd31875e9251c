"""A real database, which DATABASE_URL names and a superuser owns: what it is never asked to do, and
what callers learn when it fails."""

import asyncio
import os
import unittest
import uuid
from typing import Any, Awaitable
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from runtime.database import Database
from runtime.failures import DataFailure
from runtime.fetch import fetch_rows
from runtime.list import list_rows
from runtime.table import Column, Table
from weir.provider import Caller, ListQuery, ProviderError, Query, StatusCode, Value

URL = os.environ.get("DATABASE_URL", "")
CALLER = Caller("acme", "ann", {"role": "lead"})


@unittest.skipUnless(URL, "set DATABASE_URL to an empty database")
class DatabaseTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.schema = f"s{uuid.uuid4().hex[:8]}"
        self.owner = await psycopg.AsyncConnection.connect(URL, autocommit=True)
        self.addAsyncCleanup(self.owner.close)
        await self.run_sql("create schema {schema}")

    async def run_sql(self, text: str) -> None:
        await self.owner.execute(sql.SQL(text).format(schema=sql.Identifier(self.schema)))

    async def open(self, url: str = URL, **options: Any) -> Database:
        return await self.enterAsyncContext(Database(url, **options))

    def table(self, **columns: Column) -> Table:
        return Table("Note", "1.0.0", self.schema, "note", columns, ["id"], {})

    async def refused(self, awaited: Awaitable[object]) -> ProviderError:
        with self.assertLogs("runtime.failures", "ERROR"):
            with self.assertRaises(ProviderError) as caught:
                await awaited
        return caught.exception

    async def test_nothing_is_written_whatever_the_url_says(self) -> None:
        separator = "&" if urlsplit(URL).query else "?"
        options = "options=-c%20default_transaction_read_only%3Doff"
        for url in (URL, URL + separator + options):
            database = await self.open(url)
            error = await self.refused(database.read("create table t ()", {}, CALLER))
            self.assertEqual(error.text, "the database could not be read")

    async def test_statements_have_their_time(self) -> None:
        database = await self.open(statement_timeout=0.1, max_connections=1)
        error = await self.refused(database.read("select pg_sleep(60)", {}, CALLER))
        self.assertEqual(error.code, StatusCode.DEADLINE_EXCEEDED)

    async def test_who_does_not_wait_any_more_holds_up_nobody(self) -> None:
        database = await self.open(max_connections=1)
        for _ in range(3):
            waiting = asyncio.create_task(database.read("select pg_sleep(1)", {}, CALLER))
            await asyncio.sleep(0.1)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        self.assertEqual(await database.read("select 1", {}, CALLER), [("1",)])

    async def test_values_come_as_texts_and_faulty_ones_are_told_apart(self) -> None:
        database = await self.open()
        text = "select now() < '3000-01-01', 1.50::numeric, '\\x00'::bytea, null::int, %(v)s::int"
        self.assertEqual(
            await database.read(text, {"v": "7"}, CALLER), [("t", "1.50", "\\x00", None, "7")]
        )
        with self.assertRaises(DataFailure):
            await database.read(text, {"v": "seven"}, CALLER)

    async def test_policies_of_the_database_decide_for_each_caller(self) -> None:
        role = f"weir_{uuid.uuid4().hex[:8]}"
        await self.run_sql("create table {schema}.note (id int primary key, owner text)")
        await self.run_sql("insert into {schema}.note values (1, 'ann'), (2, 'ben')")
        await self.run_sql("alter table {schema}.note enable row level security")
        await self.run_sql(
            "create policy own on {schema}.note using (owner = current_setting('weir.principal')"
            " and current_setting('weir.attributes')::jsonb ->> 'role' = 'lead')"
        )
        await self.run_sql(f"create role {role} login")
        self.addAsyncCleanup(self.run_sql, f"drop owned by {role}; drop role {role}")
        await self.run_sql(f"grant usage on schema {{schema}} to {role}")
        await self.run_sql(f"grant select on {{schema}}.note to {role}")
        parts = urlsplit(URL)
        host = parts.netloc.rpartition("@")[2]
        database = await self.open(
            parts._replace(netloc=f"{role}@{host}").geturl(), tell_caller=True
        )
        table = self.table(id=Column("integer", "number"), owner=Column("text", "text"))
        for caller, seen in ((CALLER, [True, False]), (Caller("acme", "ben"), [False, False])):
            queries = [Query(key, "", caller) for key in ("1", "2")]
            answers = await fetch_rows(database, table, queries)
            self.assertEqual([isinstance(each, Value) for each in answers], seen)

    async def test_a_table_that_has_changed_is_told_of(self) -> None:
        await self.run_sql("create table {schema}.note (id int primary key, text text)")
        await self.run_sql("insert into {schema}.note values (1, 'x')")
        database = await self.open()
        table = self.table(id=Column("integer", "number"), text=Column("text", "text"))
        [answer] = await fetch_rows(database, table, [Query("1", "", CALLER)])
        assert isinstance(answer, Value)
        self.assertEqual(answer.value, {"id": 1, "text": "x"})
        await self.run_sql("alter table {schema}.note drop column text")
        with self.assertLogs("runtime.failures", "ERROR"):
            [answer] = await fetch_rows(database, table, [Query("1", "", CALLER)])
        assert isinstance(answer, ProviderError)
        self.assertEqual(answer.code, StatusCode.FAILED_PRECONDITION)
        self.assertIn("must be generated again", answer.text)

    async def test_rows_too_large_and_rows_not_understood_fail_alone(self) -> None:
        await self.run_sql("create table {schema}.note (id int primary key, text text)")
        await self.run_sql("alter table {schema}.note alter text set storage external")
        await self.run_sql("insert into {schema}.note values (1, '{{1}}'), (2, 'no array')")
        await self.run_sql("insert into {schema}.note values (3, repeat('x', 9 * 1024 * 1024))")
        database = await self.open()
        table = self.table(id=Column("integer", "number"), text=Column("text", "json"))
        await self.run_sql("update {schema}.note set text = '1' where id = 1")
        queries = [Query(key, "", CALLER) for key in ("3", "1", "2", "9")]
        with self.assertLogs("runtime.failures", "ERROR"):
            large, good, broken, absent = await fetch_rows(database, table, queries)
        self.assertIsInstance(good, Value)
        self.assertIsNone(absent)
        for answer, code in (
            (large, StatusCode.RESOURCE_EXHAUSTED),
            (broken, StatusCode.FAILED_PRECONDITION),
        ):
            assert isinstance(answer, ProviderError)
            self.assertEqual(answer.code, code)

    async def test_lists_go_on_behind_the_last_row_and_look_for_words(self) -> None:
        await self.run_sql("create table {schema}.note (id int primary key, title text, k int)")
        await self.run_sql(
            "insert into {schema}.note select n, 'Title ' || n, n % 3 from generate_series(1, 30) n"
        )
        await self.run_sql("insert into {schema}.note values (99, '50% of a_b\\c', null)")
        database = await self.open()
        columns = {
            "id": Column("integer", "number"),
            "title": Column("text", "text"),
            "k": Column("integer", "number"),
        }
        table = Table(
            "Note",
            "1.0.0",
            self.schema,
            "note",
            columns,
            ["id"],
            {},
            title_column="title",
            filters=["k"],
        )

        async def keys(text: str = "", key_prefix: str = "") -> list[str]:
            found: list[str] = []
            token = ""
            while True:
                query = ListQuery(key_prefix, text, 4, token, CALLER)
                page = await list_rows(database, table, query)
                found += [entry.key for entry in page.entries]
                token = page.next_page_token
                if token == "":
                    return found

        self.assertEqual(await keys(), [str(number) for number in [*range(1, 31), 99]])
        best, *others = await keys("title 3")
        self.assertEqual((best, sorted(others, key=int)), ("3", ["13", "23", "30"]))
        self.assertEqual(await keys("k=0 title"), [str(number) for number in range(3, 31, 3)])
        self.assertEqual(await keys("k=x"), [])
        self.assertEqual(await keys("50% a_b\\c"), ["99"])
        self.assertEqual(await keys(key_prefix="2"), ["2", *(str(n) for n in range(20, 30))])

    async def test_what_cannot_be_opened_is_told_at_once(self) -> None:
        with self.assertRaises(ValueError):
            Database("mysql://x")
        with self.assertRaises(ValueError):
            Database(URL, max_connections=0)
        with self.assertRaises(psycopg.OperationalError):
            await self.open("postgres://nobody@127.0.0.1:1/nothing")


if __name__ == "__main__":
    unittest.main()
