import { createHash, randomUUID } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { reasonOf } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { EventSchema } from '@weir/sdk/gen/weir/events/v1/events_pb';
import { type StoredEvent, StoredEventSchema } from '@weir/sdk/gen/weir/events/v1/log_pb';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Appending, EventLog, Followed } from './event-log.ts';

/** Logs as two routers have them, and what can become of them. */
export interface LogWorld extends AsyncDisposable {
  readonly one: EventLog;
  readonly other: EventLog;
  /** Cuts the first router off from the logs, and lets it back. */
  cut(): void;
  mend(): void;
  /** Forgets the oldest events of a tenant, all but so many; they are all of one size. */
  forget(tenant: string, kept: number): Promise<void>;
}

const patient = { timeout: 20_000 };
const never = new AbortController().signal;

/** A request of one publisher, with as many events as names. */
export function appendingOf(
  tenant: string,
  ids: readonly string[],
  more: Partial<Appending> = {},
): Appending {
  const events = ids.map((id) => create(EventSchema, { id, topic: 'page.updated', key: 'a' }));
  const fingerprint = new Uint8Array(createHash('sha256').update(ids.join()).digest());
  return { tenant, publisher: 'ann', events, idempotencyKey: '', fingerprint, ...more };
}

/** What a router hears of a log. */
export function followerOf(log: EventLog, tenant: string, after = 0n) {
  const stop = new AbortController();
  const messages = log.follow(tenant, after, stop.signal)[Symbol.asyncIterator]();
  const next = async (): Promise<Followed> => {
    const { value, done } = await messages.next();
    return done ? expect.unreachable('it ended') : value;
  };
  return {
    next,
    /** The next events, so many at least. */
    async take(count: number): Promise<StoredEvent[]> {
      const events: StoredEvent[] = [];
      while (events.length < count) events.push(...(await next()).events);
      return events;
    },
    stop: () => stop.abort(),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await messages.return?.().catch(() => {});
    },
  };
}

export const idsOf = (events: readonly StoredEvent[]) => events.map(({ event }) => event?.id);
export const refusalOf = (promise: Promise<unknown>) =>
  promise.then(() => 'nothing was refused', reasonOf);

/** What the logs of events do, wherever they are kept. Opens them for the suite. */
export function describeEventLog(name: string, open: () => Promise<LogWorld>): void {
  describe(`the logs of events in ${name}`, () => {
    let world: LogWorld;
    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world?.[Symbol.asyncDispose]());

    const publish = (tenant: string, ids: readonly string[], more: Partial<Appending> = {}) =>
      world.one.append(appendingOf(tenant, ids, more), never);

    test('give positions from 1 without gaps, and events as they were', async () => {
      const tenant = randomUUID();
      expect(await world.one.state(tenant, never)).toMatchObject({ first: 1n, head: 0n });
      const beganMs = Date.now();
      const first = await publish(tenant, ['a', 'b']);
      expect(first).toMatchObject({ position: 2n, ids: ['a', 'b'] });
      const refs = [{ type: 'Page', key: 'home' }];
      const event = create(EventSchema, {
        id: 'c',
        topic: 't',
        data: new Uint8Array([0, 255]),
        refs,
      });
      const { epoch } = await world.other.append(
        appendingOf(tenant, [], { events: [event] }),
        never,
      );
      expect(epoch).toBe(first.epoch);
      expect(await world.other.state(tenant, never)).toMatchObject({ first: 1n, head: 3n, epoch });
      await using follower = followerOf(world.one, tenant);
      const found = await follower.take(3);
      expect(found.map(({ position }) => position)).toEqual([1n, 2n, 3n]);
      expect(idsOf(found)).toEqual(['a', 'b', 'c']);
      const last = found[2];
      expect(last?.publisher).toBe('ann');
      expect(last?.event && toBinary(EventSchema, last.event)).toEqual(
        toBinary(EventSchema, event),
      );
      const publishedMs = last?.publishTime ? timestampMs(last.publishTime) : 0;
      expect(Math.abs(publishedMs - beganMs)).toBeLessThan(60_000);
    });

    test('of tenants have nothing in common, whatever their names are', async () => {
      const own = randomUUID();
      const tenants = [own, `${own}:log`, `${own}%3Alog`, `${own}:`, `${own} é💡`, `${own}/*`];
      for (const tenant of tenants) await publish(tenant, [tenant, 'last']);
      for (const tenant of tenants) {
        await using follower = followerOf(world.other, tenant);
        expect(idsOf(await follower.take(2))).toEqual([tenant, 'last']);
      }
    });

    test('by 8 writers of two routers are whole and in order, for who follows meanwhile', async () => {
      const tenant = randomUUID();
      await using live = followerOf(world.other, tenant);
      const told = new Map<string, bigint>();
      const write = async (writer: number) => {
        const log = writer % 2 === 0 ? world.one : world.other;
        for (let at = 0; at < 100; at += 5) {
          const ids = Array.from({ length: 5 }, (_, index) => `${writer}/${at + index}`);
          const { position } = await log.append(appendingOf(tenant, ids), never);
          for (const [index, id] of ids.entries()) told.set(id, position - BigInt(4 - index));
        }
      };
      const reading = live.take(800);
      await Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)));
      const found = await reading;
      expect(found.map(({ position }) => position)).toEqual(
        Array.from({ length: 800 }, (_, index) => BigInt(index + 1)),
      );
      expect(new Map(found.map(({ event, position }) => [event?.id, position]))).toEqual(told);
      for (let writer = 0; writer < 8; writer++) {
        const own = idsOf(found).filter((id) => id?.startsWith(`${writer}/`));
        expect(own).toEqual(Array.from({ length: 100 }, (_, index) => `${writer}/${index}`));
      }
    });

    test('take a request once: again it has the same answer, by whichever router', async () => {
      const tenant = randomUUID();
      const keyed = appendingOf(tenant, ['a', 'b'], { idempotencyKey: '"k" 1:é' });
      const first = await world.one.append(keyed, never);
      await publish(tenant, ['c']);
      const renamed = { ...keyed, events: appendingOf(tenant, ['x', 'y']).events };
      expect(await world.other.append(renamed, never)).toMatchObject({
        ...{ position: first.position, ids: ['a', 'b'], epoch: first.epoch },
      });
      const otherwise = { ...keyed, fingerprint: new Uint8Array(32) };
      expect(await refusalOf(world.other.append(otherwise, never))).toBe(Reason.ALREADY_EXISTS);
      const byBob = { ...keyed, publisher: 'bob' };
      expect(await world.one.append(byBob, never)).toMatchObject({ position: 5n });
      const without = { ...keyed, idempotencyKey: '' };
      expect(await world.one.append(without, never)).toMatchObject({ position: 7n });
      const both = { ...keyed, idempotencyKey: 'k2' };
      const [one, other] = await Promise.all([
        world.one.append(both, never),
        world.other.append(both, never),
      ]);
      expect([one?.position, other?.position]).toEqual([9n, 9n]);
      expect(await world.one.state(tenant, never)).toMatchObject({ head: 9n });
    });

    test('take several requests in their order, each once', async () => {
      const tenant = randomUUID();
      const known = { idempotencyKey: 'k' };
      const requests = [
        appendingOf(tenant, ['a', 'b'], known),
        appendingOf(tenant, ['c']),
        appendingOf(tenant, ['d', 'e']),
      ];
      await world.one.appendInOrder(requests, never);
      const other = appendingOf(tenant, ['x'], known);
      const more = [appendingOf(tenant, ['a', 'b'], known), other, appendingOf(tenant, ['f'])];
      expect(await refusalOf(world.other.appendInOrder(more, never))).toBe(Reason.ALREADY_EXISTS);
      await using follower = followerOf(world.other, tenant);
      expect(idsOf(await follower.take(6))).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
      expect((await world.one.state(tenant, never)).head).toBe(6n);
    });

    test('take no request without events, and none that nobody waits for', async () => {
      const tenant = randomUUID();
      expect(await refusalOf(publish(tenant, []))).toBe(Reason.BATCH_EMPTY);
      const gone = AbortSignal.abort(new Error('gone'));
      await expect(world.one.append(appendingOf(tenant, ['a']), gone)).rejects.toThrow();
      await expect(world.one.state(tenant, gone)).rejects.toThrow();
    });

    test('are followed from their beginning, from the middle and from the end', async () => {
      const tenant = randomUUID();
      await publish(tenant, ['a', 'b', 'c']);
      await using all = followerOf(world.one, tenant);
      await using rest = followerOf(world.other, tenant, 2n);
      await using coming = followerOf(world.other, tenant, 3n);
      expect(idsOf(await all.take(3))).toEqual(['a', 'b', 'c']);
      expect(idsOf(await rest.take(1))).toEqual(['c']);
      const { events, epoch } = await coming.next();
      expect([events, epoch]).toEqual([[], (await world.one.state(tenant, never)).epoch]);
      await publish(tenant, ['d', 'e']);
      for (const one of [all, rest, coming]) expect(idsOf(await one.take(2))).toEqual(['d', 'e']);
    });

    test('tell what comes at once, and something every second', async () => {
      const tenant = randomUUID();
      await publish(tenant, ['a']);
      await using follower = followerOf(world.other, tenant, 1n);
      await follower.next();
      const tookMs: number[] = [];
      for (let at = 0; at < 15; at++) {
        const heard = follower.take(1);
        await publish(tenant, [`${at}`]);
        const began = performance.now();
        await heard;
        tookMs.push(performance.now() - began);
      }
      // Who only looked now and then would take half a second.
      expect(tookMs.sort((a, b) => a - b)[7]).toBeLessThan(300);
      const began = performance.now();
      expect((await follower.next()).events).toEqual([]);
      expect(performance.now() - began).toBeLessThan(5_000);
    });

    test('come in messages of bounded size, however large the events are', async () => {
      const tenant = randomUUID();
      const data = new Uint8Array(200 * 1024).fill(7);
      const large = (id: string) => create(EventSchema, { id, topic: 't', data });
      for (const id of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
        await publish(tenant, [], { events: [large(`${id}1`), large(`${id}2`)] });
      }
      await publish(
        tenant,
        Array.from({ length: 300 }, (_, at) => `${at}`),
      );
      await using follower = followerOf(world.one, tenant);
      let count = 0;
      while (count < 314) {
        const { events } = await follower.next();
        count += events.length;
        const bytes = events.reduce((sum, one) => sum + toBinary(StoredEventSchema, one).length, 0);
        expect(bytes).toBeLessThan(1024 * 1024 + 300 * 1024);
        expect(events.length).toBeLessThanOrEqual(256);
      }
    });

    test('forget the oldest; who goes on from before is refused', async () => {
      const tenant = randomUUID();
      for (const id of ['a', 'b', 'c', 'd', 'e']) await publish(tenant, [id]);
      await using follower = followerOf(world.other, tenant, 5n);
      await follower.next();
      await world.forget(tenant, 2);
      expect(await world.one.state(tenant, never)).toMatchObject({ first: 4n, head: 5n });
      for (const position of [0n, 2n]) {
        await using late = followerOf(world.one, tenant, position);
        expect(await refusalOf(late.next())).toBe(Reason.CURSOR_TOO_OLD);
      }
      await using kept = followerOf(world.one, tenant, 3n);
      expect(idsOf(await kept.take(2))).toEqual(['d', 'e']);
      await world.forget(tenant, 0);
      expect(await world.one.state(tenant, never)).toMatchObject({ first: 6n, head: 5n });
      expect(await publish(tenant, ['f'])).toMatchObject({ position: 6n });
      expect(idsOf(await follower.take(1))).toEqual(['f']);
      expect(await world.one.state(tenant, never)).toMatchObject({ first: 6n, head: 6n });
    });

    test('refuse who goes on from where they never were', async () => {
      const tenant = randomUUID();
      await publish(tenant, ['a']);
      for (const [of, position] of [
        [tenant, 2n],
        [randomUUID(), 1n],
        [tenant, 2n ** 63n],
      ] as const) {
        await using follower = followerOf(world.one, of, position);
        expect(await refusalOf(follower.next())).toBe(Reason.CURSOR_TOO_OLD);
      }
    });

    test('leave who follows when it is told to', async () => {
      const tenant = randomUUID();
      await using follower = followerOf(world.one, tenant);
      await follower.next();
      const began = performance.now();
      const waiting = follower.next().catch(() => 'it ended');
      follower.stop();
      await waiting;
      expect(performance.now() - began).toBeLessThan(5_000);
    });

    test('keep what is known of groups, written by one router at a time', async () => {
      const tenant = randomUUID();
      const none = { state: new Uint8Array(), version: 0n };
      expect(await world.one.readGroup(tenant, 'g', never)).toMatchObject(none);
      const state = new Uint8Array([32, 0, 255, 10]);
      const first = { state, version: 0n };
      const written = await Promise.all(
        [world.one, world.other].map((log) => log.writeGroup(tenant, 'g', first, never)),
      );
      expect(written.toSorted()).toEqual([false, true]);
      const { version } = await world.other.readGroup(tenant, 'g', never);
      expect(version).toBe(1n);
      expect(await world.one.writeGroup(tenant, 'g', { state, version }, never)).toBe(true);
      const over = { state: new Uint8Array([1]), version };
      expect(await world.other.writeGroup(tenant, 'g', over, never)).toBe(false);
      const held = await world.other.readGroup(tenant, 'g', never);
      expect([[...held.state], held.version]).toEqual([[...state], 2n]);
      expect(await world.one.readGroup(tenant, 'h', never)).toMatchObject(none);
      expect(await world.one.readGroup(randomUUID(), 'g', never)).toMatchObject(none);
    });

    test('that cannot be reached are refused, and are as they were when they can', async () => {
      const tenant = randomUUID();
      await publish(tenant, ['a']);
      await using follower = followerOf(world.one, tenant, 1n);
      await follower.next();
      world.cut();
      const keyed = appendingOf(tenant, ['b'], { idempotencyKey: 'k' });
      expect(await refusalOf(follower.take(1))).toBe(Reason.EVENTS_UNAVAILABLE);
      await vi.waitFor(async () => {
        expect(await refusalOf(world.one.append(keyed, never))).toBe(Reason.EVENTS_UNAVAILABLE);
        expect(await refusalOf(world.one.state(tenant, never))).toBe(Reason.EVENTS_UNAVAILABLE);
        expect(await refusalOf(world.one.readGroup(tenant, 'g', never))).toBe(
          Reason.EVENTS_UNAVAILABLE,
        );
      }, patient);
      await world.other.append(appendingOf(tenant, ['c']), never);
      world.mend();
      await vi.waitFor(() => world.one.append(keyed, never), patient);
      const { head } = await world.other.state(tenant, never);
      await using again = followerOf(world.one, tenant, 1n);
      // What was on its way when the way was cut may have been committed, but never twice.
      expect(idsOf(await again.take(Number(head) - 1)).toSorted()).toEqual(['b', 'c']);
    });
  });
}
