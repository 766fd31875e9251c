import { createLogger } from '@weir/kit';
import { expect, test, vi } from 'vitest';
import { BATCH_BYTES_MAX, openReader } from './reader.ts';
import { openTails } from './tails.ts';
import { createTestLog } from './test-log.ts';

const signal = new AbortController().signal;

async function open(before: number, bytes?: number) {
  const events = createTestLog();
  events.add(before, bytes);
  const log = createLogger({ name: 'test', level: 'silent' });
  const tails = openTails({ events, log, forgetting: { event() {}, begun() {} } });
  const tail = await tails.of('acme', signal);
  return { events, tails, tail, reader: openReader(events, 'acme', { tail, signal }) };
}

test('what is older than memory is read whole, however few are taken at once', async () => {
  const { events, tails, reader } = await open(50);
  await using _ = tails;
  using __ = reader;
  const read: bigint[] = [];
  for (let most = 1; read.length < 50; most = (most % 7) + 1) {
    const batch = await reader.next(read.at(-1) ?? 0n, { events: most, waitMs: 0 });
    expect(batch.length).toBeLessThanOrEqual(most);
    read.push(...batch.map(({ stored }) => stored.position));
  }
  expect(read).toEqual(Array.from({ length: 50 }, (___, index) => BigInt(index + 1)));
  // From here on memory is enough: the stream of the log is left.
  events.add(3);
  await tails.reach('acme', { epoch: 'one', position: 53n }, signal);
  expect((await reader.next(50n, { events: 10, waitMs: 0 })).length).toBe(3);
  await vi.waitFor(() => expect(events.streams).toBe(1));
});

test('waits for what comes, and no longer than it is to', async () => {
  const { events, tails, reader } = await open(0);
  await using _ = tails;
  using __ = reader;
  expect(await reader.next(0n, { events: 10, waitMs: 5 })).toEqual([]);
  const next = reader.next(0n, { events: 10, waitMs: 60_000 });
  events.add(1);
  expect((await next).map(({ stored }) => stored.position)).toEqual([1n]);
});

test('takes no more bytes than are delivered together, and one event at least', async () => {
  const { tails, reader } = await open(4, BATCH_BYTES_MAX * 0.6);
  await using _ = tails;
  using __ = reader;
  expect((await reader.next(0n, { events: 10, waitMs: 0 })).length).toBe(1);
  expect((await reader.next(1n, { events: 10, waitMs: 0 })).length).toBe(1);
});
