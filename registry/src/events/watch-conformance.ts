import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TestDatabase } from './test-events.ts';
import { createWatchDuties, type WatchDuties, type WatchName } from './watches.ts';

const NOW_MS = Date.parse('2026-06-01T00:00:00Z');
const LEASE_MS = 10_000;
const nameOf = (provider: string, tenant = 'acme'): WatchName => ({ tenant, provider });
const [docs, wiki] = [nameOf('docs'), nameOf('wiki')];

/** What the duties to watch do on every database. Opens an empty one for the suite. */
export function describeWatchDuties(name: string, open: () => Promise<TestDatabase>): void {
  describe(`duties to watch on ${name}`, () => {
    let database: TestDatabase;
    let one: WatchDuties;
    let other: WatchDuties;
    beforeAll(async () => {
      database = await open();
      one = createWatchDuties(database.one.db);
      other = createWatchDuties(database.other.db);
    });
    beforeEach(() => database.one.db.execute(sql.raw('delete from event_watches')));
    afterAll(() => database?.[Symbol.asyncDispose]());

    const claim = (holder: string, nowMs = NOW_MS) => ({
      ...{ holder, nowMs, expireMs: nowMs + LEASE_MS },
    });
    const heldOf = async (duties: WatchDuties, names: WatchName[], holder: string, at = NOW_MS) =>
      (await duties.hold(names, claim(holder, at))).map(({ held }) => held);

    test('are of one router at a time, until its lease is over', async () => {
      expect(await heldOf(one, [docs, wiki], 'a')).toEqual([true, true]);
      const later = NOW_MS + 4_000;
      expect(await other.hold([docs], claim('b', later))).toEqual([
        { held: false, expireMs: NOW_MS + LEASE_MS },
      ]);
      expect(await heldOf(one, [docs, wiki], 'a', later)).toEqual([true, true]);
      expect(await heldOf(other, [docs], 'b', later + LEASE_MS - 1)).toEqual([false]);
      expect(await heldOf(other, [docs], 'b', later + LEASE_MS)).toEqual([true]);
      expect(await heldOf(one, [docs], 'a', later + LEASE_MS)).toEqual([false]);
    });

    test('that are not asked for again are given up', async () => {
      await one.hold([docs, wiki, nameOf('docs', 'zeta')], claim('a'));
      await one.hold([wiki], claim('a', NOW_MS + 1));
      const all = [wiki, docs, nameOf('docs', 'zeta')];
      expect(await heldOf(other, all, 'b', NOW_MS + 1)).toEqual([false, true, true]);
      expect(await one.hold([], claim('a', NOW_MS + 2))).toEqual([]);
      expect(await heldOf(other, [wiki], 'b', NOW_MS + 2)).toEqual([true]);
    });

    test('come with the place that their holder noted, and nobody else', async () => {
      const nothing = { held: true, place: { run: '', cursor: '' } };
      expect(await one.hold([docs], claim('a'))).toEqual([nothing]);
      const place = { run: 'r', cursor: 'ü/7' };
      expect(await one.move(docs, 'a', { run: 'r', cursor: '', nowMs: NOW_MS })).toBe(true);
      expect(await one.state(docs, NOW_MS)).toEqual({ holder: 'a', moveTime: undefined });
      expect(await one.move(docs, 'a', { ...place, nowMs: NOW_MS + 5 })).toBe(true);
      expect(await other.move(docs, 'b', { run: 'x', cursor: 'y', nowMs: NOW_MS })).toBe(false);
      expect(await one.move(wiki, 'a', { ...place, nowMs: NOW_MS })).toBe(false);
      const later = NOW_MS + LEASE_MS;
      expect(await other.hold([docs], claim('b', later))).toEqual([{ held: true, place }]);
      expect(await one.move(docs, 'a', { run: 'r', cursor: '8', nowMs: later })).toBe(false);
      expect(await other.state(docs, later)).toEqual({
        ...{ holder: 'b', moveTime: new Date(NOW_MS + 5) },
      });
      expect(await other.state(docs, later + LEASE_MS)).toMatchObject({ holder: '' });
      expect(await other.state(wiki, later)).toEqual({ holder: '', moveTime: undefined });
    });

    test('are taken by one of many who ask at once', async () => {
      const names = Array.from({ length: 50 }, (_, index) => nameOf(`p${index}`));
      const asked = Array.from({ length: 10 }, (_, index) => {
        const turned = [...names.slice(5 * index), ...names.slice(0, 5 * index)];
        return (index % 2 ? one : other).hold(turned, claim(`h${index}`));
      });
      const answers = (await Promise.all(asked)).flat();
      expect(answers.filter(({ held }) => held)).toHaveLength(50);
    });

    test('are forgotten when nobody had them for long', async () => {
      await one.hold([docs], claim('a'));
      await one.hold([docs, wiki], claim('a', NOW_MS + 1));
      await one.hold([wiki], claim('a', NOW_MS + 2));
      expect(await one.forget(NOW_MS + 2, 10)).toBe(0);
      expect(await one.forget(NOW_MS + 3, 10)).toBe(1);
      expect(await heldOf(other, [docs, wiki], 'b', NOW_MS + 3)).toEqual([true, false]);
    });
  });
}
