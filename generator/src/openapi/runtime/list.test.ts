import type { ListPage } from '@weir/sdk/provider';
import { describe, expect, test } from 'vitest';
import { type Answered, type Asked, openTestApi } from '../../../test/open-test-api.ts';
import { createApi } from './api.ts';
import { type ListSpec, listItems } from './list.ts';

const ids = Array.from({ length: 7 }, (_, index) => `k${index + 1}`);
const things = ids.map((id) => ({ id, name: `Thing ${id}` }));
const base: ListSpec = {
  request: {
    ...{ method: 'GET', path: '/things', accept: 'application/json', security: [] },
    parameters: ['limit', 'page', 'offset', 'cursor', 'after'].map((name) => ({
      name,
      in: 'query',
    })),
  },
  items: '/data',
  keyFields: ['id'],
  parents: [],
  pagination: { kind: 'none' },
  pageSize: { parameter: 'limit', max: 3 },
  titleField: 'name',
};

interface Listed {
  readonly keys: readonly string[];
  readonly asked: readonly Asked[];
}

/** Lists all, page by page. */
async function listAll(
  spec: ListSpec,
  answer: (query: URLSearchParams, asked: Asked) => Answered,
  { keyPrefix = '', text = '', pageSize = 50 } = {},
): Promise<Listed> {
  await using there = await openTestApi((asked) =>
    answer(new URL(asked.url, 'http://x').searchParams, asked),
  );
  const api = createApi({
    ...{ baseUrl: there.url, credentials: {}, secrets: () => undefined },
    outboundAllow: ['loopback'],
  });
  const list = listItems(api, spec);
  const caller = { tenant: 'main', principal: '', attributes: {} };
  const { signal } = new AbortController();
  const keys: string[] = [];
  let pageToken = '';
  do {
    const page: ListPage = await list({ keyPrefix, text, pageSize, pageToken, caller, signal });
    keys.push(...page.entries.map(({ key }) => key));
    pageToken = page.nextPageToken ?? '';
  } while (pageToken !== '' && keys.length < 100);
  return { keys, asked: there.asked };
}

const part = (start: number, count: number) => things.slice(start, start + count);
const number = (query: URLSearchParams, name: string, byDefault: number) =>
  Number(query.get(name) ?? byDefault);

describe('a list that is paged', () => {
  test('by numbers of pages', async () => {
    const spec: ListSpec = { ...base, pagination: { kind: 'page', parameter: 'page', first: 1 } };
    const { keys, asked } = await listAll(spec, (query) => {
      const start = (number(query, 'page', 1) - 1) * number(query, 'limit', 3);
      return { body: { data: part(start, 3) } };
    });
    expect(keys).toEqual(ids);
    expect(asked.map(({ url }) => url)).toEqual([
      '/things?limit=3',
      '/things?limit=3&page=2',
      '/things?limit=3&page=3',
    ]);
  });

  test('by positions', async () => {
    const spec: ListSpec = { ...base, pagination: { kind: 'offset', parameter: 'offset' } };
    const { keys } = await listAll(spec, (query) => {
      return { body: { data: part(number(query, 'offset', 0), 3) } };
    });
    expect(keys).toEqual(ids);
  });

  test('by a cursor in the body', async () => {
    const pagination = { kind: 'cursor', parameter: 'cursor', next: '/meta/next' } as const;
    const { keys } = await listAll({ ...base, pagination }, (query) => {
      const start = number(query, 'cursor', 0);
      const next = start + 3 < ids.length ? String(start + 3) : null;
      return { body: { data: part(start, 3), meta: { next } } };
    });
    expect(keys).toEqual(ids);
  });

  test('by the last key', async () => {
    const spec: ListSpec = { ...base, pagination: { kind: 'lastKey', parameter: 'after' } };
    const { keys } = await listAll(spec, (query) => {
      return { body: { data: part(ids.indexOf(query.get('after') ?? '') + 1, 3) } };
    });
    expect(keys).toEqual(ids);
  });

  test('by an address in the body, and in the header Link', async () => {
    const at = (query: URLSearchParams) => number(query, 'from', 0);
    const next = (start: number) =>
      start + 3 < ids.length ? `/things?from=${start + 3}` : undefined;
    const body: ListSpec = { ...base, pagination: { kind: 'nextUrl', next: '/next' } };
    const byBody = await listAll(body, (query) => {
      return { body: { data: part(at(query), 3), next: next(at(query)) } };
    });
    expect(byBody.keys).toEqual(ids);
    const link: ListSpec = { ...base, pagination: { kind: 'link' } };
    const byLink = await listAll(link, (query) => {
      const url = next(at(query));
      const headers = url ? { link: `</x>; rel="first", <${url}>; rel="next"` } : {};
      return { headers, body: { data: part(at(query), 3) } };
    });
    expect(byLink.keys).toEqual(ids);
  });
});

test('an address of another host is not followed', async () => {
  const spec: ListSpec = { ...base, pagination: { kind: 'nextUrl', next: '/next' } };
  const listed = listAll(spec, () => {
    return { body: { data: things, next: 'https://other.example.com/things' } };
  });
  await expect(listed).rejects.toThrow(/another host/);
});

test('an API that gives all at once is paged here', async () => {
  const { pageSize: _, ...all } = base;
  const { keys, asked } = await listAll(all, () => ({ body: { data: things } }), { pageSize: 3 });
  expect(keys).toEqual(ids);
  expect(asked).toHaveLength(3);
});

test('keys have what stands for the path in front, and a prefix gives it', async () => {
  const spec: ListSpec = {
    ...base,
    request: {
      ...base.request,
      path: '/shops/{shop}/things',
      parameters: [{ name: 'shop', in: 'path' }],
    },
    parents: ['shop'],
  };
  const answer = () => ({ body: { data: things } });
  const { keys, asked } = await listAll(spec, answer, { keyPrefix: 'a%2Fb/k2' });
  expect(keys).toEqual(['a%2Fb/k2']);
  expect(asked[0]?.url).toBe('/shops/a%2Fb/things');
  await expect(listAll(spec, answer)).rejects.toThrow(/by the key prefix <shop>\//);
});

test('words are looked for by the API when it can, else here', async () => {
  const { keys } = await listAll(base, () => ({ body: { data: things } }), { text: 'THING k3' });
  expect(keys).toEqual(['k3']);
  const parameters = [...base.request.parameters, { name: 'q', in: 'query' as const }];
  const spec = { ...base, request: { ...base.request, parameters }, searchParameter: 'q' };
  const found = await listAll(spec, () => ({ body: { data: part(0, 1) } }), { text: 'any' });
  expect([found.keys, found.asked[0]?.url]).toEqual([['k1'], '/things?limit=3&q=any']);
});

test('an element without a key is left out', async () => {
  const data = [{ id: 'a' }, { name: 'no key' }, null, { id: 7 }];
  expect((await listAll(base, () => ({ body: { data } }))).keys).toEqual(['a', '7']);
});
