"""An API as it is called, against a server that runs here."""

import asyncio
import base64
import gzip
import json
import math
import os
import tempfile
import time
import unittest
import zlib
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Awaitable, Callable, Mapping, Optional
from unittest import mock

from aiohttp import web
from aiohttp.test_utils import TestServer
from runtime.api import Api
from runtime.credentials import ApiKey, Basic, Bearer, ClientCredentials, CredentialSpec
from runtime.fetch import FetchSpec, fetch_item
from runtime.guard import Guard
from runtime.list import AllAtOnce, Cursor, LastKey, LinkHeader, ListSpec, NextUrl, Offset
from runtime.list import PageNumber, PageSize, Pagination, list_items
from runtime.names import chosen_names
from runtime.operation import call_operation
from runtime.request import ParameterSpec, RequestSpec
from runtime.schema import with_definitions
from runtime.secrets import open_secrets, variable_of
from weir.provider import Call, Caller, ListQuery, NotModified, Patience, ProviderError, Query
from weir.provider import StatusCode, ToolResult, Value

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CALLER = Caller("test")
PATIENCE = Patience()
THING = RequestSpec("GET", "/things/{id}", "application/json", (ParameterSpec("id", "path"),))


class ApiTest(unittest.IsolatedAsyncioTestCase):
    async def open(
        self,
        handler: Handler,
        *,
        credentials: Optional[Mapping[str, CredentialSpec]] = None,
        env: Optional[Mapping[str, str]] = None,
        **options: Any,
    ) -> Api:
        self.seen: list[web.Request] = []

        async def answer(request: web.Request) -> web.StreamResponse:
            self.seen.append(request)
            return await handler(request)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        self.server = TestServer(app)
        await self.server.start_server()
        self.addAsyncCleanup(self.server.close)
        options = {"outbound_allow": ["loopback"], **options}
        secrets = open_secrets(env or {})
        base = str(self.server.make_url("/v1/"))
        api = Api(base, credentials=credentials or {}, secrets=secrets, **options)
        return await self.enterAsyncContext(api)

    async def refused(self, awaited: Awaitable[object]) -> ProviderError:
        with self.assertRaises(ProviderError) as caught:
            await awaited
        return caught.exception


def answering(body: object = None, **options: Any) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, **options)

    return handler


def query(key: str, known_etag: str = "") -> Query:
    return Query(key, known_etag, CALLER)


def call_of(**arguments: Any) -> Call:
    ignore = lambda *_: None
    return Call(arguments, CALLER, PATIENCE, False, None, ignore, ignore)


class Fetching(ApiTest):
    spec = FetchSpec(THING, ["id"])

    async def test_a_value_comes_as_the_api_gives_it(self) -> None:
        headers = {
            "ETag": '"e1"',
            "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT",
            "Cache-Control": "public, max-age=60",
        }
        api = await self.open(answering({"id": 1}, headers=headers))
        value = await fetch_item(api, self.spec, query("a/b"))
        assert isinstance(value, Value)
        self.assertEqual((json.loads(value.value), value.etag, value.ttl), ({"id": 1}, '"e1"', 60))
        self.assertEqual(value.as_of, datetime(2015, 10, 21, 7, 28, tzinfo=timezone.utc))
        self.assertEqual(value.content_type, "application/json; charset=utf-8")
        self.assertEqual(self.seen[0].raw_path, "/v1/things/a%2Fb")

    async def test_what_is_known_is_not_sent_again(self) -> None:
        async def handler(request: web.Request) -> web.Response:
            known = request.headers.get("If-None-Match")
            return web.Response(status=304 if known == '"e1"' else 200, text="{}")

        api = await self.open(handler)
        self.assertIsInstance(await fetch_item(api, self.spec, query("1", '"e1"')), NotModified)
        self.assertIsInstance(await fetch_item(api, self.spec, query("1", "e2\r\n")), Value)

    async def test_what_is_not_there_is_none(self) -> None:
        for status in (404, 410):
            api = await self.open(answering(status=status))
            self.assertIsNone(await fetch_item(api, self.spec, query("1")))
        self.assertIsNone(await fetch_item(api, self.spec, query("")))

    async def test_refusals_of_the_api(self) -> None:
        for status, code, headers, delay in (
            (400, StatusCode.INVALID_ARGUMENT, {}, None),
            (403, StatusCode.FAILED_PRECONDITION, {}, None),
            (429, StatusCode.RESOURCE_EXHAUSTED, {"Retry-After": "7"}, 7),
            (429, StatusCode.RESOURCE_EXHAUSTED, {}, 1),
            (503, StatusCode.UNAVAILABLE, {"Retry-After": "99999999"}, 3600),
            (500, StatusCode.UNAVAILABLE, {"Retry-After": "soon"}, None),
            (502, StatusCode.UNAVAILABLE, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ):
            with self.subTest(status=status, headers=headers):
                api = await self.open(answering(status=status, headers=headers))
                error = await self.refused(fetch_item(api, self.spec, query("1")))
                self.assertEqual((error.code, error.retry_delay), (code, delay))

    async def test_an_answer_has_its_bounds(self) -> None:
        bomb = gzip.compress(bytes(50_000_000))
        plain = answering("x" * 2_000)

        async def packed(_: web.Request) -> web.Response:
            return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

        for handler in (plain, packed):
            api = await self.open(handler, max_bytes=1_000)
            error = await self.refused(fetch_item(api, self.spec, query("1")))
            self.assertEqual(error.code, StatusCode.RESOURCE_EXHAUSTED)

    async def test_what_is_packed_is_unpacked(self) -> None:
        body = b'{"id": 1}' * 9_999
        for encoding, pack in (
            ("gzip", gzip.compress),
            ("deflate", zlib.compress),
            ("deflate", lambda data: zlib.compress(data)[2:-4]),
        ):

            async def handler(_: web.Request) -> web.Response:
                return web.Response(body=pack(body), headers={"Content-Encoding": encoding})

            api = await self.open(handler)
            value = await fetch_item(api, self.spec, query("1"))
            assert isinstance(value, Value)
            self.assertEqual(value.value, body)

    async def test_who_is_late_is_told_so(self) -> None:
        async def handler(_: web.Request) -> web.Response:
            await asyncio.sleep(60)
            return web.Response()

        api = await self.open(handler, timeout=0.05)
        error = await self.refused(fetch_item(api, self.spec, query("1")))
        self.assertEqual(error.code, StatusCode.DEADLINE_EXCEEDED)

    async def test_who_is_away_is_told_so(self) -> None:
        api = await self.open(answering())
        await self.server.close()
        error = await self.refused(fetch_item(api, self.spec, query("1")))
        self.assertEqual((error.code, error.retry_delay), (StatusCode.UNAVAILABLE, 1))

    async def test_redirects_stay_on_their_host(self) -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            if request.path.endswith("/here"):
                raise web.HTTPFound("there")
            if request.path.endswith("/away"):
                raise web.HTTPFound("http://127.0.0.2/there")
            if request.path.endswith("/round"):
                raise web.HTTPFound("round")
            return web.json_response(request.path)

        api = await self.open(handler)
        value = await fetch_item(api, self.spec, query("here"))
        assert isinstance(value, Value)
        self.assertEqual(json.loads(value.value), "/v1/things/there")
        for key in ("away", "round"):
            error = await self.refused(fetch_item(api, self.spec, query(key)))
            self.assertEqual(error.code, StatusCode.FAILED_PRECONDITION)
            self.assertNotIn("127", error.text)


class Guarding(ApiTest):
    async def test_what_is_not_public_is_called_by_nobody(self) -> None:
        api = await self.open(answering(), outbound_allow=[])
        for host in ("127.0.0.1", "localhost", "127.1", "[::1]"):
            spec = RequestSpec("GET", "/x", "*/*", base_url=f"http://{host}:{self.server.port}")
            error = await self.refused(api.call(spec, {}))
            self.assertEqual(error.code, StatusCode.FAILED_PRECONDITION, host)
        self.assertEqual(self.seen, [])

    async def test_an_api_that_has_moved_is_called_where_it_is(self) -> None:
        api = await self.open(answering(), is_moved=True)
        spec = RequestSpec("GET", "/x", "*/*", base_url="https://elsewhere.example/y")
        self.assertEqual((await api.call(spec, {})).status, 200)
        self.assertEqual(self.seen[0].path, "/v1/x")

    def test_words_and_networks(self) -> None:
        for allow, address, scheme, may in (
            ([], "93.184.216.34", "https", True),
            ([], "93.184.216.34", "http", False),
            (["93.184.216.0/24"], "93.184.216.34", "http", True),
            ([], "10.0.0.1", "https", False),
            (["private"], "10.0.0.1", "http", True),
            (["private"], "169.254.169.254", "http", False),
            (["loopback", "private"], "168.63.129.16", "https", False),
            ([], "::ffff:10.0.0.1", "https", False),
            (["private"], "::ffff:169.254.169.254", "https", False),
            ([], "fe80::1%eth0", "https", False),
            ([], "2606:4700::1111", "https", True),
            (["10.1.0.0/16"], "10.2.0.1", "https", False),
            ([], "not an address", "https", False),
        ):
            self.assertEqual(Guard(allow).may_call(address, scheme), may, (allow, address, scheme))
        with self.assertRaisesRegex(ValueError, '"lan" is no network'):
            Guard(["lan"])

    def test_where_clouds_hand_out_credentials(self) -> None:
        for address in (
            *("169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16"),
            *("100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"),
            *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254%1"),
        ):
            for allow in ([], ["loopback", "private"], ["fc00::/7", "0.0.0.0/0", "::/0"]):
                self.assertFalse(Guard(allow).may_call(address, "https"), (allow, address))
        for address in ("169.254.169.254", "fd00:ec2::254"):
            for allow in ([address], [f"{address}/{128 if ':' in address else 32}"]):
                self.assertTrue(Guard(allow).may_call(address, "http"), (allow, address))

    def test_what_is_public(self) -> None:
        for address in (
            *("192.88.99.1", "192.31.196.1", "192.52.193.1", "192.175.48.1", "::", "::8.8.8.8"),
            *("::ffff:0:808:808", "64:ff9b::7f00:1", "64:ff9b:1::808:808", "100::1", "1fff::1"),
            *("2001::1", "2001:2::1", "2001:20::1", "2001:1ff::1", "2001:db8::1", "2002::1"),
            *("2620:4f:8000::1", "3fff::1", "4000::1", "5f00::1", "8000::1", "fe00::1"),
            *("fec0::1", "ff02::1"),
        ):
            self.assertFalse(Guard(["private"]).may_call(address, "https"), address)
        for address in (
            *("8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2001:200::1", "2001:db9::1"),
            *("2003::1", "2620:4f:8001::1", "3ffe::1", "3fff:1000::1"),
        ):
            self.assertTrue(Guard([]).may_call(address, "https"), address)
            self.assertFalse(Guard([]).may_call(address, "http"), address)
        self.assertTrue(Guard(["fec0::/10"]).may_call("fec0::1", "https"))


class Credential(ApiTest):
    async def headers_of(self, spec: CredentialSpec, secret: str) -> web.Request:
        request = RequestSpec("GET", "/x", "*/*", security=[["main"]])
        env = {"CRM_TOKEN": secret}
        api = await self.open(answering(), credentials={"main": spec}, env=env)
        await api.call(request, {})
        return self.seen[-1]

    async def test_each_in_its_place(self) -> None:
        ref = "secret://crm-token"
        seen = await self.headers_of(ApiKey(ref, "header", "X-Key"), "s")
        self.assertEqual(seen.headers["X-Key"], "s")
        seen = await self.headers_of(ApiKey(ref, "query", "key"), "a b&")
        self.assertEqual(seen.raw_path, "/v1/x?key=a%20b%26")
        seen = await self.headers_of(ApiKey(ref, "cookie", "sid"), "s")
        self.assertEqual(seen.headers["Cookie"], "sid=s")
        seen = await self.headers_of(Basic(ref), "user:pass")
        self.assertEqual(base64.b64decode(seen.headers["Authorization"][6:]), b"user:pass")
        seen = await self.headers_of(Bearer(ref), "t")
        self.assertEqual(seen.headers["Authorization"], "Bearer t")

    async def test_tokens_are_got_and_kept_until_they_are_refused(self) -> None:
        tokens: list[dict[str, str]] = []

        async def handler(request: web.Request) -> web.Response:
            if request.path == "/discovery":
                return web.json_response({"token_endpoint": str(self.server.make_url("/token"))})
            if request.path == "/token":
                tokens.append(
                    {str(name): str(value) for name, value in (await request.post()).items()}
                )
                return web.json_response({"access_token": f"t{len(tokens)}", "expires_in": 3600})
            fresh = request.headers["Authorization"] == "Bearer t2"
            return web.json_response({}, status=200 if fresh else 401)

        api = await self.open(handler, env={"ID": "client:secret"})
        url = str(self.server.make_url("/discovery"))
        spec = ClientCredentials("secret://id", url, is_discovery=True, scopes=["read", "list"])
        base = str(self.server.make_url("/v1"))
        api = await self.enterAsyncContext(
            Api(
                base,
                credentials={"oauth": spec},
                secrets=open_secrets({"ID": "client:secret"}),
                outbound_allow=["loopback"],
            )
        )
        request = RequestSpec("GET", "/x", "*/*", security=[["oauth"]])
        error = await self.refused(api.call(request, {}))
        self.assertIn("secret://id", error.text)
        for _ in range(3):
            self.assertEqual((await api.call(request, {})).status, 200)
        self.assertEqual(tokens, [{"grant_type": "client_credentials", "scope": "read list"}] * 2)

    async def open_with_tokens(
        self, token: Callable[[], Mapping[str, Any]], handler: Handler
    ) -> tuple[Api, list[str]]:
        """An API of two schemes, and the names of those for which tokens were asked."""
        asked: list[str] = []

        async def answer(request: web.Request) -> web.StreamResponse:
            if not request.path.startswith("/token/"):
                return await handler(request)
            asked.append(request.path.removeprefix("/token/"))
            return web.json_response({"access_token": f"t{len(asked)}", **token()})

        await self.open(answer)
        url = self.server.make_url
        api = Api(
            str(url("/v1")),
            credentials={
                name: ClientCredentials("secret://id", str(url(f"/token/{name}")))
                for name in ("main", "other")
            },
            secrets=open_secrets({"ID": "client:secret"}),
            outbound_allow=["loopback"],
        )
        return await self.enterAsyncContext(api), asked

    async def test_a_token_that_many_need_is_asked_for_once(self) -> None:
        api, asked = await self.open_with_tokens(dict, answering())
        request = RequestSpec("GET", "/x", "*/*", security=[["main"]])
        first, *others = [asyncio.create_task(api.call(request, {})) for _ in range(16)]
        await asyncio.sleep(0)
        first.cancel()
        for incoming in await asyncio.gather(*others):
            self.assertEqual(incoming.status, 200)
        self.assertTrue(first.cancelled())
        self.assertEqual(asked, ["main"])

    async def test_a_token_that_cannot_be_got_is_asked_for_again(self) -> None:
        refusals = iter([{"access_token": None}])
        api, asked = await self.open_with_tokens(lambda: next(refusals, {}), answering())
        request = RequestSpec("GET", "/x", "*/*", security=[["main"]])
        error = await self.refused(api.call(request, {}))
        self.assertIn("no token was given", error.text)
        self.assertEqual((await api.call(request, {})).status, 200)
        self.assertEqual(asked, ["main", "main"])

    async def test_only_the_token_that_was_refused_is_forgotten(self) -> None:
        may_refuse = asyncio.Event()

        async def handler(request: web.Request) -> web.Response:
            if request.path == "/v1/late":
                await may_refuse.wait()
            is_refused = request.headers["Authorization"] == "Bearer t2"
            return web.Response(status=401 if is_refused else 200)

        api, asked = await self.open_with_tokens(dict, handler)
        request = RequestSpec("GET", "/x", "*/*", security=[["main"]])
        other = replace(request, security=[["other"]])
        await api.call(other, {})
        late = asyncio.create_task(api.call(replace(request, path="/late"), {}))
        error = await self.refused(api.call(request, {}))
        self.assertIn("status 401", error.text)
        await api.call(request, {})
        may_refuse.set()
        self.assertIn("status 401", (await self.refused(late)).text)
        for each in (other, request):
            self.assertEqual((await api.call(each, {})).status, 200)
        self.assertEqual(asked, ["other", "main", "main"])

    async def test_a_token_is_used_for_a_day_at_most(self) -> None:
        for told in (1e300, math.inf, 10**400):
            api, asked = await self.open_with_tokens(lambda: {"expires_in": told}, answering())
            request = RequestSpec("GET", "/x", "*/*", security=[["main"]])
            now = time.monotonic()
            for hours, count in ((0, 1), (23, 1), (24, 2)):
                with mock.patch("runtime.credentials.time") as clock:
                    clock.monotonic.return_value = now + hours * 3_600
                    await api.call(request, {})
                self.assertEqual(len(asked), count, told)

    async def test_the_first_set_that_is_known_is_used(self) -> None:
        specs = {"a": Bearer("secret://a"), "b": ApiKey("secret://b-key", "header", "x-b")}
        api = await self.open(answering(), credentials=specs, env={"B_KEY": "s"})
        await api.call(RequestSpec("GET", "/x", "*/*", security=[["a"], ["b"]]), {})
        self.assertEqual(self.seen[0].headers["x-b"], "s")
        await api.call(RequestSpec("GET", "/x", "*/*", security=[["a"], []]), {})
        error = await self.refused(
            api.call(RequestSpec("GET", "/x", "*/*", security=[["a", "b"]]), {})
        )
        self.assertEqual(error.code, StatusCode.FAILED_PRECONDITION)
        self.assertIn("secret://a (or the variable A)", error.text)

    def test_secrets_of_a_file_that_others_cannot_read(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "secrets")
            path.write_text("# of the CRM\ncrm-token = from=file \n")
            os.chmod(path, 0o600)
            env = {"WEIR_SECRETS_FILE": str(path)}
            self.assertEqual(open_secrets(env)("secret://crm-token"), "from=file")
            self.assertEqual(open_secrets({**env, "CRM_TOKEN": "own"})("secret://crm-token"), "own")
            self.assertIsNone(open_secrets(env)("crm-token"))
            os.chmod(path, 0o640)
            with self.assertRaisesRegex(PermissionError, "chmod 600"):
                open_secrets(env)
        self.assertEqual(variable_of("secret://crm/token.x"), "CRM_TOKEN_X")


ITEMS = [{"id": number, "name": f"Thing {number}"} for number in range(1, 8)]


class Listing(ApiTest):
    def spec(self, pagination: Pagination, **options: Any) -> ListSpec:
        parameters = tuple(ParameterSpec(name, "query") for name in ("at", "size", "q"))
        request = RequestSpec("GET", "/things", "application/json", parameters)
        held: dict[str, Any] = {"page_size": PageSize("size", 3), "title_field": "name", **options}
        return ListSpec(request, "/data", ["id"], pagination, **held)

    async def keys(self, spec: ListSpec, api: Api, **asked: Any) -> list[str]:
        keys: list[str] = []
        token = ""
        for _ in range(20):
            held = {"key_prefix": "", "text": "", "page_size": 50, **asked}
            page = await list_items(api, spec, ListQuery(page_token=token, caller=CALLER, **held))
            self.assertLessEqual(len(page.entries), held["page_size"])
            keys += [entry.key for entry in page.entries]
            token = page.next_page_token
            if token == "":
                return keys
        self.fail("the list has no end")

    async def test_every_way_to_go_on(self) -> None:
        async def handler(request: web.Request) -> web.Response:
            at, size = request.query.get("at", ""), int(request.query.get("size", 3))
            start = {"page": (int(at or 1) - 1) * size, "last": int(at or 0)}.get(way, int(at or 0))
            rest = ITEMS[start + size :]
            body: dict[str, Any] = {"data": ITEMS[start : start + size]}
            headers = {}
            if rest and way == "cursor":
                body["meta"] = {"next": start + size}
            if rest and way == "url":
                body["next"] = f"/v1/things?at={start + size}"
            if rest and way == "link":
                headers["Link"] = f'</p>; rel="prev", </v1/things?at={start + size}>; rel="next"'
            return web.json_response(body, headers=headers)

        for way, pagination in (
            ("page", PageNumber("at", 1)),
            ("offset", Offset("at")),
            ("cursor", Cursor("at", "/meta/next")),
            ("last", LastKey("at")),
            ("url", NextUrl("/next")),
            ("link", LinkHeader()),
        ):
            with self.subTest(way=way):
                api = await self.open(handler)
                keys = await self.keys(self.spec(pagination), api)
                self.assertEqual(keys, [str(item["id"]) for item in ITEMS])

    async def test_what_comes_at_once_is_given_in_pages(self) -> None:
        api = await self.open(answering({"data": ITEMS}))
        spec = self.spec(AllAtOnce(), page_size=None)
        self.assertEqual(len(await self.keys(spec, api, page_size=2)), 7)
        self.assertEqual(await self.keys(spec, api, text="thing 5"), ["5"])
        self.assertEqual(await self.keys(spec, api, key_prefix="6"), ["6"])

    async def test_the_api_searches_where_it_can(self) -> None:
        api = await self.open(answering({"data": ITEMS[:2]}))
        spec = self.spec(AllAtOnce(), search_parameter="q")
        self.assertEqual(await self.keys(spec, api, text="no such"), ["1", "2"])
        self.assertEqual(self.seen[0].query["q"], "no such")

    async def test_lists_below_a_parent(self) -> None:
        api = await self.open(answering({"data": ITEMS[:1]}))
        request = RequestSpec(
            "GET", "/shops/{shop}/things", "*/*", (ParameterSpec("shop", "path"),)
        )
        spec = ListSpec(request, "/data", ["id"], AllAtOnce(), ["shop"])
        self.assertEqual(await self.keys(spec, api, key_prefix="a%2Fb/"), ["a%2Fb/1"])
        self.assertEqual(self.seen[0].raw_path, "/v1/shops/a%2Fb/things")
        error = await self.refused(self.keys(spec, api))
        self.assertIn("<shop>/", error.text)

    async def test_a_next_page_elsewhere_is_not_followed(self) -> None:
        body = {"data": ITEMS[:1], "next": "https://elsewhere.example/x"}
        api = await self.open(answering(body))
        error = await self.refused(self.keys(self.spec(NextUrl("/next")), api))
        self.assertEqual(error.code, StatusCode.INTERNAL)

    async def test_tokens_of_others(self) -> None:
        api = await self.open(answering({"data": []}))
        for pagination, token in ((AllAtOnce(), "x"), (Offset("at"), "0:x")):
            held = ListQuery("", "", 5, token, CALLER)
            if token == "x":
                error = await self.refused(list_items(api, self.spec(pagination), held))
                self.assertEqual(error.code, StatusCode.INVALID_ARGUMENT)
            else:
                # Nothing is there to be counted.
                self.assertEqual((await list_items(api, self.spec(pagination), held)).entries, [])


class Operations(ApiTest):
    async def test_what_comes_back(self) -> None:
        async def handler(request: web.Request) -> web.Response:
            kind = request.query["kind"]
            body = {"json": b'{"a": 1}', "text": "grüß".encode(), "bytes": b"\x00\xff", "none": b""}
            types = {"json": "application/hal+json", "text": "text/csv; charset=utf-8"}
            headers = {"Content-Type": types.get(kind, "image/png")}
            return web.Response(body=body[kind], headers=headers)

        api = await self.open(handler)
        request = RequestSpec("POST", "/x", "*/*", (ParameterSpec("kind", "query"),))
        self.assertEqual(await call_operation(api, request, call_of(kind="json")), {"a": 1})
        text = await call_operation(api, request, call_of(kind="text"))
        self.assertEqual(text, ToolResult(content=[{"type": "text", "text": "grüß"}]))
        self.assertEqual(
            await call_operation(api, request, call_of(kind="bytes")),
            {"contentType": "image/png", "base64": "AP8="},
        )
        self.assertEqual(await call_operation(api, request, call_of(kind="none")), {"status": 200})


class Names(unittest.TestCase):
    def test_patterns_mean_each_name_once(self) -> None:
        names = ["getA", "getB", "put.A"]
        self.assertEqual(chosen_names(names, ["put.A", "get*", "getA"]), ["put.A", "getA", "getB"])
        self.assertEqual(chosen_names(names, []), [])
        with self.assertRaisesRegex(ValueError, 'no operation is called "putxA"; there are: getA'):
            chosen_names(names, ["putxA"])


class Schemas(unittest.TestCase):
    def test_definitions_come_along_also_in_circles(self) -> None:
        definitions = {
            "A": {"properties": {"b": {"$ref": "#/$defs/B"}}},
            "B": {"items": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/C"}]},
            "C": {"type": "string"},
            "D": {},
        }
        schema = with_definitions({"$ref": "#/$defs/A"}, definitions, ["C"])
        self.assertEqual(schema["$defs"], {"A": definitions["A"], "B": definitions["B"], "C": {}})
        self.assertEqual(with_definitions({"type": "string"}, definitions), {"type": "string"})


if __name__ == "__main__":
    unittest.main()
