import { createLogger, type Logger } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { expect, test, vi } from 'vitest';
import type { LogPlace } from '../gather/forgotten.ts';
import { openTails, TAIL_BYTES_MAX, TAIL_EVENTS_MAX, TAILS_BYTES_MAX } from './tails.ts';
import { createTestLog } from './test-log.ts';

const never = new AbortController().signal;
const silent = createLogger({ name: 'test', level: 'silent' });

function open(log: Logger = silent) {
  const events = createTestLog();
  const seen: bigint[] = [];
  const begun: bigint[] = [];
  const forgetting = {
    event: (_: unknown, { position }: LogPlace) => seen.push(position),
    begun: ({ position }: LogPlace) => begun.push(position),
  };
  return { events, seen, begun, tails: openTails({ events, log, forgetting }) };
}

test('begins where the log ends, and has what comes', async () => {
  const { events, seen, tails } = open();
  await using _ = tails;
  events.add(5);
  const tail = await tails.of('acme', never);
  expect([tail.head, tail.after(5n, 10), tail.after(4n, 10)]).toEqual([5n, [], undefined]);
  events.add(20);
  await tails.reach('acme', { epoch: 'one', position: 25n }, never);
  expect(seen).toEqual(Array.from({ length: 20 }, (__, index) => BigInt(index + 6)));
  expect(tail.after(20n, 2)?.map(({ stored }) => stored.position)).toEqual([21n, 22n]);
});

test('keeps so many, and loses none that come while it was cut off', async () => {
  const { events, seen, tails } = open();
  await using _ = tails;
  const tail = await tails.of('acme', never);
  events.isAway = true;
  events.add(TAIL_EVENTS_MAX + 10);
  events.isAway = false;
  await tails.reach('acme', { epoch: 'one', position: BigInt(TAIL_EVENTS_MAX + 10) }, never);
  expect(seen.length).toBe(TAIL_EVENTS_MAX + 10);
  expect([tail.after(9n, 1), tail.after(10n, 1)?.length]).toEqual([undefined, 1]);
});

test('of many long ones the older parts give way, and nobody misses anything', async () => {
  const { events, seen, tails } = open();
  await using _ = tails;
  const tenants = Array.from({ length: 20 }, (__, index) => `tenant-${index}`);
  const opened = await Promise.all(tenants.map((tenant) => tails.of(tenant, never)));
  events.add(4, TAIL_BYTES_MAX * 0.24);
  await Promise.all(
    tenants.map((tenant) => tails.reach(tenant, { epoch: 'one', position: 4n }, never)),
  );
  expect(seen.length).toBe(80);
  const whole = opened.filter((tail) => tail.after(0n, 4)?.length === 4);
  const most = TAILS_BYTES_MAX / TAIL_BYTES_MAX;
  expect(whole.length).toBeLessThanOrEqual(most);
  expect(opened.filter((tail) => tail.after(3n, 1)?.length === 1).length).toBe(20);
});

test('begins anew after a restore, and where what came was forgotten', async () => {
  const { events, begun, tails } = open();
  await using _ = tails;
  events.add(10);
  const tail = await tails.of('acme', never);
  expect([tail.epoch, tail.head]).toEqual(['one', 10n]);
  events.restore(3);
  await vi.waitFor(() => expect([tail.epoch, tail.head]).toEqual(['two', 3n]));

  events.isAway = true;
  await vi.waitFor(() => expect(events.streams).toBe(0));
  events.add(20);
  events.prune(2);
  events.isAway = false;
  await vi.waitFor(() => expect(tail.head).toBe(23n));
  events.add(1);
  await tails.reach('acme', { epoch: 'two', position: 24n }, never);
  expect(begun).toEqual([10n, 3n, 23n]);
});

test('a log that is away is told of once, and refused to who needs it', async () => {
  const warnings: unknown[] = [];
  const log = { ...silent, warn: (...line: unknown[]) => warnings.push(line), debug: () => {} };
  const { events, tails } = open(log as unknown as Logger);
  await using _ = tails;
  events.isAway = true;
  tails.follow(['acme']);
  await vi.waitFor(() => expect(events.asked).toBeGreaterThan(3));
  expect(warnings.length).toBe(1);
  const soon = AbortSignal.timeout(20);
  await expect(tails.of('acme', soon)).rejects.toMatchObject({
    reason: Reason.EVENTS_UNAVAILABLE,
  });
  await expect(tails.reach('acme', { epoch: 'one', position: 1n }, soon)).rejects.toMatchObject({
    reason: Reason.SNAPSHOT_BEHIND,
  });
  events.isAway = false;
  await tails.of('acme', never);
});
