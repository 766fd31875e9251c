import { ReadableStream as Streams } from 'node:stream/web';
import { setImmediate } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { FetchRequestSchema } from '../src/gen/weir/provider/v1/provider_pb.ts';
import { ItemRefused } from '../src/index.ts';
import { answerFetch } from '../src/provider/answer.ts';
import {
  type ContextSpec,
  defineContext,
  defineProvider,
  notModified,
  type ProviderDefinition,
  ProviderError,
} from '../src/provider.ts';
import { openTestProvider } from '../src/testing.ts';

type Note = { readonly text: string };

function providerOf(spec: Partial<ContextSpec<string, unknown>>): ProviderDefinition {
  const context = defineContext({ type: 'Note', version: '1.0.0', ...spec });
  return defineProvider({ name: 'notes', version: '1.0.0', contexts: [context] });
}

test('a value arrives with all that is said of it', async () => {
  const asOf = new Date('2026-01-02T03:04:05.678Z');
  const provider = openTestProvider(
    providerOf({
      fetch: ({ key, caller }) => ({
        value: { text: `${key} for ${caller.tenant}/${caller.principal}` },
        asOf,
        ttlMs: 1_500,
        sensitivity: 'restricted',
        quality: 0.5,
        source: 'a.md:3',
        labels: { lang: 'en' },
        owner: 'ann',
      }),
    }),
  );
  const note = await provider.fetch('Note', 'a', { caller: { tenant: 't', principal: 'p' } });
  expect(note).toMatchObject({
    value: { text: 'a for t/p' },
    contentType: 'application/json',
    asOf,
    ttlMs: 1_500,
    sensitivity: 'restricted',
    quality: 0.5,
    source: 'a.md:3',
    labels: { lang: 'en' },
    owner: 'ann',
  });
  expect(note.etag).toMatch(/^[\w-]{22}$/);
});

test('text and bytes are sent as they are', async () => {
  const provider = openTestProvider(
    providerOf({
      fetch: ({ key }) => ({ value: key === 'text' ? 'grüezi' : new Uint8Array([1, 2]) }),
    }),
  );
  expect(await provider.fetch('Note', 'text')).toMatchObject({
    value: 'grüezi',
    contentType: 'text/plain; charset=utf-8',
  });
  expect(await provider.fetch('Note', 'bytes')).toMatchObject({
    value: new Uint8Array([1, 2]),
    contentType: 'application/octet-stream',
  });
});

test('an unchanged value is not sent again', async () => {
  const provider = openTestProvider(providerOf({ fetch: () => ({ value: 1, ttlMs: 5 }) }));
  const { etag } = await provider.fetch('Note', 'a');
  expect(await provider.query('Note', 'a', { knownEtag: etag })).toEqual({
    kind: 'not-modified',
    ttlMs: 5,
  });
  expect(await provider.query('Note', 'a', { knownEtag: 'other' })).toMatchObject({ value: 1 });
});

test('an author can answer not modified himself', async () => {
  const provider = openTestProvider(providerOf({ fetch: () => notModified }), {
    onFault: () => {},
  });
  expect(await provider.query('Note', 'a', { knownEtag: 'x' })).toEqual({ kind: 'not-modified' });
  expect(await provider.query('Note', 'a')).toMatchObject({ code: Code.Internal });
});

test('no value is no such key, and so is a key outside of the prefix', async () => {
  const provider = openTestProvider(
    providerOf({ keyPrefix: 'a', fetch: ({ key }) => (key === 'a' ? { value: 1 } : undefined) }),
  );
  expect(await provider.query('Note', 'a')).toMatchObject({ kind: 'content' });
  expect(await provider.query('Note', 'ab')).toEqual({ kind: 'not-found' });
  expect(await provider.query('Note', 'b')).toEqual({ kind: 'not-found' });
  await expect(provider.fetch('Note', 'ab')).rejects.toThrow(ItemRefused);
});

test('errors are told to the author and not to callers', async () => {
  const faults: unknown[] = [];
  const cause = new Error('password is hunter2');
  const provider = openTestProvider(
    providerOf({
      fetch: ({ key }) => {
        if (key === 'said') {
          throw new ProviderError(Code.Unavailable, 'in maintenance', { retryDelayMs: 60_000 });
        }
        if (key === 'gone') throw new ProviderError(Code.NotFound, 'gone');
        throw cause;
      },
    }),
    { onFault: (fault) => faults.push(fault) },
  );
  expect(await provider.query('Note', 'crash')).toEqual({
    kind: 'failure',
    code: Code.Internal,
    text: 'the provider failed',
  });
  expect(faults).toEqual([{ what: 'Note/crash', error: cause }]);
  expect(await provider.query('Note', 'said')).toEqual({
    kind: 'failure',
    code: Code.Unavailable,
    text: 'in maintenance',
    retryDelayMs: 60_000,
  });
  expect(await provider.query('Note', 'gone')).toEqual({ kind: 'not-found' });
  expect(faults).toHaveLength(1);
});

test.each<[string, unknown]>([
  ['no value', { text: 'forgotten value' }],
  ['a function', { value: () => 1 }],
  ['a bigint', { value: 1n }],
  ['a ttl that is no number', { value: 1, ttlMs: Number.NaN }],
  ['an invalid date', { value: 1, asOf: new Date(Number.NaN) }],
  ['a quality over 1', { value: 1, quality: 2 }],
  ['an unknown sensitivity', { value: 1, sensitivity: 'secret' }],
])('a faulty answer fails its own query alone: %s', async (_, answer) => {
  const { client } = openTestProvider(
    providerOf({ fetch: async ({ key }) => (key === 'bad' ? (answer as never) : { value: 1 }) }),
    { onFault: () => {} },
  );
  const queries = ['good', 'bad', 'good'].map((key) => ({ type: 'Note', key }));
  const outcomes: (string | undefined)[] = [];
  for await (const { results } of client.fetch({ queries })) {
    for (const { index, outcome } of results) outcomes[index] = outcome.case;
  }
  expect(outcomes).toEqual(['content', 'failure', 'content']);
});

test('values over 4 MiB go in parts, other values between them', async () => {
  const large = new Uint8Array(5 * 1024 * 1024).fill(7);
  const { client, fetch } = openTestProvider(
    providerOf({
      fetch: ({ key }) => ({ value: key === 'text' ? 'é'.repeat(3_000_000) : large }),
    }),
  );
  expect(Buffer.from((await fetch('Note', 'bytes')).bytes).equals(large)).toBe(true);
  expect((await fetch('Note', 'text')).value).toBe('é'.repeat(3_000_000));
  const queries = ['bytes', 'text'].map((key) => ({ type: 'Note', key }));
  const indices: number[] = [];
  for await (const { results } of client.fetch({ queries })) {
    for (const { index, outcome } of results) {
      indices.push(index);
      if (outcome.case === 'part') expect(outcome.value.data.length).toBeLessThanOrEqual(2 ** 20);
    }
  }
  const turns = indices.filter((index, at) => index !== indices[at - 1]).length;
  expect(turns).toBeGreaterThan(2);
});

test('a stream is read as fast as it is taken, and left when nobody wants it', async () => {
  let read = 0;
  const closed = Promise.withResolvers<void>();
  async function* endless() {
    try {
      for (;;) {
        read += 1;
        yield new Uint8Array(1024 * 1024);
        await setImmediate();
      }
    } finally {
      closed.resolve();
    }
  }
  const { client } = openTestProvider(
    providerOf({ fetch: () => ({ value: endless(), sizeBytes: 2 ** 40 }) }),
  );
  const call = new AbortController();
  const queries = [{ type: 'Note', key: 'a' }];
  for await (const { results } of client.fetch({ queries }, { signal: call.signal })) {
    expect(results.length).toBeGreaterThan(0);
    const before = read;
    for (let turn = 0; turn < 100; turn++) await setImmediate();
    // No more than may wait to be sent.
    expect(read - before).toBeLessThan(20);
    call.abort();
    break;
  }
  await closed.promise;
});

test.each([
  ['without a size', { value: Streams.from(['x']) }, 'a stream needs sizeBytes'],
  ['of a wrong size', { value: Streams.from(['x']), sizeBytes: -1 }, 'a stream needs sizeBytes'],
  ['of texts', { value: Streams.from(['x']), sizeBytes: 1 }, 'more than bytes'],
  [
    'of fewer bytes',
    { value: Streams.from([new Uint8Array(1)]), sizeBytes: 2 },
    'holds 1 bytes, not 2',
  ],
  [
    'of more bytes',
    { value: Streams.from([new Uint8Array(3)]), sizeBytes: 2 },
    'more than 2 bytes',
  ],
])('a stream %s is a fault of the author', async (_, answer, text) => {
  const faults: unknown[] = [];
  const provider = openTestProvider(providerOf({ fetch: () => answer as never }), {
    onFault: ({ error }) => faults.push(error),
  });
  expect(await provider.query('Note', 'a')).toMatchObject({ kind: 'failure', code: Code.Internal });
  expect(String(faults)).toContain(text);
});

test('a stream whose etag is known is not read', async () => {
  let left = false;
  const value = new ReadableStream<Uint8Array>({
    cancel() {
      left = true;
    },
  });
  const provider = openTestProvider(
    providerOf({ fetch: () => ({ value, sizeBytes: 10, etag: 'v1' }) }),
  );
  expect((await provider.query('Note', 'a', { knownEtag: 'v1' })).kind).toBe('not-modified');
  expect(left).toBe(true);
});

test('what stands beside a value must fit a message', async () => {
  const labels = { large: 'x'.repeat(4 * 1024 * 1024) };
  const provider = openTestProvider(providerOf({ fetch: () => ({ value: 1, labels }) }));
  expect(await provider.query('Note', 'a')).toMatchObject({
    kind: 'failure',
    code: Code.ResourceExhausted,
    text: expect.stringContaining('beside the value'),
  });
});

test('a type or version that is not offered fails its query', async () => {
  const provider = openTestProvider(providerOf({ fetch: () => ({ value: 1 }) }));
  expect(await provider.query('Other', 'a')).toMatchObject({ code: Code.Unimplemented });
  expect(await provider.query('Note', 'a', { typeVersion: '2.0.0' })).toMatchObject({
    text: 'this provider does not offer Note@2.0.0',
  });
});

test('what is ready is sent without waiting for what is slow', async () => {
  const slow = Promise.withResolvers<void>();
  const { client } = openTestProvider(
    providerOf({
      fetch: async ({ key }) => {
        if (key === 'slow') await slow.promise;
        return { value: key };
      },
    }),
  );
  const queries = ['slow', 'a', 'b'].map((key) => ({ type: 'Note', key }));
  const messages: number[][] = [];
  for await (const { results } of client.fetch({ queries })) {
    messages.push(results.map((result) => result.index));
    slow.resolve();
  }
  expect(messages).toEqual([[1, 2], [0]]);
});

test('messages stay below 4 MiB', async () => {
  const { client } = openTestProvider(
    providerOf({ fetch: () => ({ value: new Uint8Array(1_500_000) }) }),
  );
  const queries = ['a', 'b', 'c', 'd', 'e'].map((key) => ({ type: 'Note', key }));
  const counts: number[] = [];
  for await (const { results } of client.fetch({ queries })) counts.push(results.length);
  expect(counts).toEqual([2, 2, 1]);
});

test('no more queries run at once than the provider allows', async () => {
  let running = 0;
  let most = 0;
  const context = defineContext({
    type: 'Note',
    version: '1.0.0',
    fetch: async () => {
      running += 1;
      most = Math.max(most, running);
      await setImmediate();
      running -= 1;
      return { value: 1 };
    },
  });
  const { client } = openTestProvider(
    defineProvider({ name: 'n', version: '1.0.0', concurrency: 3, contexts: [context] }),
  );
  const queries = Array.from({ length: 20 }, (_, index) => ({ type: 'Note', key: `${index}` }));
  let results = 0;
  for await (const message of client.fetch({ queries })) results += message.results.length;
  expect({ most, results }).toEqual({ most: 3, results: 20 });
});

test('a reader that is slow holds back further queries', async () => {
  let begun = 0;
  const context = defineContext({
    type: 'Note',
    version: '1.0.0',
    fetch: () => {
      begun += 1;
      return { value: new Uint8Array(4_000_000) };
    },
  });
  const provider = {
    name: 'n',
    version: '1.0.0',
    concurrency: 2,
    contexts: [context],
    operations: [],
  };
  const queries = Array.from({ length: 50 }, (_, index) => ({ type: 'Note', key: `${index}` }));
  const request = create(FetchRequestSchema, { queries });
  const leads: number[] = [];
  const call = { signal: new AbortController().signal, onFault: () => {} };
  let results = 0;
  for await (const message of answerFetch(provider, request, call)) {
    results += message.results.length;
    leads.push(begun - results);
    await setImmediate();
  }
  expect(results).toBe(50);
  expect(Math.max(...leads)).toBeLessThan(16);
});

test('cancelling reaches the function of the author and ends the call', async () => {
  const cancel = new AbortController();
  const seen = Promise.withResolvers<unknown>();
  const provider = openTestProvider(
    providerOf({
      fetch: ({ signal }) => {
        signal.addEventListener('abort', () => seen.resolve(signal.reason));
        cancel.abort();
        return new Promise<never>(() => {});
      },
    }),
  );
  await expect(provider.query('Note', 'a', { signal: cancel.signal })).rejects.toMatchObject({
    code: Code.Canceled,
  });
  expect(await seen.promise).toBeInstanceOf(Error);
});

test('a deadline ends the call though the author does not listen', async () => {
  const provider = openTestProvider(providerOf({ fetch: () => new Promise<never>(() => {}) }));
  await expect(provider.query('Note', 'a', { timeoutMs: 20 })).rejects.toMatchObject({
    code: Code.DeadlineExceeded,
  });
});

test('many values can be fetched at once, and fail one by one', async () => {
  const asked: string[][] = [];
  const { client } = openTestProvider(
    providerOf({
      fetchMany: async (queries) => {
        asked.push(queries.map(({ key }) => key));
        return queries.map(({ key }) => {
          if (key === 'bad') return new ProviderError(Code.Unavailable, 'locked');
          return key === 'none' ? undefined : { value: key };
        });
      },
    }),
  );
  const queries = ['a', 'bad', 'none'].map((key) => ({ type: 'Note', key }));
  const outcomes: (string | undefined)[] = [];
  for await (const { results } of client.fetch({ queries })) {
    for (const { index, outcome } of results) outcomes[index] = outcome.case;
  }
  expect(asked).toEqual([['a', 'bad', 'none']]);
  expect(outcomes).toEqual(['content', 'failure', 'notFound']);
});

test('too few answers to many queries are a fault of the author', async () => {
  const faults: unknown[] = [];
  const provider = openTestProvider(providerOf({ fetchMany: async () => [] }), {
    onFault: ({ error }) => faults.push(error),
  });
  expect(await provider.query('Note', 'a')).toMatchObject({ code: Code.Internal });
  expect(String(faults[0])).toContain('0 answers to 1 queries');
});

test('keys are listed page by page, as asked', async () => {
  const updateTime = new Date('2026-01-01T00:00:00Z');
  const provider = openTestProvider(
    providerOf({
      fetch: () => undefined,
      list: ({ keyPrefix, text, pageSize, pageToken, caller }) => ({
        entries: [
          { key: `${keyPrefix}|${text}|${pageSize}|${pageToken}|${caller.tenant}`, updateTime },
        ],
        nextPageToken: 'more',
      }),
    }),
  );
  const page = await provider.list('Note', {
    keyPrefix: 'k',
    text: 'w',
    pageSize: 7,
    pageToken: 'p',
  });
  expect(page.entries[0]).toMatchObject({
    key: 'k|w|7|p|test',
    updateTime: { seconds: BigInt(updateTime.getTime() / 1000) },
  });
  expect(page.nextPageToken).toBe('more');
});

test('listing fails as fetching does', async () => {
  const onFault = (): void => {};
  const none = openTestProvider(providerOf({ fetch: () => undefined }));
  await expect(none.list('Note')).rejects.toMatchObject({ code: Code.Unimplemented });
  const crash = providerOf({
    fetch: () => undefined,
    list: () => {
      throw new Error('secret');
    },
  });
  await expect(openTestProvider(crash, { onFault }).list('Note')).rejects.toMatchObject({
    code: Code.Internal,
    rawMessage: 'the provider failed',
  });
  const tooMany = providerOf({
    fetch: () => undefined,
    list: () => ({ entries: [{ key: 'a' }, { key: 'b' }] }),
  });
  await expect(
    openTestProvider(tooMany, { onFault }).list('Note', { pageSize: 1 }),
  ).rejects.toMatchObject({ code: Code.Internal });
});

test('a provider describes itself', async () => {
  const { client } = openTestProvider(providerOf({ fetch: (): { value: Note } => never() }));
  expect(await client.describe({})).toMatchObject({
    name: 'notes',
    version: '1.0.0',
    types: [{ type: 'Note', version: '1.0.0', listable: false }],
  });
});

function never(): never {
  throw new Error('not to be called');
}

test.each<[string, string, number | undefined, number | undefined]>([
  ['a delay that is none', 'later', Number.NaN, undefined],
  ['a delay without end', 'later', Number.POSITIVE_INFINITY, 24 * 60 * 60 * 1000],
  ['a delay in the past', 'later', -1, undefined],
  ['a text that no message holds', 'x'.repeat(5_000_000), undefined, undefined],
])('an error with %s is that of its query alone', async (_, text, given, retryDelayMs) => {
  const options = given === undefined ? {} : { retryDelayMs: given };
  const provider = openTestProvider(
    providerOf({
      fetch: () => {
        throw new ProviderError(Code.Unavailable, text, options);
      },
    }),
  );
  const error: unknown = await provider.fetch('Note', 'a').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ItemRefused);
  expect((error as ItemRefused).refusal.retryDelayMs).toBe(retryDelayMs);
  expect((error as ItemRefused).message.length).toBeLessThan(1_100);
});
