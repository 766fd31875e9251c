import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Code, createWeir, type Weir } from '@weir/sdk';
import { defineContext, defineProvider, ProviderError, serveProvider } from '@weir/sdk/provider';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestWeir, type TestWeir, until } from './weir.ts';

// What a policy hides is looked for in every form in which a value leaves: each test is one copy,
// and each is done for an administrator too, of whom nothing is hidden, so that it can be found.

const EMAIL = 'canary.lin@example.com';
const CARD = '4111 1111 1111 1111';
const SALARY = 'salary-canary-93251';
const OF_VALUE = [EMAIL, CARD, SALARY];
/** Stands beside values. Records of those of whom it is not hidden hold it, for rules read it. */
const CONTACT = 'contact.canary@example.com';
const CANARIES = [...OF_VALUE, CONTACT];
const LARGE_FILLER = 'x'.repeat(5 * 1024 * 1024);

const policy = `kind: Policy
name: hiding
rules:
  - name: hide
    effect: oblige
    actions: [fetch, list]
    resources: { types: [Person] }
    condition: '!hasRole("admin")'
    obligations:
      - redact: { detectors: [email, payment-card] }
      - mask: { fields: { pointers: [/salary], tags: [pay] } }
`;

const value = { name: 'Lin', mail: EMAIL, card: CARD, salary: SALARY, bonus: SALARY };

const people = defineProvider({
  name: 'people',
  version: '1.0.0',
  contexts: [
    defineContext({
      type: 'Person',
      version: '1.0.0',
      schema: { type: 'object', properties: { bonus: { 'x-weir-tags': ['pay'] } } },
      ttlMs: 60_000,
      fetch: async ({ key }) => {
        if (key === 'failing') throw new ProviderError(Code.Internal, `no row for ${EMAIL}`);
        if (key === 'none') return undefined;
        const about = {
          labels: { contact: CONTACT },
          owner: CONTACT,
          source: `${EMAIL}:1`,
          etag: SALARY,
        };
        return { value: key === 'large' ? { ...value, filler: LARGE_FILLER } : value, ...about };
      },
      list: async () => ({
        entries: ['lin', 'failing'].map((key) => ({
          key,
          title: `Lin, ${EMAIL}`,
          summary: `earns ${SALARY}, pays with ${CARD}`,
        })),
      }),
    }),
  ],
});

let weir: TestWeir;
let reader: Weir;
let readerKey = '';
const stack = new AsyncDisposableStack();

beforeAll(async () => {
  weir = stack.use(await openTestWeir({ WEIR_LOG_LEVEL: 'trace' }));
  const { weir: at, client } = weir;
  const created = await client.admin.createKey({ principal: 'reader' });
  readerKey = created.secret;
  reader = createWeir({ url: at.url, key: readerKey, retries: 0 });
  stack.defer(() => reader.close());
  const serving = await serveProvider(people, { url: at.url, key: at.key });
  stack.defer(() => serving.close());
  const source = { case: 'document' as const, value: policy };
  const { consistencyToken } = await client.policy.putPolicy({ policy: { source } });
  await until(
    async () => (await reader.fetch(['Person/lin'], { consistencyToken }))[0]?.ok === true,
    'the provider is up, and the policy in force',
  );
});

afterAll(() => stack.disposeAsync());

/** A form in which values leave, as text. */
type Copy = (weir: Weir, key: string) => Promise<string>;

const textOf = (thing: unknown) =>
  JSON.stringify(thing, (_, part: unknown) => {
    if (typeof part === 'bigint') return String(part);
    return part instanceof Uint8Array ? Buffer.from(part).toString('latin1') : part;
  });

const post = async (key: string, method: string, body: object, type = 'application/json') => {
  const response = await fetch(`${weir.weir.url}/weir.router.v1.RouterService/${method}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': type },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  // Payloads are base64 in JSON.
  const decoded = text.replace(/"payload":"([^"]*)"/g, (_, payload: string) =>
    Buffer.from(payload, 'base64').toString(),
  );
  return `${decoded} ${textOf([...response.headers])}`;
};
const refs = [{ type: 'Person', key: 'lin' }];

const copies: Record<string, Copy> = {
  'an item over gRPC': async (by) => textOf(await by.fetch(['Person/lin'])),
  'an item that is cached': async (by) => {
    await by.fetch(['Person/lin']);
    return textOf(await by.fetch(['Person/lin']));
  },
  'an item over Connect with JSON': (_, key) => post(key, 'FetchContext', { refs }),
  'a streamed item': async (by) => {
    const items = [];
    for await (const outcome of by.stream(['Person/lin'])) items.push(outcome);
    return textOf(items);
  },
  'an explanation': (_, key) => post(key, 'Explain', { fetch: { refs } }),
  'a list': async (by) => textOf(await by.listPage({ type: 'Person' })),
  'a search': async (by) => textOf(await by.listPage({ type: 'Person', query: 'Lin' })),
  'a list over Connect with JSON': (_, key) => post(key, 'ListContext', { type: 'Person' }),
  'the text of a failure': async (by) => textOf(await by.fetch(['Person/failing'])),
  'the text of a failure, explained': (_, key) =>
    post(key, 'Explain', { fetch: { refs: [{ type: 'Person', key: 'failing' }] } }),
  'a large value, behind its link': async (by) => textOf(await by.fetch(['Person/large'])),
};

describe.each(Object.entries(copies))('%s', (_, copy) => {
  test('shows an administrator what it is', async () => {
    const text = await copy(weir.client, weir.weir.key);
    expect(CANARIES.filter((canary) => text.includes(canary))).not.toEqual([]);
  });

  test('hides it from who may not see it', async () => {
    const text = await copy(reader, readerKey);
    expect(text).not.toBe('');
    expect(CANARIES.filter((canary) => text.includes(canary))).toEqual([]);
  });
});

describe('what is kept of a call', () => {
  beforeAll(async () => {
    for (const copy of Object.values(copies)) await copy(reader, readerKey);
    const search = () => weir.client.audit.searchRecords({ filter: { principal: 'reader' } });
    await until(async () => textOf(await search()).includes('redact [email]'), 'it is recorded');
  });

  const kept: Record<string, () => Promise<string>> = {
    'the records, as a search finds them': async () =>
      textOf(await weir.client.audit.searchRecords({ filter: { principal: 'reader' } })),
    'the records, exported': async () => {
      let text = '';
      for await (const { data } of weir.client.audit.exportRecords({
        filter: { principal: 'reader' },
      })) {
        text += Buffer.from(data).toString();
      }
      return text;
    },
    'the journal of the router': () => filesIn(join(weir.dataDir, 'journal')),
    'the log': () => readFile(join(weir.dataDir, 'logs', 'weir.log'), 'utf8'),
    'the metrics': async () =>
      (await fetch(`http://127.0.0.1:${weir.weir.opsPort}/metrics`)).text(),
  };

  test.each(Object.entries(kept))('%s: nothing of it', async (name, read) => {
    const text = await read();
    expect(text.length).toBeGreaterThan(100);
    const sought = name.startsWith('the records') ? CANARIES : OF_VALUE;
    expect(sought.filter((canary) => text.includes(canary))).toEqual([]);
  });
});

async function filesIn(folder: string): Promise<string> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((name) => name.isFile());
  const texts = files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1'));
  return (await Promise.all(texts)).join('');
}
