import { importLine } from '../../python/literal.ts';
import type { ContextModel } from '../model/model.ts';
import { keyOf } from '../runtime/keys.ts';

/** What the test of a project knows of a context. */
interface TestExample {
  readonly type: string;
  readonly key: string;
  readonly path: string;
  readonly body: unknown;
  /** What its list answers, and the key that is in it; absent: it is not listed. */
  readonly list?: {
    readonly path: string;
    readonly prefix: string;
    readonly body: unknown;
    readonly key: string;
  };
}

/** The example of a context, and of its list as far as that can be made of it. */
export function listExampleOf({ type, example, list }: ContextModel): TestExample[] {
  if (!example) return [];
  const { key, path, body } = example;
  const own = { type, key, path, body };
  if (!list || typeof body !== 'object' || body === null) return [own];
  const { request, items, keyFields, parents } = list.spec;
  const fields = keyFields.map((name) => (body as Readonly<Record<string, unknown>>)[name]);
  if (!fields.every((each) => typeof each === 'string' || Number.isSafeInteger(each))) return [own];
  if (fields.includes('')) return [own];
  const values = parents.map((name) => `${name}-1`);
  const listPath = parents.reduce(
    (at, name, index) => at.replaceAll(`{${name}}`, values[index] ?? ''),
    request.path,
  );
  const whole = keyOf([...values, ...fields.map(String)]);
  const prefix = parents.length === 0 ? '' : `${keyOf([...values, ''])}`;
  const answer = placed(items.split('/').slice(1), [body]);
  return listPath.includes('{')
    ? [own]
    : [{ ...own, list: { path: listPath, prefix, body: answer, key: whole } }];
}

/** A value below members. */
function placed(segments: readonly string[], value: unknown): unknown {
  return segments.reduceRight<unknown>(
    (inner, segment) => ({ [segment.replaceAll('~1', '/').replaceAll('~0', '~')]: inner }),
    value,
  );
}

/** `tests/test_provider.py`. */
export function testText(name: string): string {
  return `"""The provider, against an API that runs here."""

import json
import re
import unittest
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from weir.provider import Provider
from weir.testing import LocalProvider

${importLine(`${name}.api`, ['CREDENTIALS'])}
${importLine(`${name}.operations`, ['OPERATIONS'])}
${importLine(`${name}.provider`, ['create_provider'])}
${importLine(`${name}.runtime.api`, ['Api'])}
${importLine(`${name}.runtime.credentials`, ['Bearer'])}

# What the document shows of each type, or a sample of its schema.
EXAMPLES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("examples.json").read_text("utf-8")
)
# A provider offers something: without contexts an operation.
ENABLED = [] if EXAMPLES else list(OPERATIONS)[:1]


async def answer(request: web.Request) -> web.Response:
    """What the API answers: it knows the examples."""
    bodies = {example["path"]: example["body"] for example in EXAMPLES}
    lists = {each["list"]["path"]: each["list"]["body"] for each in EXAMPLES if "list" in each}
    if request.raw_path in bodies:
        return web.json_response(bodies[request.raw_path], headers={"ETag": '"1"'})
    if request.path in lists:
        return web.json_response(lists[request.path])
    return web.Response(status=404)


class ProviderTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        server = TestServer(app)
        await server.start_server()
        self.addAsyncCleanup(server.close)
        self.api = await self.enterAsyncContext(
            Api(
                str(server.make_url("")),
                is_moved=True,
                credentials={name: Bearer("secret://test") for name in CREDENTIALS},
                secrets=lambda reference: "not-a-secret",
                outbound_allow=["loopback"],
            )
        )

    def provider(self, enabled: list[str]) -> Provider:
        return create_provider(self.api, enabled)

    async def test_every_type_is_fetched_by_its_key(self) -> None:
        local = LocalProvider(self.provider(ENABLED))
        for example in EXAMPLES:
            with self.subTest(type=example["type"]):
                found = await local.fetch(example["type"], example["key"])
                self.assertEqual((found.value, found.etag), (example["body"], '"1"'))
                absent = re.sub("[^/]+$", "not-there", example["key"])
                self.assertIsNone(await local.query(example["type"], absent))

    async def test_every_list_has_its_keys(self) -> None:
        local = LocalProvider(self.provider(ENABLED))
        for example in EXAMPLES:
            if "list" in example:
                with self.subTest(type=example["type"]):
                    held = example["list"]
                    page = await local.list(example["type"], key_prefix=held["prefix"])
                    self.assertEqual([entry.key for entry in page.entries], [held["key"]])

    async def test_operations_are_off_until_they_are_enabled(self) -> None:
        self.assertEqual(len(self.provider(ENABLED).operations), len(ENABLED))
        for name in OPERATIONS:
            self.assertEqual([each.name for each in self.provider([name]).operations], [name])
        with self.assertRaises(ValueError):
            self.provider(["no such operation"])
`;
}
