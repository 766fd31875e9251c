import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { type Clock, createConsistencyTokens } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { FetchContextRequestSchema } from '@weir/sdk/gen/weir/router/v1/router_pb';
import { expect, test, vi } from 'vitest';
import { openAnswering } from '../test/answering.ts';
import { testCaller } from '../test/entries.ts';
import { content, openProviderServer } from '../test/provider-server.ts';
import { beginAnswer } from './answer.ts';
import { createCall } from './call.ts';

const clock: Clock = { wallMs: () => 0, monotonicMs: () => 0 };
const tokens = createConsistencyTokens(new Uint8Array(32).fill(7));

test('whoever waits for a call that ends is let go', async () => {
  const { signal } = new AbortController();
  const options = { caller: testCaller(), clock, timeoutMs: 60_000, itemTimeoutMs: undefined };
  const call = createCall({ ...options, signal }, options);
  const before = call.stopped();
  call[Symbol.dispose]();
  expect(await before).toBe('gone');
  const other = createCall({ ...options, signal }, options);
  other[Symbol.dispose]();
  expect(await other.stopped()).toBe('gone');
});

test('a stream that is left early leaves its upstream calls', async () => {
  const asked = Promise.withResolvers<void>();
  await using server = await openProviderServer({
    fetch: (_, signal) => {
      asked.resolve();
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(content(0))));
    },
  });
  const contexts = [{ type: 'DocChunk', version: '1.0.0' }];
  const manifest = { name: 'docs', version: '1.0.0', contexts };
  await using weir = openAnswering([{ manifest, urls: [server.url] }]);
  const request = create(FetchContextRequestSchema, { refs: [{ type: 'DocChunk', key: 'a' }] });
  const answering = await beginAnswer({ ...weir, observe: () => {} }, request, {
    caller: testCaller(),
    signal: new AbortController().signal,
    timeoutMs: 5_000,
  });
  await asked.promise;
  answering[Symbol.dispose]();
  await vi.waitFor(() => expect(server.cancelled()).toBe(1));
});

test('the time for an item begins when the consistency token is reached', async () => {
  await using server = await openProviderServer({ fetch: ({ key }) => content(key) });
  const contexts = [{ type: 'DocChunk', version: '1.0.0' }];
  const manifest = { name: 'docs', version: '1.0.0', contexts };
  await using weir = openAnswering([{ manifest, urls: [server.url] }]);
  const consistencyToken = tokens.mint({ epoch: 'e', revision: 10n });
  const itemTimeout = durationFromMs(100);
  const fetching = weir.fetch(['DocChunk/a'], { consistencyToken, itemTimeout });
  setTimeout(() => weir.holder.replace({ ...weir.holder.current, revision: 10n }, 0), 200);
  expect((await fetching).texts).toEqual(['"a"']);

  const never = tokens.mint({ epoch: 'e', revision: 11n });
  const late = weir.fetch(['DocChunk/a'], { consistencyToken: never, timeoutMs: 100 });
  await expect(late).rejects.toMatchObject({ reason: Reason.SNAPSHOT_BEHIND });
});

test('a token that is refused leaves no timer behind', async () => {
  await using weir = openAnswering([]);
  const timers = () => process.getActiveResourcesInfo().filter((of) => of === 'Timeout').length;
  const before = timers();
  for (const consistencyToken of ['bad', tokens.mint({ epoch: 'other', revision: 1n })]) {
    await expect(weir.fetch(['DocChunk/a'], { consistencyToken })).rejects.toMatchObject({
      reason: Reason.INVALID_CONSISTENCY_TOKEN,
    });
  }
  expect(timers()).toBe(before);
});
