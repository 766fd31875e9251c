import unittest
from typing import Any

from google.protobuf.json_format import MessageToDict

from weir.provider import Call, ListPage, ListQuery, Provider, ProviderLimits, Query, serve
from weir.provider.manifest import manifest_of, type_manifests_of


def nothing(query: Query) -> None:
    return None


class Definitions(unittest.IsolatedAsyncioTestCase):
    def test_faults_are_named_all_at_once(self) -> None:
        with self.assertRaisesRegex(ValueError, "(?s)provider Bad: name must.*not semver.*bearer"):
            Provider("Bad", version="1", bearer="token")
        with self.assertRaisesRegex(ValueError, "limits.response_bytes 1 is not"):
            Provider("a", version="1.0.0", limits=ProviderLimits(response_bytes=1))

    def test_faults_of_contexts_are_named(self) -> None:
        provider = Provider("a", version="1.0.0", wants_principal=True)
        faulty: Any = {"scope": "tenant", "ttl": -1, "sensitivity": "secret"}
        with self.assertRaisesRegex(ValueError, "(?s)type must.*principal or none.*secret.*ttl -1"):
            provider.context("page", version="1.0.0", **faulty)(nothing)
        provider.context("Page", version="1.0.0")(nothing)
        with self.assertRaisesRegex(ValueError, "offered twice"):
            provider.context("Page", version="1.0.0")(nothing)

    def test_faults_of_operations_are_named(self) -> None:
        provider = Provider("a", version="1.0.0")
        with self.assertRaisesRegex(ValueError, "(?s)name must be.*timeout 601.*read_only"):
            provider.operation("ä", timeout=601, ttl=1)(lambda call: None)

    async def test_who_offers_nothing_is_not_served(self) -> None:
        with self.assertRaisesRegex(ValueError, "offers nothing"):
            await serve(Provider("a", version="1.0.0"), "http://127.0.0.1:1", "key")

    async def test_an_address_that_nobody_can_call_is_refused(self) -> None:
        provider = Provider("a", version="1.0.0")
        provider.context("Page", version="1.0.0")(nothing)
        with self.assertRaisesRegex(ValueError, "give public_url too"):
            await serve(provider, "http://127.0.0.1:1", "key", host="0.0.0.0")
        with self.assertRaisesRegex(ValueError, "not an http or https URL"):
            await serve(provider, "http://127.0.0.1:1", "key", public_url="wiki:80")

    def test_the_manifest_is_derived(self) -> None:
        provider = Provider(
            "wiki", version="1.2.3", tags=["docs"], timeout=2.5, limits=ProviderLimits(8)
        )

        @provider.context(
            "Page",
            version="2.0.0",
            schema={"type": "object"},
            ttl=60,
            sensitivity="public",
            schema_check="score",
        )
        def page(query: Query) -> None:
            return None

        @page.list
        def pages(query: ListQuery) -> ListPage:
            return ListPage([])

        @provider.operation("add", read_only=True, input={"type": "object"})
        def add(call: Call) -> int:
            return 0

        manifest = MessageToDict(manifest_of(provider))
        self.assertEqual(
            manifest,
            {
                "name": "wiki",
                "version": "1.2.3",
                "tags": ["docs"],
                "timeout": "2.500s",
                "limits": {"concurrentCalls": 8},
                "contexts": [
                    {
                        "type": "Page",
                        "version": "2.0.0",
                        "ttl": "60s",
                        "sensitivity": "SENSITIVITY_PUBLIC",
                        "listable": True,
                        "schemaCheck": "SCHEMA_CHECK_SCORE",
                    }
                ],
                "operations": [
                    {
                        "name": "add",
                        "kind": "OPERATION_KIND_TOOL",
                        "inputSchema": {"type": "object"},
                        "hints": {"readOnly": True},
                    }
                ],
            },
        )
        [published] = type_manifests_of(provider)
        self.assertEqual(
            MessageToDict(published),
            {"name": "Page", "version": "2.0.0", "schema": {"type": "object"}},
        )
