import { once } from 'node:events';
import { type CallOptions, Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import type { WatchResponse } from '../src/gen/weir/provider/v1/provider_pb.ts';
import { createProviderService } from '../src/provider/service.ts';
import {
  defineContext,
  defineProvider,
  manifestOf,
  ProviderError,
  type ProviderSpec,
} from '../src/provider.ts';
import { openTestProvider } from '../src/testing.ts';

const page = defineContext({ type: 'Page', version: '1.0.0', fetch: () => undefined });

function pages(watch: ProviderSpec['watch']) {
  return defineProvider({ name: 'pages', version: '1.0.0', contexts: [page], watch });
}

/** What a router hears, and what the author is told of faults. */
async function hear(watch: ProviderSpec['watch'], cursor = '', call: CallOptions = {}) {
  const faults: unknown[] = [];
  const onFault = ({ error }: { error: unknown }) => void faults.push(error);
  const { client } = openTestProvider(pages(watch), { onFault });
  const messages: WatchResponse[] = [];
  let error: ConnectError | undefined;
  try {
    for await (const message of client.watch({ cursor }, call)) messages.push(message);
  } catch (thrown) {
    error = ConnectError.from(thrown);
  }
  return { messages, faults, error };
}

test('what happens goes out as it is yielded, with its cursor, after a first word', async () => {
  const { messages, error } = await hear(async function* ({ cursor }) {
    yield { cursor: `${cursor}+` };
    yield {
      events: [{ topic: 'page.updated', key: 'home', data: { a: 1 }, refs: ['Page/home'] }],
      cursor: 'next',
    };
    yield { events: [{ topic: 'page.seen' }] };
  }, 'from');
  expect(error).toBeUndefined();
  expect(messages.map(({ cursor, events }) => [cursor, events.length])).toEqual([
    ['from', 0],
    ['from+', 0],
    ['next', 1],
    ['', 1],
  ]);
  const [event] = messages[2]?.events ?? [];
  expect(event).toMatchObject({ topic: 'page.updated', key: 'home' });
  expect(event?.refs).toMatchObject([{ type: 'Page', key: 'home' }]);
  expect(new TextDecoder().decode(event?.data)).toBe('{"a":1}');
});

test('the manifest says whether a provider tells anything; one that does not refuses', async () => {
  expect(manifestOf(pages(async function* () {})).watch).toBe(true);
  expect(manifestOf(pages(undefined)).watch).toBe(false);
  expect((await hear(undefined)).error?.code).toBe(Code.Unimplemented);
});

test('a cursor that is not known is told to the router, any other error to the author alone', async () => {
  // biome-ignore lint/correctness/useYield: it fails before it has anything to tell
  const unknown = await hear(async function* () {
    throw new ProviderError(Code.OutOfRange, 'that is too long ago');
  });
  expect(unknown.error).toMatchObject({ code: Code.OutOfRange });
  expect(unknown.faults).toEqual([]);
  const failed = await hear(() => {
    throw new Error('password: hunter2');
  });
  expect(failed.error).toMatchObject({ code: Code.Internal, rawMessage: 'the provider failed' });
  expect(failed.faults).toMatchObject([{ message: 'password: hunter2' }]);
});

test.each([
  ['1001 events', { events: Array.from({ length: 1_001 }, () => ({ topic: 'a' })) }],
  ['cursor of 1025 bytes', { cursor: 'x'.repeat(1_025) }],
  ['bytes at once', { events: [{ topic: 'a', data: 'x'.repeat(4 * 1024 * 1024) }] }],
])('what is beyond a limit is the author’s fault, and named: %s', async (what, step) => {
  const { faults, error } = await hear(async function* () {
    yield step;
  });
  expect(error?.code).toBe(Code.Internal);
  expect(String(faults[0])).toContain(what);
});

test('ends when the router leaves, or the provider stops, whatever the author waits for', async () => {
  const stopping = new AbortController();
  const signals: AbortSignal[] = [];
  const waiting = pages(async function* ({ signal }) {
    signals.push(signal);
    yield { cursor: 'here' };
    await new Promise(() => {});
  });
  const service = createProviderService(
    () => waiting,
    () => {},
    stopping.signal,
  );
  const context = { signal: new AbortController().signal };
  const watch = () =>
    service.watch({ cursor: '' } as never, context as never) as AsyncGenerator<WatchResponse>;
  const heard: string[] = [];
  for await (const { cursor } of watch()) {
    heard.push(cursor);
    if (cursor === 'here') setImmediate(() => stopping.abort());
  }
  expect(heard).toEqual(['', 'here']);
  expect(signals[0]?.aborted).toBe(true);
  // It does not begin again where it is stopping.
  await expect(watch().next()).rejects.toMatchObject({ code: Code.Unavailable });
  expect(signals).toHaveLength(1);

  const leaving = new AbortController();
  const left = hear(
    async function* ({ signal }) {
      yield { cursor: 'here' };
      leaving.abort();
      await once(signal, 'abort');
    },
    '',
    { signal: leaving.signal },
  );
  expect((await left).error?.code).toBe(Code.Canceled);
  expect((await left).faults).toEqual([]);
});
