import asyncio
import contextlib
import unittest
from typing import Any, AsyncIterator, Callable

import grpc
import grpc.aio

from fakes import FakeRegistry, serving
from weir import StatusCode, WeirCallError
from weir.gen.weir.provider.v1 import provider_pb2
from weir.gen.weir.provider.v1.provider_pb2_grpc import ProviderServiceStub
from weir.gen.weir.sdk.wire_pb2 import HealthCheckRequest, HealthCheckResponse
from weir.provider import Provider, ProviderError, Query, RunningProvider, serve

LONG = 60.0


def wiki() -> Provider:
    provider = Provider("wiki", version="1.0.0")

    @provider.context("Page", version="1.0.0", schema={"type": "string"})
    async def page(query: Query) -> str:
        return query.key

    return provider


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while not is_so():
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def asking(running: RunningProvider) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(running.url.removeprefix("http://")) as channel:
        yield channel


def fetch(channel: grpc.aio.Channel, key: str, token: str = "") -> Any:
    request = provider_pb2.FetchRequest(queries=[provider_pb2.FetchQuery(type="Page", key=key)])
    metadata = (("authorization", f"Bearer {token}"),) if token else None
    return ProviderServiceStub(channel).Fetch(request, metadata=metadata, timeout=LONG)


def health(channel: grpc.aio.Channel, method: str) -> Any:
    make = channel.unary_stream if method == "Watch" else channel.unary_unary
    return make(
        f"/grpc.health.v1.Health/{method}",
        HealthCheckRequest.SerializeToString,
        HealthCheckResponse.FromString,
    )


class Registrations(unittest.IsolatedAsyncioTestCase):
    async def test_all_is_registered_in_an_order_that_never_dangles(self) -> None:
        registry = FakeRegistry(lease=60)
        async with serving(registry) as url:
            async with await serve(wiki(), url, "key") as running:
                self.assertEqual(
                    registry.calls, ["PublishType", "RegisterProvider", "RegisterEndpoint"]
                )
                told = registry.requests["RegisterEndpoint"].endpoint.url
                self.assertEqual(told, running.url)
        self.assertEqual(
            registry.calls[3:],
            ["DeregisterEndpoint drain=True", "DeregisterEndpoint drain=False"],
        )

    async def test_the_lease_is_renewed(self) -> None:
        registry = FakeRegistry()
        async with serving(registry) as url, await serve(wiki(), url, "key"):
            await until(lambda: registry.calls.count("Heartbeat") >= 3)
        self.assertEqual(registry.calls.count("RegisterProvider"), 1)

    async def test_a_weir_that_forgot_is_told_everything_again(self) -> None:
        registry = FakeRegistry()
        async with serving(registry) as url, await serve(wiki(), url, "key"):
            registry.known.clear()
            registry.epoch = "e2"
            await until(lambda: registry.calls.count("RegisterEndpoint") == 2)
        self.assertEqual(registry.calls.count("RegisterProvider"), 2)

    async def test_what_somebody_deregistered_stays_so(self) -> None:
        registry = FakeRegistry()
        async with serving(registry) as url, await serve(wiki(), url, "key"):
            registry.refusals["RegisterEndpoint"] = (StatusCode.NOT_FOUND, "NOT_FOUND")
            registry.known.clear()
            await until(lambda: registry.calls.count("RegisterEndpoint") >= 3)
            self.assertEqual(registry.calls.count("RegisterProvider"), 1)
            del registry.refusals["RegisterEndpoint"]
            beats = registry.calls.count("Heartbeat")
            await until(lambda: registry.calls.count("Heartbeat") > beats)

    async def test_a_heartbeat_that_fails_is_tried_again(self) -> None:
        registry = FakeRegistry()
        async with serving(registry) as url, await serve(wiki(), url, "key"):
            registry.refusals["Heartbeat"] = (StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
            await until(lambda: registry.calls.count("Heartbeat") >= 2)
            registry.refusals.clear()
            beats = registry.calls.count("Heartbeat")
            await until(lambda: registry.calls.count("Heartbeat") >= beats + 2)
        self.assertEqual(registry.calls.count("RegisterEndpoint"), 1)

    async def test_a_refusal_for_good_ends_it(self) -> None:
        registry = FakeRegistry()
        registry.refusals["RegisterProvider"] = (StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
        async with serving(registry) as url:
            with self.assertRaises(WeirCallError) as caught:
                await serve(wiki(), url, "key")
        self.assertEqual(caught.exception.reason, "SCOPE_MISSING")
        self.assertEqual(registry.calls, ["PublishType", "RegisterProvider"])

    async def test_other_content_is_refused_with_advice_or_replaced(self) -> None:
        registry = FakeRegistry()
        registry.refusals["RegisterProvider"] = (StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")
        async with serving(registry) as url:
            with self.assertRaisesRegex(WeirCallError, "raise its version, or set `replace`"):
                await serve(wiki(), url, "key")
            async with await serve(wiki(), url, "key", replace=True):
                self.assertEqual(registry.requests["UpdateProvider"].etag, "t1")

    async def test_the_schema_of_a_built_in_type_is_refused_with_advice(self) -> None:
        registry = FakeRegistry()
        registry.refusals["PublishType"] = (StatusCode.FAILED_PRECONDITION, "BUILT_IN")
        async with serving(registry) as url:
            with self.assertRaisesRegex(WeirCallError, "drop `schema` of Page"):
                await serve(wiki(), url, "key")

    async def test_what_passes_is_waited_for(self) -> None:
        registry = FakeRegistry(lease=60)
        registry.refusals["RegisterEndpoint"] = (StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
        async with serving(registry) as url:
            starting = asyncio.create_task(serve(wiki(), url, "key"))
            await until(lambda: registry.calls.count("RegisterEndpoint") >= 2)
            self.assertFalse(starting.done())
            registry.refusals.clear()
            await (await starting).close()

    async def test_who_is_stopped_while_it_waits_leaves_nothing_behind(self) -> None:
        starting = asyncio.create_task(serve(wiki(), "http://127.0.0.1:1", "key"))
        await asyncio.sleep(0.05)
        starting.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await starting


class Serving(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.registry = FakeRegistry(lease=60)
        self.url = await self.enterAsyncContext(serving(self.registry))

    async def test_calls_under_way_are_answered_when_it_stops(self) -> None:
        provider = Provider("wiki", version="1.0.0")
        began, go_on = asyncio.Event(), asyncio.Event()

        @provider.context("Page", version="1.0.0")
        async def page(query: Query) -> str:
            began.set()
            await go_on.wait()
            return "late"

        running = await serve(provider, self.url, "key", drain=LONG)
        async with asking(running) as channel:
            call = fetch(channel, "a")
            first = asyncio.create_task(call.read())
            await began.wait()
            closing = asyncio.create_task(running.close())
            await until(lambda: "DeregisterEndpoint drain=True" in self.registry.calls)
            self.assertNotIn("DeregisterEndpoint drain=False", self.registry.calls)
            go_on.set()
            self.assertEqual((await first).results[0].content.payload, b"late")
            self.assertIs(await call.code(), StatusCode.OK)
        await closing

    async def test_what_takes_longer_than_the_drain_is_broken_off(self) -> None:
        provider = Provider("wiki", version="1.0.0")
        began = asyncio.Event()

        @provider.context("Page", version="1.0.0")
        async def page(query: Query) -> None:
            began.set()
            await asyncio.Event().wait()

        running = await serve(provider, self.url, "key", drain=0.05)
        async with asking(running) as channel:
            call = fetch(channel, "a")
            first = asyncio.create_task(call.read())
            await began.wait()
            await running.close()
            with self.assertRaises(grpc.RpcError):
                await first

    async def test_a_call_that_is_cancelled_or_late_cancels_the_function(self) -> None:
        provider = Provider("wiki", version="1.0.0")
        ended: list[str] = []
        began = asyncio.Event()

        @provider.context("Page", version="1.0.0")
        async def page(query: Query) -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(query.key)

        async with await serve(provider, self.url, "key") as running, asking(running) as channel:
            call = fetch(channel, "cancelled")
            first = asyncio.create_task(call.read())
            await began.wait()
            call.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await first
            await until(lambda: ended == ["cancelled"])
            request = provider_pb2.FetchRequest()
            request.queries.add(type="Page", key="late")
            with self.assertRaises(grpc.RpcError):
                await ProviderServiceStub(channel).Fetch(request, timeout=1).read()
            await until(lambda: ended == ["cancelled", "late"])

    async def test_a_function_that_waits_for_what_is_cancelled_gets_an_answer(self) -> None:
        provider = Provider("wiki", version="1.0.0")

        @provider.context("Page", version="1.0.0")
        async def page(query: Query) -> None:
            task = asyncio.create_task(asyncio.sleep(60))
            task.cancel()
            await task

        @provider.context("Next", version="1.0.0")
        def following(query: Query) -> None:
            next(iter([]))

        async with await serve(provider, self.url, "key") as running, asking(running) as channel:
            for type_name in ("Page", "Next"):
                request = provider_pb2.FetchRequest()
                request.queries.add(type=type_name, key="a")
                with self.assertLogs("weir.provider", "ERROR"):
                    answer = await ProviderServiceStub(channel).Fetch(request).read()
                self.assertEqual(answer.results[0].failure.text, "the provider failed")

    async def test_health_is_told(self) -> None:
        running = await serve(wiki(), self.url, "key", token="s3cret")
        async with asking(running) as channel:
            watch = health(channel, "Watch")(HealthCheckRequest())
            self.assertEqual((await watch.read()).status, HealthCheckResponse.SERVING)
            named = HealthCheckRequest(service="weir.provider.v1.ProviderService")
            self.assertEqual(
                (await health(channel, "Check")(named)).status, HealthCheckResponse.SERVING
            )
            with self.assertRaises(grpc.RpcError) as caught:
                await health(channel, "Check")(HealthCheckRequest(service="other"))
            self.assertIs(caught.exception.code(), StatusCode.NOT_FOUND)
            closing = asyncio.create_task(running.close())
            self.assertEqual((await watch.read()).status, HealthCheckResponse.NOT_SERVING)
            await closing

    async def test_only_who_has_the_token_comes_in(self) -> None:
        async with await serve(wiki(), self.url, "key", token="s3cret") as running:
            async with asking(running) as channel:
                answer = await fetch(channel, "a", "s3cret").read()
                self.assertEqual(answer.results[0].content.payload, b"a")
                for wrong in ("", "other"):
                    with self.assertRaises(grpc.RpcError) as caught:
                        await fetch(channel, "a", wrong).read()
                    self.assertIs(caught.exception.code(), StatusCode.UNAUTHENTICATED)

    async def test_a_request_that_is_too_large_is_refused(self) -> None:
        async with await serve(wiki(), self.url, "key") as running, asking(running) as channel:
            with self.assertRaises(grpc.RpcError) as caught:
                await fetch(channel, "x" * (5 * 1024 * 1024)).read()
            self.assertIs(caught.exception.code(), StatusCode.RESOURCE_EXHAUSTED)

    async def test_a_list_that_fails_says_what_callers_may_know(self) -> None:
        provider = Provider("wiki", version="1.0.0")
        page = provider.context("Page", version="1.0.0")(lambda query: None)

        @page.list
        def pages(query: Any) -> Any:
            if query.text == "busy":
                raise ProviderError(StatusCode.UNAVAILABLE, "come back", retry_delay=2)
            raise RuntimeError("secret words")

        async with await serve(provider, self.url, "key") as running, asking(running) as channel:
            for text, told in {"busy": "come back", "": "the provider failed"}.items():
                request = provider_pb2.ListRequest(type="Page", query=text)
                with self.assertRaises(grpc.RpcError) as caught:
                    await ProviderServiceStub(channel).List(request)
                self.assertEqual(caught.exception.details(), told)

    async def test_who_is_there_is_described(self) -> None:
        async with await serve(wiki(), self.url, "key") as running, asking(running) as channel:
            described = await ProviderServiceStub(channel).Describe(provider_pb2.DescribeRequest())
            self.assertEqual((described.name, described.types[0].type), ("wiki", "Page"))

    async def test_a_port_that_is_taken_is_told(self) -> None:
        async with await serve(wiki(), self.url, "key") as running:
            port = int(running.url.rpartition(":")[2])
            with self.assertRaisesRegex(OSError, "cannot be listened on"):
                await serve(wiki(), self.url, "key", port=port)
