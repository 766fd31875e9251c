import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  EVENTS_KEPT_MS,
  internalRetentionOf,
  MCP_MESSAGES_LOG,
  MCP_STREAM_LOGS,
  reasonOf,
} from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { AppendEventsRequest, StoredEvent } from '@weir/sdk/gen/weir/events/v1/log_pb';
import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventLogs } from '../store/schema.ts';
import { forgetOld, GROUPS_KEPT_MS, PUBLICATIONS_KEPT_MS } from './event-keepers.ts';
import { type Appended, createEventStore, type EventStore } from './event-store.ts';
import { GROUPS_MAX } from './groups.ts';
import { requestOf, type TestDatabase } from './test-events.ts';

const NOW_MS = Date.parse('2026-06-01T00:00:00Z');
const ALL = { events: 1_000, bytes: 1024 ** 3 };
const KEEP_ALL = { beforeMs: 0, maxBytes: 1024 ** 3 };
const TABLES = ['event_logs', 'events', 'event_publications', 'event_groups'];

/** What the logs of events do on every database. Opens an empty one for the suite. */
export function describeEventStore(name: string, open: () => Promise<TestDatabase>): void {
  describe(`logs of events on ${name}`, () => {
    let database: TestDatabase;
    let store: EventStore;
    let other: EventStore;

    beforeAll(async () => {
      database = await open();
      store = createEventStore(database.one.db);
      other = createEventStore(database.other.db);
    });
    beforeEach(async () => {
      for (const table of TABLES) await database.one.db.execute(sql.raw(`delete from ${table}`));
    });
    afterAll(() => database?.[Symbol.asyncDispose]());

    const append = async (request: AppendEventsRequest, nowMs = NOW_MS): Promise<Appended> => {
      const [result] = await store.append([request], nowMs);
      if (result instanceof Error) throw result;
      return result ?? expect.unreachable('nothing was answered');
    };
    const publish = (...ids: string[]) => append(requestOf(ids));
    const everything = async (tenant = 'acme', from = 0n): Promise<StoredEvent[]> => {
      const found: StoredEvent[] = [];
      for (let after = from; ; after = found.at(-1)?.position ?? after) {
        const more = await store.after(tenant, after, ALL);
        if (more.length === 0) return found;
        found.push(...more);
      }
    };
    const idsOf = (events: readonly StoredEvent[]) => events.map(({ event }) => event?.id);
    const sizeOf = async (tenant: string) => {
      const [log] = await database.one.db
        .select()
        .from(eventLogs)
        .where(eq(eventLogs.tenant, tenant));
      return log?.size;
    };
    const reasonFrom = (promise: Promise<unknown>) =>
      promise.then(() => 'nothing was refused', reasonOf);

    describe('what is appended', () => {
      test('has positions from 1 without gaps, and is read as it was', async () => {
        expect(await store.state('acme')).toEqual({ first: 1n, head: 0n, epoch: 'e' });
        expect(await publish('a', 'b')).toMatchObject({
          position: 2n,
          ids: ['a', 'b'],
          epoch: 'e',
        });
        expect(await publish('c')).toMatchObject({ position: 3n, ids: ['c'] });
        expect(await store.state('acme')).toEqual({ first: 1n, head: 3n, epoch: 'e' });
        const found = await everything();
        expect(found.map(({ position }) => position)).toEqual([1n, 2n, 3n]);
        expect(idsOf(found)).toEqual(['a', 'b', 'c']);
        const [first] = found;
        expect(first).toMatchObject({ publisher: 'ann', event: { topic: 'page.updated' } });
        expect(first?.publishTime && timestampMs(first.publishTime)).toBe(NOW_MS);
      });

      test('together keeps its order, each tenant in a log of its own', async () => {
        const requests = [
          requestOf(['z1'], { tenant: 'zeta' }),
          requestOf(['a1', 'a2']),
          requestOf(['z2'], { tenant: 'zeta' }),
          requestOf(['a3']),
        ];
        const results = await store.append(requests, NOW_MS);
        expect(results).toMatchObject([
          { position: 1n, ids: ['z1'] },
          { position: 2n, ids: ['a1', 'a2'] },
          { position: 2n, ids: ['z2'] },
          { position: 3n, ids: ['a3'] },
        ]);
        expect(idsOf(await everything('acme'))).toEqual(['a1', 'a2', 'a3']);
        expect(idsOf(await everything('zeta'))).toEqual(['z1', 'z2']);
        expect(await store.state('nobody')).toEqual({ first: 1n, head: 0n, epoch: 'e' });
        expect(await everything('nobody')).toEqual([]);
      });

      test('more than one statement holds is committed at once', async () => {
        const ids = Array.from({ length: 2_500 }, (_, index) => `${index}`);
        expect(await publish(...ids)).toMatchObject({ position: 2_500n });
        expect(idsOf(await everything())).toEqual(ids);
      });

      test('and cannot be taken is refused alone', async () => {
        const requests = [
          requestOf(['a']),
          requestOf([]),
          requestOf(['b'], { idempotencyKey: 'k\0' }),
          requestOf(['c\0']),
          requestOf(['d'], { tenant: 'acme\0' }),
          requestOf(['e']),
        ];
        const results = await store.append(requests, NOW_MS);
        expect(results.map((one) => (one instanceof Error ? reasonOf(one) : one.position))).toEqual(
          [
            1n,
            Reason.BATCH_EMPTY,
            Reason.MALFORMED_REQUEST,
            Reason.MALFORMED_REQUEST,
            Reason.MALFORMED_REQUEST,
            2n,
          ],
        );
        expect(idsOf(await everything())).toEqual(['a', 'e']);
      });

      test('in a transaction that fails leaves nothing behind', async () => {
        await publish('a');
        // No index takes a key as large as this one, which nothing makes smaller.
        const key = Array.from({ length: 2_000 }, (_, at) => (at * 7919 + at ** 3).toString(36));
        const bad = requestOf(['c'], { idempotencyKey: key.join('-') });
        await expect(store.append([requestOf(['b']), bad], NOW_MS)).rejects.toThrow();
        expect(await store.state('acme')).toMatchObject({ head: 1n });
        expect(idsOf(await everything())).toEqual(['a']);
        expect(await publish('d')).toMatchObject({ position: 2n });
      });

      test('by 8 writers in two registries is there, in order, and nothing is missing', async () => {
        const position = new Map<string, bigint>();
        const write = async (writer: number) => {
          const by = writer % 2 === 0 ? store : other;
          for (let at = 0; at < 1_250; at += 25) {
            const ids = Array.from({ length: 25 }, (_, index) => `${writer}/${at + index}`);
            const requests = [ids.slice(0, 5), ids.slice(5)].map((some) => requestOf(some));
            for (const one of await by.append(requests, NOW_MS)) {
              if (one instanceof Error) throw one;
              for (const [index, id] of one.ids.entries()) {
                position.set(id, one.position - BigInt(one.ids.length - 1 - index));
              }
            }
          }
        };
        const written = new AbortController();
        const reading = readAlong(other, written.signal);
        const writing = Array.from({ length: 8 }, (_, writer) => write(writer));
        await Promise.all(writing).finally(() => written.abort());
        const found = await reading;
        expect(found.map((one) => one.position)).toEqual(
          Array.from({ length: 10_000 }, (_, index) => BigInt(index + 1)),
        );
        expect(new Map(found.map((one) => [one.event?.id, one.position]))).toEqual(position);
        for (let writer = 0; writer < 8; writer += 1) {
          const own = idsOf(found).filter((id) => id?.startsWith(`${writer}/`));
          expect(own).toEqual(Array.from({ length: 1_250 }, (_, index) => `${writer}/${index}`));
        }
      });

      test('for tenants in whatever order, by two registries, locks nobody out', async () => {
        const tenants = ['a', 'b', 'c', 'd'];
        const write = async (by: EventStore, order: readonly string[]) => {
          for (let at = 0; at < 40; at += 1) {
            await by.append(
              order.map((tenant) => requestOf([`${at}`], { tenant })),
              NOW_MS,
            );
          }
        };
        await Promise.all([
          write(store, tenants),
          write(other, tenants.toReversed()),
          write(store, ['c', 'a']),
          write(other, ['a', 'd']),
        ]);
        const heads = await Promise.all(tenants.map((tenant) => store.state(tenant)));
        expect(heads.map(({ head }) => head)).toEqual([160n, 80n, 120n, 120n]);
      });
    });

    describe('a request that comes again', () => {
      const fingerprint = new Uint8Array(32).fill(1);
      const keyed = (ids: readonly string[], more = {}) =>
        requestOf(ids, { idempotencyKey: 'k', fingerprint, ...more });

      test('is answered as before, by whichever registry', async () => {
        const first = await append(keyed(['a', 'b']));
        await publish('c');
        const [again] = await other.append([keyed(['x', 'y'])], NOW_MS + 1);
        expect(again).toEqual({ ...first, bytes: 0 });
        expect(idsOf(await everything())).toEqual(['a', 'b', 'c']);
      });

      test('in the same transaction is answered as before', async () => {
        const results = await store.append([keyed(['a']), requestOf(['b']), keyed(['x'])], NOW_MS);
        expect(results).toMatchObject([
          { position: 1n, ids: ['a'] },
          { position: 2n, ids: ['b'] },
          { position: 1n, ids: ['a'], bytes: 0 },
        ]);
      });

      test('by both registries at once is committed once', async () => {
        const both = await Promise.all(
          [store, other].map((by) => by.append([keyed(['a'])], NOW_MS)),
        );
        expect(both.flat()).toMatchObject([
          { position: 1n, ids: ['a'] },
          { position: 1n, ids: ['a'] },
        ]);
        expect(await store.state('acme')).toMatchObject({ head: 1n });
      });

      test('with other events is refused, alone', async () => {
        await append(keyed(['a']));
        const otherwise = keyed(['b'], { fingerprint: new Uint8Array(32).fill(2) });
        const [refused, taken] = await store.append([otherwise, requestOf(['c'])], NOW_MS);
        expect(reasonOf(refused)).toBe(Reason.ALREADY_EXISTS);
        expect(taken).toMatchObject({ position: 2n });
        expect(idsOf(await everything())).toEqual(['a', 'c']);
      });

      test('from another publisher or tenant is another request', async () => {
        await append(keyed(['a']));
        expect(await append(keyed(['b'], { publisher: 'bob' }))).toMatchObject({ position: 2n });
        expect(await append(keyed(['c'], { tenant: 'zeta' }))).toMatchObject({ position: 1n });
      });

      test('is known by whatever text its key is', async () => {
        const keys = ['a,b', '"', "'", '\\', '{}', 'NULL', 'null', ' ', 'é', '💡', '%', '\n'];
        const requests = keys.map((key) => keyed([key], { idempotencyKey: key }));
        const first = await store.append(requests, NOW_MS);
        expect(idsOf(await everything())).toEqual(keys);
        const again = await store.append(requests, NOW_MS);
        expect(again).toEqual(first.map((one) => ({ ...one, bytes: 0 })));
      });

      test('without a key is published again', async () => {
        await append(keyed(['a'], { idempotencyKey: '' }));
        expect(await append(keyed(['a'], { idempotencyKey: '' }))).toMatchObject({ position: 2n });
      });

      test('is known for a day', async () => {
        await append(keyed(['a']));
        await forgetOld(store, NOW_MS + PUBLICATIONS_KEPT_MS);
        expect(await append(keyed(['b']))).toMatchObject({ position: 1n });
        await forgetOld(store, NOW_MS + PUBLICATIONS_KEPT_MS + 1);
        const laterMs = NOW_MS + PUBLICATIONS_KEPT_MS + 1;
        const differs = keyed(['b'], { fingerprint: new Uint8Array(32).fill(2) });
        expect(await append(differs, laterMs)).toMatchObject({ position: 2n, ids: ['b'] });
      });

      test('is forgotten by so many at once', async () => {
        for (const key of ['1', '2', '3']) await append(keyed(['a'], { idempotencyKey: key }));
        expect(await store.forgetPublications(NOW_MS, 2)).toBe(0);
        expect(await store.forgetPublications(NOW_MS + 1, 2)).toBe(2);
        expect(await store.forgetPublications(NOW_MS + 1, 2)).toBe(1);
      });
    });

    describe('a part of a log', () => {
      test('has so many events, and ends with the one that goes beyond its bytes', async () => {
        const data = new Uint8Array(1_000);
        const events = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, topic: 't', data }));
        await append(requestOf([], { events }));
        const read = async (after: bigint, events: number, bytes: number) =>
          idsOf(await store.after('acme', after, { events, bytes }));
        expect(await read(0n, 2, 1024 ** 2)).toEqual(['a', 'b']);
        expect(await read(2n, 2, 1024 ** 2)).toEqual(['c', 'd']);
        expect(await read(0n, 10, 1)).toEqual(['a']);
        expect(await read(1n, 10, 1_500)).toEqual(['b', 'c']);
        expect(await read(5n, 10, 1_500)).toEqual([]);
      });

      test('after a position beyond the head is refused', async () => {
        await publish('a');
        expect(await reasonFrom(store.after('acme', 2n, ALL))).toBe(Reason.CURSOR_TOO_OLD);
        expect(await reasonFrom(store.after('nobody', 1n, ALL))).toBe(Reason.CURSOR_TOO_OLD);
      });

      test('after a position whose next event is gone is refused', async () => {
        await publish('a', 'b', 'c');
        expect(await store.prune('acme', { ...KEEP_ALL, beforeMs: NOW_MS + 1 }, 2)).toBe(2);
        for (const position of [0n, 1n]) {
          expect(await reasonFrom(store.after('acme', position, ALL))).toBe(Reason.CURSOR_TOO_OLD);
        }
        expect(idsOf(await store.after('acme', 2n, ALL))).toEqual(['c']);
      });
    });

    describe('what is kept of a group of workers', () => {
      const bytesOf = (text: string) => new Uint8Array(Buffer.from(text));
      const write = (text: string, version: bigint, name = 'ann/mailers', by = store) =>
        by.writeGroup('acme', name, { state: bytesOf(text), version, nowMs: NOW_MS });
      const read = async (name = 'ann/mailers', tenant = 'acme') => {
        const { state, version } = await other.readGroup(tenant, name);
        return [Buffer.from(state).toString(), version];
      };

      test('is read as it was written, by the tenant and the name', async () => {
        expect(await read()).toEqual(['', 0n]);
        expect(await write('a', 0n)).toBe(true);
        expect(await read()).toEqual(['a', 1n]);
        expect(await write('b', 1n)).toBe(true);
        expect(await write('z', 0n, 'bob/mailers')).toBe(true);
        expect(await read()).toEqual(['b', 2n]);
        expect(await read('bob/mailers')).toEqual(['z', 1n]);
        expect(await read('ann/mailers', 'zeta')).toEqual(['', 0n]);
      });

      test('is not written over what somebody else wrote', async () => {
        expect(await write('a', 1n)).toBe(false);
        expect(await read()).toEqual(['', 0n]);
        expect(await write('a', 0n)).toBe(true);
        expect(await write('b', 0n, 'ann/mailers', other)).toBe(false);
        expect(await write('b', 2n, 'ann/mailers', other)).toBe(false);
        expect(await read()).toEqual(['a', 1n]);
      });

      test('is added, and raised, by one of all who try at once', async () => {
        for (const version of [0n, 1n, 2n]) {
          const tries = Array.from({ length: 8 }, (_, index) =>
            write(`${index}`, version, 'ann/mailers', index % 2 === 0 ? store : other),
          );
          const won = (await Promise.all(tries)).flatMap((is, index) => (is ? [`${index}`] : []));
          expect(won).toHaveLength(1);
          expect(await read()).toEqual([won[0], version + 1n]);
        }
      });

      test('is of as many groups of a tenant as it may have, and no more', async () => {
        await database.one.db.execute(
          sql`insert into event_groups (tenant, name, version, state, update_time)
            select 'acme', 'n' || n, 1, ''::bytea, now() from generate_series(1, ${GROUPS_MAX - 1}) n`,
        );
        const adding = ['ann/a', 'ann/b'].map((name, index) =>
          write('a', 0n, name, index === 0 ? store : other).catch(reasonOf),
        );
        const outcomes = await Promise.all(adding);
        expect(outcomes.filter((one) => one === true)).toHaveLength(1);
        expect(outcomes.filter((one) => one === Reason.TOO_MANY)).toHaveLength(1);
        expect(await write('b', 1n, 'n1')).toBe(true);
        expect(await write('b', 0n, 'n1')).toBe(false);
        const elsewhere = { state: bytesOf('a'), version: 0n, nowMs: NOW_MS };
        expect(await store.writeGroup('zeta', 'ann/a', elsewhere)).toBe(true);
      });

      test('is forgotten when it was not written for 30 days, by so many at once', async () => {
        await write('a', 0n);
        await write('b', 0n, 'ann/others');
        await forgetOld(store, NOW_MS + GROUPS_KEPT_MS);
        expect(await read()).toEqual(['a', 1n]);
        const laterMs = NOW_MS + 1;
        await store.writeGroup('acme', 'ann/others', {
          ...{ state: bytesOf('c'), version: 1n },
          nowMs: laterMs,
        });
        await forgetOld(store, laterMs + GROUPS_KEPT_MS);
        expect(await read()).toEqual(['', 0n]);
        expect(await read('ann/others')).toEqual(['c', 2n]);
        await write('a', 0n);
        expect(await store.forgetGroups(laterMs + 1, 1)).toBe(1);
        expect(await store.forgetGroups(laterMs + 1, 1)).toBe(1);
        expect(await store.forgetGroups(laterMs + 1, 1)).toBe(0);
      });
    });

    describe('what is kept', () => {
      test('is what is not too old; positions go on where they were', async () => {
        await append(requestOf(['a', 'b']), NOW_MS - EVENTS_KEPT_MS - 1);
        await append(requestOf(['c']), NOW_MS - EVENTS_KEPT_MS);
        await append(requestOf(['z'], { tenant: 'zeta' }), NOW_MS);
        await forgetOld(store, NOW_MS);
        expect(await store.state('acme')).toEqual({ first: 3n, head: 3n, epoch: 'e' });
        expect(await store.state('zeta')).toEqual({ first: 1n, head: 1n, epoch: 'e' });
        await forgetOld(store, NOW_MS + 1);
        expect(await store.state('acme')).toEqual({ first: 4n, head: 3n, epoch: 'e' });
        expect(await sizeOf('acme')).toBe(0);
        expect(await everything('acme', 3n)).toEqual([]);
        expect(await publish('d')).toMatchObject({ position: 4n });
        expect(idsOf(await everything('acme', 3n))).toEqual(['d']);
        expect(await store.state('acme')).toEqual({ first: 4n, head: 4n, epoch: 'e' });
      });

      test('is no more than so many bytes of each tenant', async () => {
        const { bytes } = await publish('a');
        await publish('b', 'c', 'd');
        await append(requestOf(['z'], { tenant: 'zeta' }));
        const retention = { beforeMs: 0, maxBytes: 2 * bytes };
        expect(await sizeOf('acme')).toBe(4 * bytes);
        expect(await store.beyond(retention)).toEqual(['acme']);
        expect(await store.prune('acme', retention, 10)).toBe(2);
        expect(await sizeOf('acme')).toBe(2 * bytes);
        expect(idsOf(await everything('acme', 2n))).toEqual(['c', 'd']);
        expect(await store.beyond(retention)).toEqual([]);
      });

      test('is as much as is set', async () => {
        const { bytes } = await publish('a');
        await publish('b', 'c');
        await forgetOld(store, NOW_MS + 10, { keptMs: 10, maxBytes: 2 * bytes });
        expect(await store.state('acme')).toMatchObject({ first: 2n, head: 3n });
        await forgetOld(store, NOW_MS + 11, { keptMs: 10, maxBytes: 2 * bytes });
        expect(await store.state('acme')).toMatchObject({ first: 4n, head: 3n });
      });

      test('of logs in which routers tell each other things goes by their own retention', async () => {
        const [stream, lasting] = [`${MCP_STREAM_LOGS}a`, MCP_MESSAGES_LOG];
        const { keptMs } = internalRetentionOf(stream) ?? expect.unreachable();
        expect(internalRetentionOf(lasting)?.keptMs).toBe(keptMs);
        for (const tenant of [stream, lasting]) {
          await append(requestOf(['a'], { tenant }), NOW_MS - 1);
          await append(requestOf(['b'], { tenant }), NOW_MS);
        }
        // Settings say nothing of them.
        await forgetOld(store, NOW_MS + keptMs - 1, { keptMs: 1, maxBytes: 1 });
        for (const tenant of [stream, lasting]) {
          expect(await store.state(tenant)).toMatchObject({ first: 1n, head: 2n });
        }
        await forgetOld(store, NOW_MS + keptMs);
        for (const tenant of [stream, lasting]) {
          expect(await store.state(tenant)).toMatchObject({ first: 2n, head: 2n });
        }
        await forgetOld(store, NOW_MS + keptMs + 1);
        expect(await store.state(lasting)).toMatchObject({ first: 3n, head: 2n });
        // One that passes is gone whole, as if it had never been.
        expect(await store.state(stream)).toMatchObject({ first: 1n, head: 0n });
        expect(await sizeOf(stream)).toBeUndefined();
      });

      test('says of whose logs something is too old', async () => {
        await append(requestOf(['a']), NOW_MS);
        await append(requestOf(['b'], { tenant: 'zeta' }), NOW_MS + 1);
        const before = (beforeMs: number) => store.beyond({ ...KEEP_ALL, beforeMs });
        expect(await before(NOW_MS)).toEqual([]);
        expect(await before(NOW_MS + 1)).toEqual(['acme']);
        expect(await before(NOW_MS + 2)).toEqual(['acme', 'zeta']);
        expect(await store.prune('acme', { ...KEEP_ALL, beforeMs: NOW_MS + 2 }, 10)).toBe(1);
        expect(await before(NOW_MS + 2)).toEqual(['zeta']);
        expect(await store.prune('nobody', KEEP_ALL, 10)).toBe(0);
      });

      test('goes while others append, and nothing of theirs with it', async () => {
        const write = async (by: EventStore) => {
          for (let at = 0; at < 50; at += 1) await by.append([requestOf(['n'])], NOW_MS);
        };
        await append(requestOf(Array.from({ length: 100 }, () => 'o')), NOW_MS - 1);
        const forget = async () => {
          const retention = { ...KEEP_ALL, beforeMs: NOW_MS };
          while ((await other.prune('acme', retention, 10)) === 10);
        };
        await Promise.all([write(store), write(other), forget()]);
        expect(await store.state('acme')).toEqual({ first: 101n, head: 200n, epoch: 'e' });
        expect(idsOf(await everything('acme', 100n))).toEqual(Array(100).fill('n'));
      });
    });
  });
}

/** Reads while it is written: what is passed over once would never be read. */
async function readAlong(store: EventStore, written: AbortSignal): Promise<StoredEvent[]> {
  const found: StoredEvent[] = [];
  for (;;) {
    const wasWritten = written.aborted;
    const more = await store.after('acme', found.at(-1)?.position ?? 0n, ALL);
    found.push(...more);
    if (wasWritten && more.length === 0) return found;
  }
}
