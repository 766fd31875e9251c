import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type Cleaner,
  defineContext,
  defineProvider,
  type RunningProvider,
  type SchemaCheck,
  serveProvider,
} from '@weir/sdk/provider';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestWeir, type TestWeir, until } from './weir.ts';

const schema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    customer: { type: ['string', 'null'] },
    placed: { type: 'string', format: 'date-time' },
    metres: { type: 'number' },
    lines: { type: 'array', items: { type: 'object', required: ['sku'] } },
  },
  required: ['id', 'placed', 'metres'],
};

const cleaners: readonly Cleaner[] = [
  { kind: 'encoding' },
  { kind: 'whitespace' },
  { kind: 'nulls', fields: ['/customer'] },
  { kind: 'dates', fields: ['/placed'], formats: ['dd.MM.yyyy HH:mm'], timeZone: 'Asia/Taipei' },
  { kind: 'units', fields: ['/metres'], unit: 'm', decimalComma: true },
];

/** As a source gives it, by key; JSON text, so that numbers keep all their digits. */
const orders: Readonly<Record<string, string>> = {
  messy:
    '{"id": " cafÃ©  42 ", "customer":"N/A", "placed":"05.03.2024 14:30", "metres":"1,5 km","total":9007199254740993.10,"lines":[{"sku":"a"}]}',
  wrong: '{"id":7,"placed":"yesterday","metres":"far","lines":[{}]}',
};

let weir: TestWeir;
const running: RunningProvider[] = [];

async function serveOrders(name: string, schemaCheck: SchemaCheck, quality?: number) {
  const provider = defineProvider({
    name,
    version: '1.0.0',
    contexts: [
      defineContext<object>({
        type: 'Order',
        version: '1.0.0',
        ttlMs: 60_000,
        schema,
        schemaCheck,
        cleaners,
        completeFields: ['/id', '/placed', '/metres', '/customer', '/lines'],
        fetch: ({ key }) => {
          const value = orders[key];
          if (value === undefined) return undefined;
          return { value, contentType: 'application/json', etag: 'v1', quality };
        },
      }),
    ],
  });
  const { url, key } = weir.weir;
  running.push(await serveProvider(provider, { url, key }));
  await until(async () => {
    const [outcome] = await weir.client.fetch([{ type: 'Order', key: 'messy', provider: name }]);
    return outcome?.ok === true;
  }, `${name} is served`);
}

const order = (key: string, provider: string) => ({ type: 'Order', key, provider });

beforeAll(async () => {
  weir = await openTestWeir();
  await serveOrders('scored', 'score', 0.5);
  await serveOrders('strict', 'require');
});

afterAll(async () => {
  await Promise.all(running.map((provider) => provider.close()));
  await weir[Symbol.asyncDispose]();
});

describe('a messy value of a real source', () => {
  test('comes cleaned, checked, and with its quality', async () => {
    const [outcome] = await weir.client.fetch([order('messy', 'strict')]);
    if (!outcome?.ok) throw new Error('it is there');
    expect(Buffer.from(outcome.item.bytes).toString()).toBe(
      '{"id": "café 42", "customer":null, "placed":"2024-03-05T14:30:00+08:00", "metres":1500,"total":9007199254740993.10,"lines":[{"sku":"a"}]}',
    );
    const { quality, judgement, etag, provenance } = outcome.item;
    expect(provenance.cleaned).toEqual(['encoding', 'whitespace', 'nulls', 'dates', 'units']);
    expect(etag).toMatch(/^v1~/);
    expect(judgement).toBeUndefined();
    // Four of the five fields that are expected are there.
    expect(quality).toBeCloseTo(0.8, 2);
  });

  test('is explained', async () => {
    const { explanations } = await weir.client.explain([order('wrong', 'scored')]);
    const report = explanations[0]?.quality;
    expect(report).toMatchObject({ freshness: 1, judgement: 0.5, completeness: 0.8 });
    expect(report?.validity).toBeCloseTo(0.2, 12);
    expect(report?.score).toBe(explanations[0]?.result?.quality);
    expect(report?.notes).toEqual([
      '/id: must be string',
      '/placed: must match format "date-time"',
      '/metres: must be number',
      "/lines/0: must have required property 'sku'",
      'without /customer',
    ]);
  });

  test('is refused where the manifest requires the schema, or the caller more quality', async () => {
    const refs = [order('wrong', 'strict'), order('messy', 'strict'), order('messy', 'scored')];
    const outcomes = await weir.client.fetch(refs, { minQuality: 0.6 });
    expect(outcomes.map((each) => each.ok || each.refusal.reason)).toEqual([
      Reason.INVALID_ITEM,
      true,
      Reason.QUALITY_TOO_LOW,
    ]);
    const [wrong, , low] = outcomes;
    expect(wrong?.ok === false && wrong.refusal.text).toMatch(
      /^provider strict sent a value that breaks the schema of Order 1\.0\.0: \/id: must be string/,
    );
    expect(low?.ok === false && low.refusal.text).toMatch(
      /^the item's quality is 0\.4, and at least 0\.6 was asked for; its weakest part is the provider's judgement, 0\.5$/,
    );
  });
});

test('what the ready-made providers give keeps to the built-in types', async () => {
  const { url, key } = weir.weir;
  const { client } = weir;
  const values = new Map<string, unknown>();
  for (const type of ['DocChunk', 'SQLSchema', 'Metric', 'LogEntry']) {
    await until(
      async () => (await client.listPage({ type, pageSize: 1 })).entries.length > 0,
      type,
    );
    const { entries } = await client.listPage({ type, pageSize: 1 });
    const found = entries[0]?.ref?.key ?? '';
    values.set(type, (await client.get(type, found)).value);
  }
  const mirror = defineProvider({
    name: 'mirror',
    version: '1.0.0',
    contexts: [...values].map(([type, value]) =>
      defineContext<unknown>({
        type,
        version: '1.0.0',
        keyPrefix: 'mirror/',
        schemaCheck: 'require',
        completeFields: [''],
        fetch: () => ({ value }),
      }),
    ),
  });
  running.push(await serveProvider(mirror, { url, key }));
  const refs = [...values.keys()].map((type) => ({ type, key: 'mirror/x', provider: 'mirror' }));
  await until(async () => {
    const [first] = await client.fetch(refs);
    return first?.ok === true || first?.refusal.reason === Reason.INVALID_ITEM;
  }, 'the mirror is served');
  for (const outcome of await client.fetch(refs)) {
    expect(outcome.ok || outcome.refusal.text).toBe(true);
    expect(outcome.ok && outcome.item.quality).toBe(1);
  }
});
