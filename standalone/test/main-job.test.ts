import { createWeir } from '@weir/sdk';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestWeir, type TestWeir, until } from './weir.ts';

let weir: TestWeir;

beforeAll(async () => {
  weir = await openTestWeir();
  const { client } = weir;
  await until(async () => {
    const { entries } = await client.listPage({ pageSize: 500 });
    return new Set(entries.map(({ ref }) => ref?.type)).size === 4;
  }, 'the four ready-made providers are listed');
});

afterAll(() => weir[Symbol.asyncDispose]());

describe('a newcomer', () => {
  test('lists what there is, and fetches four kinds of context in one call', async () => {
    const { client } = weir;
    const firstOf = async (type: string) => {
      const { entries } = await client.listPage({ type, pageSize: 1 });
      return `${type}/${entries[0]?.ref?.key}`;
    };
    const refs = [
      await firstOf('DocChunk'),
      'SQLSchema/weir',
      await firstOf('Metric'),
      await firstOf('LogEntry'),
    ];
    const outcomes = await client.fetch([...refs, 'DocChunk/no/such.md', 'Unheard/x']);
    expect(outcomes.map((o) => o.ok)).toEqual([true, true, true, true, false, false]);
    const [doc, schema, metric, entry, missing, unknown] = outcomes;
    expect(doc).toMatchObject({ item: { provenance: { provider: 'docs' } } });
    expect(schema).toMatchObject({ item: { value: { name: 'weir' } } });
    expect(metric).toMatchObject({ item: { provenance: { provider: 'metrics' } } });
    expect(entry).toMatchObject({ item: { provenance: { provider: 'logs' } } });
    expect(missing).toMatchObject({ refusal: { reason: Reason.KEY_NOT_FOUND } });
    expect(unknown).toMatchObject({ refusal: { reason: Reason.TYPE_UNKNOWN } });

    const again = await client.fetch(refs);
    expect(again.map((o) => o.ok && o.cache)).toContain('hit-memory');
  });

  test('searches the documents', async () => {
    const { entries } = await weir.client.listPage({ type: 'DocChunk', query: 'architecture' });
    expect(entries.length).toBeGreaterThan(0);
    expect(entries[0]?.score).toBeGreaterThan(0);
  });

  test('pages through a list, in order, without loss or repetition', async () => {
    const all: string[] = [];
    for await (const { ref } of weir.client.list({ pageSize: 7 })) {
      all.push(`${ref?.type}/${ref?.key}`);
    }
    const whole = await weir.client.listPage({ pageSize: 500 });
    // The log grows, and metrics come to be, while this reads.
    const stable = (keys: string[]) => keys.filter((key) => !/^(LogEntry|Metric)/.test(key));
    const expected = whole.entries.map(({ ref }) => `${ref?.type}/${ref?.key}`);
    expect(stable(all)).toEqual(stable(expected));
    expect(new Set(all).size).toBe(all.length);
  });

  test('is told why an item was routed and served as it was', async () => {
    const { explanations, snapshot } = await weir.client.explain(['SQLSchema/weir', 'DocChunk/no']);
    const [schema, missing] = explanations;
    expect(schema?.candidates).toMatchObject([{ provider: 'sql', tried: true }]);
    expect(schema?.steps.map((step) => step.stage)).toContain('gather');
    expect(missing?.result?.outcome.case).toBe('refusal');
    expect(snapshot?.revision).toBeGreaterThan(0n);
    const text = JSON.stringify(explanations, (_, v) => (typeof v === 'bigint' ? `${v}` : v));
    expect(text).not.toContain('127.0.0.1');
  });

  test('streams a batch, each item once', async () => {
    const refs = ['SQLSchema/weir', 'DocChunk/README.md', 'DocChunk/nothing'];
    const seen: string[] = [];
    for await (const { ref } of weir.client.stream(refs)) seen.push(`${ref.type}/${ref.key}`);
    expect(seen.sort()).toEqual([...refs].sort());
  });
});

describe('a provider of ten lines', () => {
  test('is fetched from as soon as it is registered, and not after it is gone', async () => {
    const stock = defineProvider({
      name: 'stock',
      version: '1.0.0',
      contexts: [
        defineContext<{ sku: string; left: number }>({
          type: 'Stock',
          version: '1.0.0',
          schema: { type: 'object', properties: { sku: { type: 'string' } }, required: ['sku'] },
          fetch: async ({ key }) => ({ value: { sku: key, left: 7 } }),
        }),
      ],
    });
    const { weir: server, client } = weir;
    const running = await serveProvider(stock, { url: server.url, key: server.key });
    await until(async () => (await client.fetch(['Stock/a']))[0]?.ok === true, 'stock is served');
    expect(await client.get('Stock', 'b')).toMatchObject({ value: { sku: 'b', left: 7 } });
    await running.close();
    await until(async () => {
      const [outcome] = await client.fetch(['Stock/a']);
      return outcome?.ok === false && outcome.refusal.reason === Reason.PROVIDER_UNAVAILABLE;
    }, 'stock is gone');
  });
});

describe('keys and tenants', () => {
  test('a tenant sees its own providers only, and a revoked key opens nothing', async () => {
    const { weir: server, client } = weir;
    const created = await client.admin.createTenant({ name: 'acme', title: 'Acme' });
    const { consistencyToken } = created;
    const acme = createWeir({ url: server.url, key: created.secret, retries: 0 });
    await until(
      () =>
        acme.admin.whoAmI({}).then(
          () => true,
          () => false,
        ),
      'the key works',
    );
    expect((await acme.registry.listProviders({})).providers).toEqual([]);
    const [refused] = await acme.fetch(['DocChunk/README.md'], { consistencyToken });
    expect(refused).toMatchObject({ ok: false, refusal: { reason: Reason.PROVIDER_UNKNOWN } });
    expect((await acme.listPage({})).entries).toEqual([]);

    const reader = await acme.admin.createKey({ principal: 'agent', scopes: [Scope.READ] });
    const agent = createWeir({ url: server.url, key: reader.secret, retries: 0 });
    await until(
      () =>
        agent.admin.whoAmI({}).then(
          () => true,
          () => false,
        ),
      'the key works',
    );
    await expect(agent.admin.createKey({ principal: 'agent' })).rejects.toThrow('SCOPE');
    await acme.admin.revokeKey({ id: reader.key?.id ?? '' });
    await until(
      () =>
        agent.fetch(['DocChunk/x']).then(
          () => false,
          () => true,
        ),
      'the revoked key is refused',
    );
    acme.close();
    agent.close();
  });

  test('every call needs a key', async () => {
    const nobody = createWeir({ url: weir.weir.url, key: 'weir_nothing', retries: 0 });
    await expect(nobody.fetch(['DocChunk/README.md'])).rejects.toMatchObject({
      reason: Reason.CREDENTIAL_INVALID,
    });
    nobody.close();
  });
});
