import { Parser } from '@asyncapi/parser';
import { PrincipalKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestWeir, type TestWeir } from './weir.ts';

interface Document {
  readonly servers: { readonly weir: { readonly host: string } };
  readonly channels: Readonly<Record<string, { readonly description: string }>>;
}

let opened: TestWeir;

// To start Weir and to load the parser take their time on a machine that is at work.
beforeAll(async () => {
  opened = await openTestWeir();
}, 180_000);

afterAll(() => opened[Symbol.asyncDispose]());

async function documentOf(key: string): Promise<{ text: string } & Document> {
  const answer = await fetch(`${opened.weir.url}/asyncapi.json`, {
    headers: { authorization: `Bearer ${key}` },
  });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
  const text = await answer.text();
  return { text, ...(JSON.parse(text) as Document) };
}

/** A schema with references of all kinds, and words that AsyncAPI means otherwise. */
const pageUpdated = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:example:page-updated',
  type: 'object',
  properties: {
    title: { $ref: '#/$defs/text' },
    parent: { $ref: '#' },
    tags: { type: 'array', prefixItems: [{ type: 'string' }], items: false },
    discriminator: { type: 'string' },
  },
  required: ['title'],
  $defs: { text: { type: 'string', minLength: 1 } },
};

const pages = defineProvider({
  name: 'pages',
  version: '1.0.0',
  contexts: [
    defineContext<{ title: string }>({
      ...{ type: 'Page', version: '1.0.0', schema: { type: 'object' } },
      fetch: async () => undefined,
    }),
  ],
  topics: [
    {
      topic: 'page.updated',
      title: 'A page was saved',
      description: 'Somebody saved a page.',
      data: { type: 'PageUpdated', version: '1.0.0', schema: pageUpdated },
    },
    { topic: 'page.locked' },
  ],
});

test('the topics that are declared or seen are described, as its own parser has it', {
  timeout: 180_000,
}, async () => {
  const { weir, client } = opened;
  await using _pages = await serveProvider(pages, weir);
  await client.publish('build.done');
  const { text, channels, servers } = await documentOf(weir.key);
  expect(Object.keys(channels)).toEqual(['build.done', 'page.locked', 'page.updated']);
  expect(channels['page.updated']?.description).toBe('Somebody saved a page.');
  expect(servers.weir.host).toBe(new URL(weir.url).host);

  const { document, diagnostics } = await new Parser().parse(text);
  expect(diagnostics.map(({ code, message, path }) => [code, message, path.join('/')])).toEqual([]);
  const [message] = document?.channels().get('page.updated')?.messages().all() ?? [];
  const { event } = message?.payload()?.allOf()?.[1]?.properties() ?? {};
  const data = event?.properties()?.data?.json() as { contentSchema: typeof pageUpdated };
  // What the references lead to, the parser has put in their place.
  expect(data.contentSchema.properties.title).toEqual({ type: 'string', minLength: 1 });
  expect(document?.operations().filterByReceive()).toHaveLength(3);

  const same = await client.events.getAsyncApi({});
  expect(Object.keys(same.fields)).toEqual(Object.keys(JSON.parse(text)));
});

test('topics that may not be subscribed to are left out, and nobody without a key is answered', {
  timeout: 180_000,
}, async () => {
  const { weir, client } = opened;
  await client.publish([{ topic: 'secret.made' }, { topic: 'page.seen' }]);
  await client.admin.createPrincipal({ name: 'reader', kind: PrincipalKind.AGENT });
  const keyWith = async (scope: Scope) =>
    (await client.admin.createKey({ principal: 'reader', scopes: [scope] })).secret;
  const value = `
kind: Policy
name: topics
rules:
  - name: secrets-stay
    effect: deny
    subjects: { principals: [reader] }
    actions: [subscribe]
    resources: { types: ["secret.*"] }
`;
  await client.policy.putPolicy({ policy: { source: { case: 'document', value } } });
  const { channels, text } = await documentOf(await keyWith(Scope.READ));
  expect(Object.keys(channels)).toContain('page.seen');
  expect(text).not.toContain('secret');
  expect((await documentOf(weir.key)).text).toContain('secret.made');

  const statusWith = async (headers: Record<string, string>) =>
    (await fetch(`${weir.url}/asyncapi.json`, { headers })).status;
  expect(await statusWith({})).toBe(401);
  const mayOnlyPublish = await keyWith(Scope.REGISTER);
  expect(await statusWith({ authorization: `Bearer ${mayOnlyPublish}` })).toBe(403);
});
