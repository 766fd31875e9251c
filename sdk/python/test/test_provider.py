import asyncio
import hashlib
import threading
import unittest
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, AsyncIterator

from weir import ItemRefused, ToolProgress
from weir.gen.weir.provider.v1 import provider_pb2 as wire
from weir.provider import Call, Caller, ListEntry, ListPage, ListQuery, NotModified, Patience
from weir.provider import Provider, ProviderError, Query, StatusCode, ToolResult, Value
from weir.provider.answer import answer_fetch
from weir.provider.running import Runner
from weir.testing import Content, LocalProvider


def wiki() -> Provider:
    return Provider("wiki", version="1.0.0")


def offering(answer: Any) -> LocalProvider:
    """A provider of Pages that answers everything with this, raised when it is an exception."""
    provider = wiki()

    @provider.context("Page", version="1.0.0")
    async def page(query: Query) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return LocalProvider(provider)


@dataclass
class Note:
    text: str


class Values(unittest.IsolatedAsyncioTestCase):
    async def test_a_value_is_json_text_or_bytes(self) -> None:
        for given, value, content_type in [
            ({"a": [1, "größe"]}, {"a": [1, "größe"]}, "application/json"),
            (Note("x"), {"text": "x"}, "application/json"),
            (0, 0, "application/json"),
            (Value(None), None, "application/json"),
            ("größe", "größe", "text/plain; charset=utf-8"),
            (b"\x00\xff", b"\x00\xff", "application/octet-stream"),
        ]:
            content = await offering(given).fetch("Page", "a")
            self.assertEqual((content.value, content.content_type), (value, content_type))

    async def test_what_is_known_of_a_value_goes_along(self) -> None:
        now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
        content = await offering(
            Value(
                "{}",
                content_type="application/json",
                etag="e",
                as_of=now,
                ttl=1.5,
                sensitivity="restricted",
                quality=0,
                source="a:1",
                labels={"x": "y"},
                owner="ann",
            )
        ).fetch("Page", "a")
        self.assertEqual(
            content,
            Content(
                {},
                b"{}",
                "application/json",
                "e",
                now,
                1.5,
                "restricted",
                0,
                "a:1",
                {"x": "y"},
                "ann",
            ),
        )

    async def test_a_value_that_has_not_changed_is_not_sent(self) -> None:
        page = offering("the same")
        etag = (await page.fetch("Page", "a")).etag
        self.assertEqual(len(etag), 22)
        self.assertEqual(await page.query("Page", "a", known_etag=etag), NotModified())
        self.assertEqual(
            await offering(NotModified(ttl=5)).query("Page", "a", known_etag="x"), NotModified(5)
        )

    async def test_nothing_means_that_there_is_no_such_key(self) -> None:
        self.assertIsNone(await offering(None).query("Page", "a"))
        with self.assertRaisesRegex(ItemRefused, "KEY_NOT_FOUND"):
            await offering(None).fetch("Page", "a")
        missing = ProviderError(StatusCode.NOT_FOUND, "not here")
        self.assertIsNone(await offering(missing).query("Page", "a"))

    async def test_a_refusal_has_code_text_and_delay(self) -> None:
        error = ProviderError(StatusCode.UNAVAILABLE, "in maintenance", retry_delay=1.234)
        refused = await offering(error).query("Page", "a")
        assert isinstance(refused, ProviderError)
        self.assertEqual(
            (refused.code, refused.text, refused.retry_delay),
            (StatusCode.UNAVAILABLE, "in maintenance", 1.234),
        )

    async def test_of_any_other_error_callers_learn_nothing_and_the_log_all(self) -> None:
        for faulty in [
            RuntimeError("secret words"),
            Value("x", quality=2),
            Value("x", sensitivity="secret words"),  # type: ignore[arg-type]
            Value("x", labels={"a": 1}),  # type: ignore[dict-item]
            float("nan"),
            object(),
            NotModified(),
        ]:
            with self.assertLogs("weir.provider", "ERROR") as logs:
                refused = await offering(faulty).query("Page", "a")
            assert isinstance(refused, ProviderError)
            self.assertEqual(
                (refused.code, refused.text), (StatusCode.INTERNAL, "the provider failed")
            )
            self.assertIn("the provider failed at Page/a", logs.output[0])

    async def test_what_is_not_offered_is_told_apart_from_what_is_not_there(self) -> None:
        provider = wiki()
        provider.context("Page", version="1.0.0", key_prefix="a/")(lambda query: "x")
        local = LocalProvider(provider)
        self.assertIsNone(await local.query("Page", "b/1"))
        self.assertIsInstance(await local.query("Page", "a/1"), Content)
        for refused in [
            await local.query("Other", "a"),
            await local.query("Page", "a/1", type_version="2.0.0"),
        ]:
            assert isinstance(refused, ProviderError)
            self.assertEqual(refused.code, StatusCode.UNIMPLEMENTED)


class LargeValues(unittest.IsolatedAsyncioTestCase):
    async def test_a_large_value_goes_in_parts(self) -> None:
        data = bytes(range(256)) * 40_000
        content = await offering(data).fetch("Page", "a")
        self.assertEqual(hashlib.sha256(content.data).digest(), hashlib.sha256(data).digest())

    async def test_no_message_is_larger_than_a_router_takes(self) -> None:
        provider = wiki()
        provider.context("Page", version="1.0.0")(lambda query: b"x" * int(query.key))
        sizes = [10, 3_000_000, 3_000_000, 4 * 1024 * 1024, 9_000_000]
        request = wire.FetchRequest(
            queries=[wire.FetchQuery(type="Page", key=str(size)) for size in sizes]
        )
        runner = Runner(4)
        received = [0] * len(sizes)
        async for message in answer_fetch(provider, runner, request, Patience()):
            self.assertLessEqual(message.ByteSize(), 4 * 1024 * 1024)
            for result in message.results:
                self.assertLessEqual(len(result.part.data), 1024 * 1024)
                received[result.index] += len(result.content.payload) + len(result.part.data)
        runner.close()
        self.assertEqual(received, sizes)

    async def test_a_value_may_be_an_iterable_of_bytes(self) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(6):
                yield b"x" * 1_000_000

        content = await offering(Value(pieces(), size_bytes=6_000_000)).fetch("Page", "a")
        self.assertEqual(len(content.data), 6_000_000)
        self.assertEqual(content.etag, "")

    async def test_an_iterable_of_another_size_fails(self) -> None:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"x" * 10

        for size in (9, 11, None):
            with self.assertLogs("weir.provider", "ERROR"):
                refused = await offering(Value(pieces(), size_bytes=size)).query("Page", "a")
            self.assertIsInstance(refused, ProviderError)


class Batches(unittest.IsolatedAsyncioTestCase):
    async def test_each_query_stands_alone(self) -> None:
        provider = wiki()

        @provider.context("Page", version="1.0.0")
        async def page(query: Query) -> Any:
            if query.key == "bad":
                raise RuntimeError("secret")
            return query.key if query.key != "none" else None

        with self.assertLogs("weir.provider", "ERROR"):
            good, bad, none = await LocalProvider(provider).query_many(
                "Page", ["good", "bad", "none"]
            )
        self.assertIsInstance(good, Content)
        self.assertIsInstance(bad, ProviderError)
        self.assertIsNone(none)

    async def test_what_is_ready_is_sent_without_waiting_for_the_rest(self) -> None:
        provider = wiki()
        go_on = asyncio.Event()

        @provider.context("Page", version="1.0.0")
        async def page(query: Query) -> str:
            if query.key == "slow":
                await go_on.wait()
            return query.key

        request = wire.FetchRequest(
            queries=[wire.FetchQuery(type="Page", key=key) for key in ("slow", "quick")]
        )
        answers = answer_fetch(provider, Runner(1), request, Patience())
        self.assertEqual([each.index for each in (await anext(answers)).results], [1])
        go_on.set()
        self.assertEqual([each.index for each in (await anext(answers)).results], [0])
        with self.assertRaises(StopAsyncIteration):
            await anext(answers)

    async def test_no_more_run_at_once_than_may(self) -> None:
        provider = Provider("wiki", version="1.0.0", concurrency=3)
        under_way = most = 0

        @provider.context("Page", version="1.0.0")
        async def page(query: Query) -> str:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.001)
            under_way -= 1
            return query.key

        outcomes = await LocalProvider(provider).query_many("Page", [str(n) for n in range(20)])
        self.assertEqual([each.value for each in outcomes if isinstance(each, Content)][19], "19")
        self.assertEqual(most, 3)

    async def test_many_are_fetched_at_once(self) -> None:
        provider = wiki()
        calls = 0

        @provider.context_many("Page", version="1.0.0")
        def pages(queries: list[Query]) -> list[Any]:
            nonlocal calls
            calls += 1
            refusal = ProviderError(StatusCode.DATA_LOSS, "broken")
            return [refusal if query.key == "bad" else query.key for query in queries]

        good, bad = await LocalProvider(provider).query_many("Page", ["good", "bad"])
        assert isinstance(good, Content) and isinstance(bad, ProviderError)
        self.assertEqual((good.value, bad.code, calls), ("good", StatusCode.DATA_LOSS, 1))

    async def test_too_few_answers_fail_them_all(self) -> None:
        provider = wiki()
        provider.context_many("Page", version="1.0.0")(lambda queries: ["one"])
        with self.assertLogs("weir.provider", "ERROR") as logs:
            outcomes = await LocalProvider(provider).query_many("Page", ["a", "b"])
        self.assertTrue(all(isinstance(each, ProviderError) for each in outcomes))
        self.assertIn("1 answers to 2 queries", logs.output[0])

    async def test_a_call_that_is_left_cancels_the_functions(self) -> None:
        provider = wiki()
        began, ended = asyncio.Event(), asyncio.Event()
        thread_began, thread_ended = threading.Event(), threading.Event()

        @provider.context("Page", version="1.0.0")
        async def page(query: Query) -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        @provider.context("Slow", version="1.0.0")
        def slow(query: Query) -> None:
            thread_began.set()
            while not query.patience.is_over():
                thread_ended.wait(0.001)
            thread_ended.set()

        local = LocalProvider(provider)
        task = asyncio.create_task(local.query("Page", "a"))
        await began.wait()
        task.cancel()
        await ended.wait()
        task = asyncio.create_task(local.query("Slow", "a"))
        await asyncio.to_thread(thread_began.wait)
        task.cancel()
        self.assertTrue(await asyncio.to_thread(thread_ended.wait, 30))

    async def test_functions_learn_of_caller_and_deadline(self) -> None:
        provider = wiki()

        @provider.context("Page", version="1.0.0")
        def page(query: Query) -> Any:
            return [query.caller.tenant, query.caller.principal, dict(query.caller.attributes)]

        @provider.context("Left", version="1.0.0")
        def left(query: Query) -> Any:
            return [query.patience.time_left()]

        local = LocalProvider(provider)
        caller = Caller("acme", "ann", {"role": "editor"})
        content = await local.fetch("Page", "a", caller=caller)
        self.assertEqual(content.value, ["acme", "ann", {"role": "editor"}])
        self.assertEqual((await local.fetch("Left", "a")).value, [None])
        self.assertLessEqual((await local.fetch("Left", "a", timeout=60)).value[0], 60)


class Lists(unittest.IsolatedAsyncioTestCase):
    async def test_keys_are_listed_page_by_page(self) -> None:
        provider = wiki()

        @provider.context("Page", version="1.0.0")
        def page(query: Query) -> None:
            return None

        @page.list
        async def pages(query: ListQuery) -> ListPage:
            start = int(query.page_token or 0)
            entries = [ListEntry(f"{query.key_prefix}{n}", title=query.text) for n in range(5)]
            end = start + query.page_size
            return ListPage(entries[start:end], str(end) if end < 5 else "")

        local = LocalProvider(provider)
        first = await local.list("Page", key_prefix="a", text="words", page_size=3)
        rest = await local.list(
            "Page", key_prefix="a", page_size=3, page_token=first.next_page_token
        )
        self.assertEqual([each.key for each in first.entries], ["a0", "a1", "a2"])
        self.assertEqual(first.entries[0].title, "words")
        self.assertEqual([each.key for each in rest.entries], ["a3", "a4"])
        self.assertEqual(rest.next_page_token, "")

    async def test_a_page_that_is_too_long_fails(self) -> None:
        provider = wiki()
        page = provider.context("Page", version="1.0.0")(lambda query: None)
        page.list(lambda query: ListPage([ListEntry("a"), ListEntry("b")]))
        with self.assertLogs("weir.provider", "ERROR"):
            with self.assertRaisesRegex(ValueError, "2 entries for a page of 1"):
                await LocalProvider(provider).list("Page", page_size=1)

    async def test_what_cannot_be_listed_says_so(self) -> None:
        with self.assertRaises(ProviderError) as caught:
            await offering("x").list("Page")
        self.assertEqual(caught.exception.code, StatusCode.UNIMPLEMENTED)


class Operations(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        provider = wiki()

        @provider.operation("add")
        async def add(call: Call) -> Any:
            return {"sum": call.arguments["a"] + call.arguments["b"]}

        @provider.operation("count")
        def count(call: Call) -> Any:
            for number in range(1, 51):
                call.progress(number, 50, "so far")
            return "done"

        @provider.operation("fail")
        def fail(call: Call) -> ToolResult:
            pieces = [{"type": "text", "text": "no"}]
            return ToolResult(pieces, structured_content={"why": 1}, is_error=True)

        @provider.operation("refuse")
        def refuse(call: Call) -> None:
            raise ProviderError(StatusCode.FAILED_PRECONDITION, "closed")

        self.local = LocalProvider(provider)

    async def test_a_value_comes_back(self) -> None:
        result = await self.local.call("add", {"a": 1, "b": 2})
        self.assertEqual((result.value, result.is_error), ({"sum": 3}, False))

    async def test_progress_is_told_in_its_order_also_from_a_thread(self) -> None:
        told: list[ToolProgress] = []
        result = await self.local.call("count", on_progress=told.append)
        self.assertEqual(result.value, "done")
        self.assertEqual([each.progress for each in told], list(range(1, 51)))
        self.assertEqual(told[0], ToolProgress(1, 50, "so far"))

    async def test_a_tool_that_fails_by_itself_has_a_result(self) -> None:
        result = await self.local.call("fail")
        self.assertEqual((result.value, result.is_error), ({"why": 1}, True))
        self.assertEqual(result.content, ({"type": "text", "text": "no"},))

    async def test_what_cannot_be_done_is_an_error(self) -> None:
        for name, code in {
            "refuse": StatusCode.FAILED_PRECONDITION,
            "nothing": StatusCode.NOT_FOUND,
        }.items():
            with self.assertRaises(ProviderError) as caught:
                await self.local.call(name)
            self.assertEqual(caught.exception.code, code)
        with self.assertLogs("weir.provider", "ERROR"):
            with self.assertRaisesRegex(ProviderError, "^the provider failed$"):
                await self.local.call("add", {"a": 1})
