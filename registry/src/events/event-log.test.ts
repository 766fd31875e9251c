import { createLogger, createMetrics, reasonOf, systemClock } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { sql } from 'drizzle-orm';
import { describe, expect, test } from 'vitest';
import type { Driver } from '../store/driver.ts';
import { eventLogs, events } from '../store/schema.ts';
import { type EventLog, openEventLog } from './event-log.ts';
import { countEvents } from './event-metrics.ts';
import { openEmbedded, openOnServer, requestOf, type TestDatabase } from './test-events.ts';

const url = process.env.WEIR_TEST_DATABASE_URL;
const log = createLogger({ name: 'test', level: 'silent' });
const never = new AbortController().signal;
const ids = (count: number) => Array.from({ length: count }, (_, index) => `${index}`);
// No index takes a key as large as this one, which nothing makes smaller.
const badKey = ids(2_000)
  .map((at) => (Number(at) * 7919 + Number(at) ** 3).toString(36))
  .join('-');

function open(driver: Driver, onCommit = () => {}): Promise<EventLog> {
  return openEventLog(driver, { clock: systemClock, log, onCommit });
}

/** How many transactions have committed the events that are there. */
async function transactions({ db }: Driver): Promise<number> {
  const [row] = await db
    .select({ count: sql<number>`count(distinct xmin::text)`.mapWith(Number) })
    .from(events);
  return row?.count ?? 0;
}

async function inOrder({ db }: Driver): Promise<bigint[]> {
  const rows = await db.select({ at: events.position }).from(events).orderBy(events.position);
  return rows.map(({ at }) => at);
}

/** Holds the row of the log of "acme" as a registry does that appends to it, until it is let go. */
async function hold({ db }: Driver): Promise<() => Promise<void>> {
  const held = Promise.withResolvers<void>();
  const enough = Promise.withResolvers<void>();
  const done = db.transaction(async (tx) => {
    await tx.select().from(eventLogs).for('update');
    held.resolve();
    await enough.promise;
  });
  await Promise.race([held.promise, done]);
  return async () => {
    enough.resolve();
    await done;
  };
}

const databases: readonly (readonly [string, (() => Promise<TestDatabase>) | undefined])[] = [
  ['PGlite', openEmbedded],
  ['PostgreSQL (needs WEIR_TEST_DATABASE_URL)', url ? () => openOnServer(url) : undefined],
];

for (const [name, openDatabase] of databases) {
  const suite = openDatabase ? describe : describe.skip;
  suite(`an open log of events on ${name}`, () => {
    const database = () => openDatabase?.() ?? expect.unreachable('there is no database');

    test('commits together what is appended at the same time', async () => {
      await using at = await database();
      let commits = 0;
      await using opened = await open(at.one, () => (commits += 1));
      const all = await Promise.all(ids(200).map((id) => opened.append(requestOf([id]), never)));
      expect(all.map(({ position }) => position)).toEqual(ids(200).map((id) => BigInt(id) + 1n));
      // The first goes alone, then 64 at a time.
      expect(commits).toBe(5);
      expect(await transactions(at.one)).toBe(5);
    });

    test('does not put more events or bytes together than a transaction should have', async () => {
      await using at = await database();
      await using opened = await open(at.one);
      const many = ids(10).map(() => opened.append(requestOf(ids(256)), never));
      await Promise.all(many);
      // 1, then 3, 3, 3.
      expect(await transactions(at.one)).toBe(4);
      const data = new Uint8Array(700 * 1024);
      const large = { events: [{ id: 'a', topic: 't', data }] };
      await Promise.all(ids(11).map(() => opened.append(requestOf([], large), never)));
      // 1, then 5, 5.
      expect(await transactions(at.one)).toBe(4 + 3);
    });

    test('commits what is well beside what is not', async () => {
      await using at = await database();
      await using opened = await open(at.one);
      const requests = ids(20).map((id) =>
        requestOf([id], { idempotencyKey: ['7', '12'].includes(id) ? badKey : `k${id}` }),
      );
      const refused = requestOf(['x'], { idempotencyKey: 'k1', fingerprint: Uint8Array.of(1) });
      const settled = await Promise.allSettled(
        [...requests, refused].map((request) => opened.append(request, never)),
      );
      const failed = settled.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []));
      expect(failed).toEqual([7, 12, 20]);
      const [last] = settled.slice(-1);
      expect(last?.status === 'rejected' && reasonOf(last.reason)).toBe(Reason.ALREADY_EXISTS);
      expect(await inOrder(at.one)).toEqual(ids(18).map((id) => BigInt(id) + 1n));
    });

    test('keeps together, and in their order, what is to be', async () => {
      await using at = await database();
      await using opened = await open(at.one);
      const first = opened.append(requestOf(['0']), never);
      const known = { idempotencyKey: 'k', fingerprint: Uint8Array.of(1) };
      const requests = [requestOf(['1', '2'], known), requestOf(['3']), requestOf(['4'])];
      const together = opened.appendInOrder(requests, never);
      const last = opened.append(requestOf(['5']), never);
      expect((await together).map(({ position }) => position)).toEqual([3n, 4n, 5n]);
      expect([(await first).position, (await last).position]).toEqual([1n, 6n]);
      expect(await transactions(at.one)).toBe(2);

      const again = await opened.appendInOrder([requests[0] ?? requestOf([])], never);
      expect(again).toMatchObject([{ position: 3n, bytes: 0 }]);
      const other = { ...known, fingerprint: Uint8Array.of(2) };
      const refused = opened.appendInOrder([requestOf(['6']), requestOf(['x'], other)], never);
      expect(await refused.catch(reasonOf)).toBe(Reason.ALREADY_EXISTS);
      expect(await inOrder(at.one)).toEqual(ids(7).map((id) => BigInt(id) + 1n));
    });

    test('leaves out what nobody waits for any more', async () => {
      await using at = await database();
      await using opened = await open(at.one);
      const first = opened.append(requestOf(['a']), never);
      const gone = opened.append(requestOf(['b']), AbortSignal.abort(new Error('gone')));
      const last = opened.append(requestOf(['c']), never);
      await expect(gone).rejects.toThrow('gone');
      expect(await Promise.all([first, last])).toMatchObject([{ position: 1n }, { position: 2n }]);
    });

    test('takes no more than can wait', async () => {
      await using at = await database();
      await using opened = await open(at.one);
      const settled = await Promise.allSettled(
        ids(1_010).map((id) => opened.append(requestOf([id]), never)),
      );
      const reasons = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
      // The first does not wait.
      expect(reasons.map(reasonOf)).toEqual(ids(9).map(() => Reason.OVERLOADED));
      expect(await opened.append(requestOf(['a']), never)).toMatchObject({ position: 1_002n });
    });

    test('goes on in whatever moment the next one comes', async () => {
      await using at = await database();
      await using opened = await open(at.one);
      const publisher = async (hops: number) => {
        for (const id of ids(20)) {
          await opened.append(requestOf([id]), never);
          for (let hop = 0; hop < hops; hop += 1) await Promise.resolve();
        }
      };
      for (const hops of ids(12)) await publisher(Number(hops));
      expect(await opened.store.state('acme')).toMatchObject({ head: 240n });
    });

    test('wakes who waits in this registry, and in another one', async () => {
      await using at = await database();
      await using one = await open(at.one);
      await using other = await open(at.other);
      for (const { waiters } of [one, other]) {
        await expect
          .poll(
            async () => {
              const began = performance.now();
              const woken = waiters.wait('acme', 5_000, never);
              await one.append(requestOf(['a']), never);
              await woken;
              return performance.now() - began;
            },
            { timeout: 20_000 },
          )
          .toBeLessThan(1_000);
      }
    });

    test('commits what it was given before it closes, and takes nothing after', async () => {
      await using at = await database();
      const opened = await open(at.one);
      const given = ids(100).map((id) => opened.append(requestOf([id]), never));
      const waiting = opened.waiters.wait('acme', 60_000, never);
      await opened[Symbol.asyncDispose]();
      await waiting;
      expect((await Promise.all(given)).at(-1)).toMatchObject({ position: 100n });
      const late = await opened.append(requestOf(['x']), never).catch(reasonOf);
      expect(late).toBe(Reason.STORE_UNAVAILABLE);
      expect(await inOrder(at.one)).toHaveLength(100);
    });

    test('counts what it commits', async () => {
      await using at = await database();
      const metrics = createMetrics('test');
      const deps = { clock: systemClock, log, onCommit: countEvents(metrics) };
      await using opened = await openEventLog(at.one, deps);
      expect(await metrics.text()).toContain('weir_registry_events_total{service="test"} 0');
      const keyed = requestOf(['a', 'b'], { idempotencyKey: 'k' });
      const { bytes } = await opened.append(keyed, never);
      await opened.append(keyed, never);
      await opened.append(requestOf([]), never).catch(() => {});
      const text = await metrics.text();
      expect(text).toContain('weir_registry_events_total{service="test"} 2');
      expect(text).toContain(`weir_registry_event_bytes_total{service="test"} ${bytes}`);
      expect(text).toContain('weir_registry_event_commits_total{service="test"} 1');
      await metrics.shutdown();
    });
  });
}

describe.skipIf(!url)('two registries (needs WEIR_TEST_DATABASE_URL)', () => {
  test('one waits while the other holds the log, and others gather meanwhile', async () => {
    await using at = await openOnServer(url ?? '');
    await using opened = await open(at.one);
    await opened.append(requestOf(['a']), never);
    const letGo = await hold(at.other);
    const waiting = ids(50).map((id) => opened.append(requestOf([id]), never));
    const blocked = sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    await expect
      .poll(async () => (await at.other.db.execute(blocked)) as { rows: unknown[] })
      .toMatchObject({ rows: [{}] });
    expect(await inOrder(at.other)).toEqual([1n]);
    await letGo();
    expect((await Promise.all(waiting)).at(-1)).toMatchObject({ position: 51n });
    expect(await transactions(at.one)).toBe(3);
  });

  test('one that is cut off fails what it was committing, and nothing else', async () => {
    await using at = await openOnServer(url ?? '');
    await using opened = await open(at.one);
    await opened.append(requestOf(['a']), never);
    const letGo = await hold(at.other);
    const first = opened.append(requestOf(['b']), never).catch(reasonOf);
    const second = opened.append(requestOf(['c']), never);
    const cut = sql`select pg_terminate_backend(pid) as cut from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    await expect
      .poll(async () => (await at.other.db.execute(cut)) as { rows: unknown[] })
      .toMatchObject({ rows: [{ cut: true }] });
    expect(await first).toBe(Reason.STORE_UNAVAILABLE);
    await letGo();
    expect(await second).toMatchObject({ position: 2n });
    expect(await inOrder(at.one)).toEqual([1n, 2n]);
  });
});
