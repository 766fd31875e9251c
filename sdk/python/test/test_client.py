import asyncio
import hashlib
import http.server
import threading
import unittest
from typing import Any, AsyncIterator, Callable

from fakes import Context, refuse, serving
from weir import Arrived, ItemRefused, Outcome, Refused, StatusCode, Weir, WeirCallError
from weir._client.subscribe import subscribe_to
from weir.gen.weir.context.v1 import context_pb2
from weir.gen.weir.errors.v1 import reason_pb2
from weir.gen.weir.events.v1 import events_pb2
from weir.gen.weir.events.v1.events_pb2_grpc import EventServiceServicer, EventServiceStub
from weir.gen.weir.router.v1 import router_pb2
from weir.gen.weir.router.v1.router_pb2_grpc import RouterServiceServicer
from weir.gen.weir.tools.v1 import tools_pb2
from weir.gen.weir.tools.v1.tools_pb2_grpc import ToolServiceServicer

NOWHERE = "http://127.0.0.1:1"
LONG = 60.0

AnswerRef = Callable[[context_pb2.ContextRef], context_pb2.ItemResult]


def echo(ref: context_pb2.ContextRef) -> context_pb2.ItemResult:
    item = context_pb2.Item(payload=ref.key.encode(), content_type="text/plain", version="1.0.0")
    return context_pb2.ItemResult(item=item, cache=context_pb2.CACHE_STATUS_MISS)


def refusal(code: StatusCode, reason: "reason_pb2.Reason") -> context_pb2.ItemResult:
    why = context_pb2.Refusal(code=code.value[0], reason=reason, text="no")
    return context_pb2.ItemResult(refusal=why)


class FakeRouter(RouterServiceServicer):
    """Answers each ref as a test says; `refuse_first` calls are refused before that."""

    def __init__(self, answer: AnswerRef = echo, *, refuse_first: int = 0, room: int = 256) -> None:
        self.answer = answer
        self.refuse_first = refuse_first
        self.room = room
        self.sizes: list[int] = []
        self.metadata: dict[str, Any] = {}
        self.refusal: dict[str, Any] = {"code": StatusCode.UNAVAILABLE, "reason": "OVERLOADED"}

    async def FetchContext(self, request: Any, context: Context) -> Any:
        await self._begin(request, context)
        results = []
        for index, ref in enumerate(request.refs):
            result = (
                self.answer(ref)
                if index < self.room
                else refusal(StatusCode.RESOURCE_EXHAUSTED, reason_pb2.REASON_RESPONSE_BUDGET)
            )
            result.index = index
            results.append(result)
        return router_pb2.FetchContextResponse(results=results)

    async def StreamContext(self, request: Any, context: Context) -> AsyncIterator[Any]:
        await self._begin(request.fetch, context)
        for index, ref in enumerate(request.fetch.refs):
            if index == self.room:
                await refuse(context, StatusCode.UNAVAILABLE, "OVERLOADED")
            result = self.answer(ref)
            result.index = index
            yield router_pb2.StreamContextResponse(result=result)

    async def ListContext(self, request: Any, context: Context) -> Any:
        start = int(request.page_token or 0)
        entries = [
            router_pb2.ContextEntry(ref=context_pb2.ContextRef(type="Page", key=str(n)))
            for n in range(start, min(start + 2, 5))
        ]
        gap = router_pb2.ListGap(provider="other", type="Page")
        token = str(start + 2) if start + 2 < 5 else ""
        return router_pb2.ListContextResponse(
            entries=entries, next_page_token=token, gaps=[] if token else [gap]
        )

    async def _begin(self, request: Any, context: Context) -> None:
        self.sizes.append(len(request.refs))
        self.metadata = dict(context.invocation_metadata())
        if self.refuse_first > 0:
            self.refuse_first -= 1
            await refuse(context, **self.refusal)


def values(outcomes: list[Outcome]) -> list[Any]:
    return [outcome.item.value if outcome.ok else outcome.refusal.reason for outcome in outcomes]


class Fetching(unittest.IsolatedAsyncioTestCase):
    async def test_outcomes_come_in_order_256_refs_a_call(self) -> None:
        router = FakeRouter()
        async with serving(router) as url, Weir(url, "weir_k") as weir:
            outcomes = await weir.fetch([f"Page/{n}" for n in range(600)])
        self.assertEqual(values(outcomes), [str(n) for n in range(600)])
        self.assertEqual(sorted(router.sizes), [88, 256, 256])
        self.assertEqual(router.metadata["authorization"], "Bearer weir_k")

    async def test_gets_that_are_waited_for_together_travel_in_one_call(self) -> None:
        router = FakeRouter()
        async with serving(router) as url, Weir(url, "k") as weir:
            got = await asyncio.gather(
                *(weir.get("Page", str(n)) for n in range(300)), weir.get("Page", "a", max_age=1)
            )
            self.assertEqual([item.value for item in got], [*map(str, range(300)), "a"])
            self.assertEqual(sorted(router.sizes), [1, 44, 256])
            router.refuse_first = 1
            router.refusal = {"code": StatusCode.PERMISSION_DENIED}
            failed = await asyncio.gather(
                weir.get("Page", "a"), weir.get("Page", "b"), return_exceptions=True
            )
            self.assertTrue(all(isinstance(each, WeirCallError) for each in failed))
            self.assertIsNot(failed[0], failed[1])

    async def test_a_shared_call_ends_when_nobody_waits_any_more(self) -> None:
        began, ended = asyncio.Event(), asyncio.Event()

        class Slow(FakeRouter):
            async def FetchContext(self, request: Any, context: Context) -> Any:
                began.set()
                try:
                    await asyncio.sleep(LONG)
                finally:
                    ended.set()

        async with serving(Slow()) as url, Weir(url, "k", timeout=LONG) as weir:
            gets = [asyncio.create_task(weir.get("Page", key)) for key in ("a", "b")]
            await began.wait()
            gets[0].cancel()
            await asyncio.sleep(0.05)
            self.assertFalse(ended.is_set())
            gets[1].cancel()
            async with asyncio.timeout(LONG):
                await ended.wait()

    async def test_what_does_not_fit_is_asked_for_again(self) -> None:
        router = FakeRouter(room=3)
        async with serving(router) as url, Weir(url, "k") as weir:
            outcomes = await weir.fetch([f"Page/{n}" for n in range(10)])
        self.assertEqual(values(outcomes), [str(n) for n in range(10)])

    async def test_an_item_that_does_not_fit_alone_stays_refused(self) -> None:
        router = FakeRouter(room=0)
        async with serving(router) as url, Weir(url, "k") as weir:
            self.assertEqual(
                values(await weir.fetch(["Page/a", "Page/b"])), ["RESPONSE_BUDGET"] * 2
            )

    async def test_an_item_that_cannot_be_had_spoils_no_batch(self) -> None:
        def answer(ref: context_pb2.ContextRef) -> context_pb2.ItemResult:
            if ref.key == "bad":
                item = context_pb2.Item(payload=b"{", content_type="application/json")
                return context_pb2.ItemResult(item=item)
            if ref.key == "new":
                return refusal(StatusCode.NOT_FOUND, 9_999)  # type: ignore[arg-type]
            return echo(ref)

        async with serving(FakeRouter(answer)) as url, Weir(url, "k") as weir:
            outcomes = await weir.fetch(["Page/a", "Page/bad", "Page/new"])
            self.assertEqual(values(outcomes), ["a", "PROVIDER_GARBAGE", "REASON_9999"])
            with self.assertRaises(ItemRefused) as caught:
                await weir.get("Page", "bad")
            self.assertEqual(caught.exception.refusal.code, StatusCode.DATA_LOSS)

    async def test_what_passes_is_tried_again_and_not_for_ever(self) -> None:
        router = FakeRouter(refuse_first=3)
        async with serving(router) as url, Weir(url, "k") as weir:
            self.assertEqual((await weir.get("Page", "a")).value, "a")
            self.assertEqual(len(router.sizes), 4)
            router.refuse_first = 100
            with self.assertRaises(WeirCallError) as caught:
                await weir.get("Page", "a")
            self.assertEqual(len(router.sizes), 8)
            self.assertEqual(
                (caught.exception.code, caught.exception.reason, caught.exception.request_id),
                (StatusCode.UNAVAILABLE, "OVERLOADED", "r1"),
            )

    async def test_retries_have_a_budget(self) -> None:
        router = FakeRouter(refuse_first=1_000)
        async with serving(router) as url, Weir(url, "k", retries=1) as weir:
            for _ in range(20):
                with self.assertRaises(WeirCallError):
                    await weir.get("Page", "a")
        # Ten tokens may be spent before half of the twenty are left.
        self.assertEqual(len(router.sizes), 20 + 9)

    async def test_what_does_not_pass_is_not_tried_again(self) -> None:
        router = FakeRouter(refuse_first=1)
        router.refusal = {
            "code": StatusCode.INVALID_ARGUMENT,
            "reason": "INVALID_KEY",
            "fields": ("refs[0].key", "refs[1].key"),
        }
        async with serving(router) as url, Weir(url, "k") as weir:
            with self.assertRaises(WeirCallError) as caught:
                await weir.get("Page", "a")
        error = caught.exception
        self.assertEqual(len(router.sizes), 1)
        self.assertEqual([each.field for each in error.violations], ["refs[0].key", "refs[1].key"])
        self.assertIn("refs[1].key: is wrong", str(error))

    async def test_who_says_when_to_come_back_is_asked_then(self) -> None:
        router = FakeRouter(refuse_first=1)
        router.refusal = {"code": StatusCode.RESOURCE_EXHAUSTED, "retry_delay": 0.3}
        async with serving(router) as url, Weir(url, "k") as weir:
            began = asyncio.get_running_loop().time()
            await weir.get("Page", "a")
            self.assertGreaterEqual(asyncio.get_running_loop().time() - began, 0.29)
            router.refuse_first = 1
            router.refusal = {"code": StatusCode.RESOURCE_EXHAUSTED, "retry_delay": 100}
            with self.assertRaises(WeirCallError) as caught:
                await weir.get("Page", "a")
            self.assertEqual(caught.exception.retry_delay, 100)

    async def test_a_call_has_a_deadline(self) -> None:
        class Late(FakeRouter):
            async def FetchContext(self, request: Any, context: Context) -> Any:
                await asyncio.sleep(LONG)

        async with serving(Late()) as url, Weir(url, "k", timeout=0.1) as weir:
            with self.assertRaises(WeirCallError) as caught:
                await weir.get("Page", "a")
        self.assertEqual(caught.exception.reason, "DEADLINE_EXCEEDED")

    async def test_a_server_is_told_no_more_time_than_there_is(self) -> None:
        told: list[float] = []

        class Timed(FakeRouter):
            async def FetchContext(self, request: Any, context: Context) -> Any:
                told.append(context.time_remaining())
                return await super().FetchContext(request, context)

        async with serving(Timed()) as url, Weir(url, "k") as weir:
            for timeout in (0.987, 1.2349, 12.3451, 123.451):
                await weir.get("Page", "a", timeout=timeout)
                self.assertLess(told[-1], timeout + 0.002)
                self.assertGreater(told[-1], timeout * 0.98 - 0.5)

    async def test_calls_go_to_the_next_address_and_stay_there(self) -> None:
        router = FakeRouter()
        async with serving(router) as url, Weir([NOWHERE, url], "k") as weir:
            self.assertEqual((await weir.get("Page", "a")).value, "a")
            self.assertEqual(weir.channel.current(), url)

    async def test_a_stream_goes_on_with_what_is_still_open(self) -> None:
        router = FakeRouter(room=4)
        async with serving(router) as url, Weir(url, "k") as weir:
            outcomes = [each async for each in weir.stream([f"Page/{n}" for n in range(10)])]
        self.assertEqual([each.index for each in outcomes], list(range(10)))
        self.assertEqual(router.sizes, [10, 6, 2])

    async def test_who_leaves_a_stream_ends_it(self) -> None:
        left = asyncio.Event()

        class Endless(FakeRouter):
            async def StreamContext(self, request: Any, context: Context) -> AsyncIterator[Any]:
                try:
                    yield router_pb2.StreamContextResponse(result=echo(request.fetch.refs[0]))
                    await asyncio.sleep(LONG)
                finally:
                    left.set()

        async with serving(Endless()) as url, Weir(url, "k", timeout=LONG) as weir:
            async for outcome in weir.stream(["Page/a", "Page/b"]):
                self.assertTrue(outcome.ok)
                break
            async with asyncio.timeout(LONG):
                await left.wait()

    async def test_a_list_turns_its_pages_by_itself(self) -> None:
        gaps: list[str] = []
        async with serving(FakeRouter()) as url, Weir(url, "k") as weir:
            entries = weir.list("Page", on_gap=lambda gap: gaps.append(gap.provider))
            keys = [entry.ref.key async for entry in entries]
        self.assertEqual((keys, gaps), (["0", "1", "2", "3", "4"], ["other"]))


class Options(unittest.TestCase):
    def test_what_cannot_be_right_is_refused(self) -> None:
        for url, key, mend in [
            ("127.0.0.1:7070", "k", "is not http or https"),
            ("http://h:99999", "k", "is no URL"),
            ("http://ann:secret@h", "k", "drop it and give the key as `key`"),
            ("http://h/weir", "k", "gRPC has no place for"),
            ([], "k", "0 addresses: give 1 to 16"),
            (["http://h"] * 17, "k", "17 addresses"),
            ("http://h", "a key", "holds characters that no API key holds"),
            ("http://h", "", "key is empty"),
            ("http://h", None, "there is no key"),
        ]:
            with self.assertRaisesRegex(ValueError, mend) as caught:
                Weir(url, key)
            self.assertNotIn("secret", str(caught.exception))
        for timeout in (0, -1, float("inf"), float("nan")):
            with self.assertRaisesRegex(ValueError, "give seconds, more than 0"):
                Weir("http://h", "k", timeout=timeout)


class Links(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.body = b"x" * 300_000
        self.seen: list[dict[str, str]] = []
        test = self

        class Blobs(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                test.seen.append(dict(self.headers))
                name = self.path.partition("?")[0]
                status = {"/gone": 404, "/moved": 302}.get(name, 200)
                self.send_response(status)
                self.send_header("location", "/whole")
                self.end_headers()
                if status == 200:
                    self.wfile.write(test.body[: len(test.body) // 2 if name == "/half" else None])

            def log_message(self, *given: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Blobs)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        router = FakeRouter(self.linked)
        self.url = await self.enterAsyncContext(serving(router))
        self.weir = await self.enterAsyncContext(Weir(self.url, "weir_secret"))

    def tearDown(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def linked(self, ref: context_pb2.ContextRef) -> context_pb2.ItemResult:
        kind = ref.key
        item = context_pb2.Item(
            url="ftp://x/y" if kind == "ftp" else f"{self.base}/{kind}?a=b",
            content_type="application/octet-stream",
            sha256=hashlib.sha256(b"other" if kind == "other" else self.body).digest(),
            size_bytes=len(self.body) - (kind == "longer"),
        )
        return context_pb2.ItemResult(item=item)

    async def test_a_link_is_followed_with_nothing_of_the_callers(self) -> None:
        item = await self.weir.get("Page", "whole")
        self.assertEqual((item.value, item.data), (self.body, self.body))
        self.assertNotIn("xxx", repr(item))
        self.assertNotIn("weir_secret", str(self.seen))
        self.assertEqual(len(self.seen), 1)

    async def test_another_value_is_no_value(self) -> None:
        for kind, code in {
            "gone": StatusCode.UNAVAILABLE,
            "moved": StatusCode.UNAVAILABLE,
            "half": StatusCode.UNAVAILABLE,
            "ftp": StatusCode.UNAVAILABLE,
            "longer": StatusCode.DATA_LOSS,
            "other": StatusCode.DATA_LOSS,
        }.items():
            good, bad = await self.weir.fetch(["Page/whole", f"Page/{kind}"])
            assert isinstance(good, Arrived) and isinstance(bad, Refused)
            self.assertEqual((kind, bad.refusal.code), (kind, code))
            self.assertEqual(bad.refusal.reason, "BLOB_STORE_UNAVAILABLE")
        self.assertFalse([each for each in self.seen if "authorization" in map(str.lower, each)])

    async def test_a_value_that_is_too_large_is_refused(self) -> None:
        [outcome] = await self.weir.fetch(["Page/whole"], max_value_bytes=1_000)
        assert isinstance(outcome, Refused)
        self.assertEqual(outcome.refusal.reason, "ITEM_TOO_LARGE")
        self.assertEqual(self.seen, [])

    async def test_a_link_that_is_kept_is_read_piece_by_piece(self) -> None:
        item = await self.weir.get("Page", "whole", links="keep")
        self.assertIsNone(item.value)
        pieces = [piece async for piece in self.weir.read_value(item)]
        self.assertEqual(b"".join(pieces), self.body)

    async def test_a_link_that_hangs_is_late(self) -> None:
        listener = await asyncio.start_server(
            lambda reader, writer: asyncio.sleep(LONG), "127.0.0.1"
        )
        self.base = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        [outcome] = await self.weir.fetch(["Page/whole"], timeout=3)
        assert isinstance(outcome, Refused)
        self.assertEqual(outcome.refusal.reason, "DEADLINE_EXCEEDED")
        listener.close()

    async def test_links_of_a_stream_are_followed_too(self) -> None:
        outcomes = [each async for each in self.weir.stream([f"Page/{n}" for n in range(9)])]
        self.assertEqual(sorted(each.index for each in outcomes), list(range(9)))
        self.assertTrue(all(each.ok and each.item.value == self.body for each in outcomes))


class FakeEvents(EventServiceServicer):
    """A log that breaks off after each message."""

    def __init__(self) -> None:
        self.published: list[Any] = []
        self.refuse_first = 0
        self.asked: list[str] = []

    async def Publish(self, request: Any, context: Context) -> Any:
        self.published.append(request)
        if self.refuse_first > 0:
            self.refuse_first -= 1
            await refuse(context, StatusCode.UNAVAILABLE, "EVENTS_UNAVAILABLE")
        return events_pb2.PublishResponse(ids=["i1"], consistency_token="t")

    async def Subscribe(self, request: Any, context: Context) -> AsyncIterator[Any]:
        self.asked.append(request.cursor)
        if "forbidden" in request.topics:
            await refuse(context, StatusCode.PERMISSION_DENIED, "DENIED")
        at = int(request.cursor or 0)
        # The last of the message before comes once more, as after a message that was lost half way.
        events = [
            events_pb2.DeliveredEvent(
                event=events_pb2.Event(topic="a.b", key=str(n), data=b'{"n":1}'), position=n
            )
            for n in range(max(1, at), at + 3)
        ]
        yield events_pb2.SubscribeResponse(events=events, cursor=str(at + 2))
        if at % 4 == 0:
            await refuse(context, StatusCode.UNAVAILABLE, "OVERLOADED")


class Events(unittest.IsolatedAsyncioTestCase):
    async def test_a_subscription_goes_on_from_its_cursor(self) -> None:
        events = FakeEvents()
        keys, cursors = [], []
        async with serving(events) as url, Weir([NOWHERE, url], "k") as weir:
            async with asyncio.timeout(LONG):
                async for event in weir.subscribe("a.*", start="earliest"):
                    self.assertEqual((event.topic, event.json()), ("a.b", {"n": 1}))
                    keys.append(event.key)
                    cursors.append(event.cursor)
                    if len(keys) == 8:
                        break
        self.assertEqual(keys, ["1", "2", "3", "4", "5", "6", "7", "8"])
        self.assertEqual(events.asked, ["", "2", "4", "6"])
        self.assertEqual(cursors, ["", "2", "2", "4", "4", "6", "6", "8"])

    async def test_a_subscription_that_is_refused_ends(self) -> None:
        async with serving(FakeEvents()) as url, Weir(url, "k") as weir:
            with self.assertRaises(WeirCallError) as caught:
                async for _ in weir.subscribe(["forbidden"]):
                    pass
        self.assertEqual(caught.exception.reason, "DENIED")

    async def test_a_silent_subscription_is_taken_up_again(self) -> None:
        asked = 0

        class Silent(FakeEvents):
            async def Subscribe(self, request: Any, context: Context) -> AsyncIterator[Any]:
                nonlocal asked
                asked += 1
                if asked == 1:
                    await asyncio.sleep(LONG)
                async for message in super().Subscribe(request, context):
                    yield message

        async with serving(Silent()) as url, Weir(url, "k") as weir:
            request = events_pb2.SubscribeRequest(topics=["a.b"])
            events = subscribe_to(EventServiceStub(weir.channel), request, silence=0.1)
            async with asyncio.timeout(LONG):
                self.assertEqual((await anext(events)).key, "1")
            await events.aclose()

    async def test_a_publish_is_tried_again_under_one_name(self) -> None:
        events = FakeEvents()
        events.refuse_first = 2
        async with serving(events) as url, Weir(url, "k") as weir:
            published = await weir.publish(
                "page.updated", key="a", data={"n": 1}, refs=["Page@^1/a"], sensitivity="public"
            )
            await weir.publish("page.updated", data="words", idempotency_key="mine")
        self.assertEqual(published.ids, ("i1",))
        names = {request.idempotency_key for request in events.published[:3]}
        self.assertEqual((len(names), "" in names), (1, False))
        event = events.published[0].events[0]
        self.assertEqual((event.data, event.content_type), (b'{"n":1}', "application/json"))
        self.assertEqual((event.refs[0].version_range, event.sensitivity), ("^1", 1))
        last = events.published[3]
        self.assertEqual(last.idempotency_key, "mine")
        self.assertEqual(last.events[0].content_type, "text/plain; charset=utf-8")

    async def test_data_that_has_no_json_is_refused(self) -> None:
        async with Weir(NOWHERE, "k") as weir:
            with self.assertRaisesRegex(TypeError, "a value of type object has no JSON"):
                await weir.publish("a.b", data=object())


class Calls(unittest.IsolatedAsyncioTestCase):
    async def test_an_operation_is_called_once(self) -> None:
        calls: list[bytes] = []

        class Tools(ToolServiceServicer):
            async def CallTool(self, request: Any, context: Context) -> AsyncIterator[Any]:
                calls.append(request.arguments)
                if request.tool == "away":
                    await refuse(context, StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE")
                if request.tool == "good":
                    result = tools_pb2.ToolResult(payload=b"3", content_type="application/json")
                    yield tools_pb2.CallToolResponse(result=result)

        async with serving(Tools()) as url, Weir(url, "k") as weir:
            self.assertEqual((await weir.call("good", {"a": 1})).value, 3)
            for tool, code in {
                "away": StatusCode.UNAVAILABLE,
                "endless": StatusCode.INTERNAL,
            }.items():
                with self.assertRaises(WeirCallError) as caught:
                    await weir.call(tool)
                self.assertEqual(caught.exception.code, code)
        self.assertEqual(calls, [b'{"a":1}', b"", b""])
