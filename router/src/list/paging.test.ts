import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { ListRequest } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import {
  type ListContextRequestSchema,
  ListContextRequestSchema as RequestSchema,
} from '@weir/sdk/gen/weir/router/v1/router_pb';
import { expect, test } from 'vitest';
import { openAnswering } from '../../test/answering.ts';
import { testCaller } from '../../test/entries.ts';
import { content, openProviderServer } from '../../test/provider-server.ts';
import { listAll } from './list.ts';

function manifest(name: string) {
  const contexts = [{ type: 'DocChunk', version: '1.0.0', listable: true }];
  return { name, version: '1.0.0', contexts };
}

/** A provider that lists what the function returns, in pages of at most some entries. */
function openLister(entries: () => readonly { key: string; score?: number }[], maxPage = 500) {
  return openProviderServer({
    fetch: () => content(0),
    list: ({ pageSize, pageToken }: ListRequest) => {
      const from = Number(pageToken || '0');
      const to = from + Math.min(pageSize, maxPage);
      const nextPageToken = to < entries().length ? String(to) : '';
      return { entries: entries().slice(from, to), nextPageToken };
    },
  });
}

type Weir = ReturnType<typeof openAnswering>;

/** All pages of a list; `between` is told of each page's keys before the next is asked for. */
async function pagesOf(
  weir: Weir,
  request: MessageInitShape<typeof ListContextRequestSchema>,
  between: (keys: string[]) => void = () => {},
): Promise<string[][]> {
  const pages: string[][] = [];
  for (let pageToken = ''; ; ) {
    const asked = {
      caller: testCaller(),
      signal: new AbortController().signal,
      timeoutMs: 5_000,
    };
    const { response: page } = await listAll(
      weir,
      create(RequestSchema, { ...request, pageToken }),
      asked,
    );
    expect(page.gaps).toEqual([]);
    pages.push(page.entries.map(({ ref }) => ref?.key ?? ''));
    between(pages.at(-1) ?? []);
    pageToken = page.nextPageToken;
    if (pageToken === '') return pages;
  }
}

const named = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => ({ key: `${prefix}${String(i).padStart(4, '0')}` }));

test('the order holds over all pages, also when a provider gives fewer than it was asked for', async () => {
  const [few, many] = [named('k', 40), named('k', 60).map(({ key }) => ({ key: `${key}b` }))];
  await using one = await openLister(() => few, 7);
  await using two = await openLister(() => many);
  await using weir = openAnswering([
    { manifest: manifest('one'), urls: [one.url] },
    { manifest: manifest('two'), urls: [two.url] },
  ]);
  const keys = (await pagesOf(weir, { pageSize: 20 })).flat();
  expect(keys).toEqual([...few, ...many].map(({ key }) => key).sort());
});

test('a provider whose order is its own loses no entry, and none comes twice', async () => {
  const scored = named('k', 50).map(({ key }, i) => ({ key, score: ((i * 7) % 10) / 10 }));
  await using one = await openLister(() => scored);
  await using two = await openLister(() => scored.map((e) => ({ ...e, key: `${e.key}b` })));
  await using weir = openAnswering([
    { manifest: manifest('one'), urls: [one.url] },
    { manifest: manifest('two'), urls: [two.url] },
  ]);
  for (const query of ['', 'words']) {
    const keys = (await pagesOf(weir, { query, pageSize: 9 })).flat();
    expect(keys).toHaveLength(100);
    expect(new Set(keys).size).toBe(100);
  }
});

test('entries that come and go before the place reached neither hide nor repeat others', async () => {
  let one = named('k', 30);
  await using first = await openLister(() => one);
  await using second = await openLister(() => named('k', 30).map((e) => ({ key: `${e.key}b` })));
  await using weir = openAnswering([
    { manifest: manifest('one'), urls: [first.url] },
    { manifest: manifest('two'), urls: [second.url] },
  ]);
  let page = 0;
  const pages = await pagesOf(weir, { pageSize: 10 }, () => {
    page++;
    if (page === 1) one = one.slice(2);
    if (page === 2) one = [{ key: 'a' }, { key: 'b' }, { key: 'c' }, ...one];
  });
  const keys = pages.flat();
  expect(keys).toHaveLength(60);
  expect(new Set(keys).size).toBe(60);
});
