import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { verifyJournal } from '@weir/journal';
import type { Clock } from '@weir/kit';
import type { ExportChainsResponse } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { DropReason } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { ShipEntriesRequestSchema } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Driver } from '../../store/driver.ts';
import { type AuditStore, createAuditStore } from '../audit-store.ts';
import type { Found, RecordPlace } from '../find.ts';
import { scanRecords } from '../scan.ts';
import { createSeals } from '../seals.ts';
import { allRecords, matched, type RecordMatch, timeMsOf } from '../terms.ts';
import { beginChain, type CallInit, type TestChain } from '../test-chain.ts';

const NOW_MS = Date.parse('2026-06-01T00:00:00Z');
const DAY_MS = 86_400_000;
const TABLES = ['chains', 'anchors', 'headers', 'chunks', 'drops', 'faults', 'gaps'];

const signal = new AbortController().signal;
const call = (tenant: string, at: number, more: CallInit = {}): CallInit => ({
  requestId: `r${at}`,
  time: timestampFromMs(NOW_MS + at),
  tenant,
  principal: 'user:ann',
  method: 'weir.router.v1.RouterService/FetchContext',
  ...more,
});

/** What the store of records does on every database. Opens an empty one for the suite. */
export function describeAuditStore(name: string, openDriver: () => Promise<Driver>): void {
  describe(`store of records on ${name}`, () => {
    let driver: Driver;
    let audit: AuditStore;
    let nowMs = NOW_MS;
    const clock: Clock = { wallMs: () => nowMs, monotonicMs: () => nowMs };

    beforeAll(async () => {
      driver = await openDriver();
      audit = createAuditStore(driver.db, createSeals(new Uint8Array(32).fill(7)), clock);
    });
    beforeEach(async () => {
      nowMs = NOW_MS;
      for (const table of TABLES) await driver.db.execute(sql.raw(`delete from audit_${table}`));
    });
    afterAll(() => driver?.[Symbol.asyncDispose]());

    const ship = (of: TestChain, first: number, end = of.entries.length) =>
      audit.ship(
        create(ShipEntriesRequestSchema, {
          chain: of.chain.id,
          first: BigInt(first),
          entries: of.entries.slice(first, end),
        }),
      );
    const opened = async (of: TestChain): Promise<TestChain> => {
      expect(await audit.openChain(of.chain)).toEqual({ kind: 'taken', shipped: 0 });
      return of;
    };
    const exported = async (): Promise<ExportChainsResponse[]> => {
      const query = { fromMs: 0, toMs: NOW_MS * 2, entries: true };
      return await Array.fromAsync(audit.chains(query));
    };
    /** What an auditor finds. */
    const faults = async (): Promise<string[]> => {
      const parts = await exported();
      async function* all() {
        yield* parts;
      }
      const verified = await verifyJournal({ parts: all() });
      return verified.faults.map(({ position, text }) => `${position}: ${text}`);
    };
    /** What the registry itself found wrong. */
    const noted = async (): Promise<string[]> =>
      (await exported()).flatMap(({ part }) =>
        part.case === 'fault' ? [`${part.value.position}: ${part.value.text}`] : [],
      );
    const everything = async (
      match: RecordMatch,
      order: 'newest' | 'oldest' = 'newest',
      size = 7,
    ) => {
      const found: Found[] = [];
      let after: RecordPlace | undefined;
      do {
        const part = await audit.find({ match, order, size, after }, signal);
        found.push(...part.records);
        after = part.next;
      } while (after);
      return found;
    };
    const all = (tenant: string) => allRecords(tenant, 0, NOW_MS * 2);

    describe('what routers send', () => {
      test('is taken in once, however often and in whatever order it comes', async () => {
        const chain = await opened(beginChain(NOW_MS));
        for (let at = 0; at < 9; at += 1) chain.addCall(call('acme', at));
        expect(await ship(chain, 4)).toEqual({ kind: 'taken', shipped: 0 });
        expect(await ship(chain, 0, 4)).toEqual({ kind: 'taken', shipped: 4 });
        expect(await ship(chain, 0, 4)).toEqual({ kind: 'taken', shipped: 4 });
        expect(await ship(chain, 2, 7)).toEqual({ kind: 'taken', shipped: 7 });
        expect(await ship(chain, 8)).toEqual({ kind: 'taken', shipped: 7 });
        expect(await ship(chain, 7)).toEqual({ kind: 'taken', shipped: 10 });
        expect(await audit.openChain(chain.chain)).toEqual({ kind: 'taken', shipped: 10 });
        const found = await everything(all('acme'));
        expect(found.map(({ position }) => position)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
        const [first] = await audit.withHashes(found.slice(0, 1));
        expect(first?.hash).toEqual(new Uint8Array(chain.head()));
        expect(await faults()).toEqual([]);
      });

      test('of a chain that is not known is not taken in', async () => {
        const chain = beginChain(NOW_MS);
        expect(await ship(chain, 0)).toEqual({ kind: 'unknown' });
        expect(await audit.anchor(chain.anchor())).toEqual({ kind: 'unknown' });
      });

      test('is refused and noted when it contradicts what is held', async () => {
        const chain = await opened(beginChain(NOW_MS));
        chain.addCall(call('acme', 1));
        chain.addCall(call('acme', 2));
        await ship(chain, 0, 2);
        const other = beginChain(NOW_MS, { id: chain.chain.id });
        other.addCall(call('acme', 1, { principal: 'user:eve' }));
        other.addCall(call('acme', 2));
        expect(await ship(other, 0)).toMatchObject({ kind: 'contradicts', fault: { position: 0 } });
        expect(await ship(other, 2)).toMatchObject({ kind: 'contradicts', fault: { position: 1 } });
        expect(await audit.openChain(other.chain)).toMatchObject({ kind: 'contradicts' });
        expect(await ship(chain, 2)).toEqual({ kind: 'taken', shipped: 3 });
        expect(await noted()).toHaveLength(3);
        expect(await faults()).toHaveLength(1);
      });

      test('may lack the end of what was shipped, which is noted', async () => {
        const chain = await opened(beginChain(NOW_MS));
        for (let at = 0; at < 4; at += 1) chain.addCall(call('acme', at));
        await ship(chain, 0);
        const link = {
          previousId: chain.chain.id,
          previousHead: chain.head(3),
          previousLength: 3n,
        };
        await opened(beginChain(NOW_MS + 1, link));
        expect(await noted()).toContain(
          '3: its router began anew and found fewer entries than it had told of',
        );
      });
    });

    describe('what a database has lost and its router has deleted', () => {
      let chain: TestChain;
      const shipBehind = (of: TestChain, first: number, end = of.entries.length) =>
        audit.ship(
          create(ShipEntriesRequestSchema, {
            chain: of.chain.id,
            first: BigInt(first),
            entries: of.entries.slice(first, end),
            goneHead: new Uint8Array(of.head(first)),
          }),
        );
      beforeEach(async () => {
        chain = await opened(beginChain(NOW_MS));
        for (let at = 0; at < 30; at += 1) {
          chain.addCall(call('acme', at));
          if (at % 10 === 9) chain.addCheckpoint();
        }
        await ship(chain, 0, 5);
      });

      test('is noted, with its range, and what follows is taken in and verified', async () => {
        const lost = { chain: chain.chain.id, first: 5, count: 7 };
        expect(await shipBehind(chain, 12, 20)).toEqual({ kind: 'taken', shipped: 20, lost });
        expect(await shipBehind(chain, 12, 20)).toEqual({ kind: 'taken', shipped: 20 });
        expect(await ship(chain, 7, 25)).toEqual({ kind: 'taken', shipped: 25 });
        expect(await ship(chain, 25)).toEqual({ kind: 'taken', shipped: 34 });
        expect(await faults()).toEqual([
          expect.stringMatching(/^5: entries 5 to 11 are lost: .* on 2026-06-01T/),
        ]);
        expect(await everything(all('acme'))).toHaveLength(30 - 6);
        await audit.merge(signal);
        await audit.anchor(chain.anchor());
        expect(await faults()).toHaveLength(1);
      });

      test('can lie at the beginning of a chain, and in several places', async () => {
        const other = await opened(beginChain(NOW_MS + 1));
        for (let at = 0; at < 9; at += 1) other.addCall(call('bolt', at));
        await shipBehind(other, 3, 5);
        await shipBehind(other, 8);
        expect((await faults()).map((text) => text.slice(0, 16))).toEqual([
          '0: entries 0 to ',
          '5: entries 5 to ',
        ]);
        expect(await everything(all('bolt'))).toHaveLength(4);
      });

      test('hides no other fault', async () => {
        await shipBehind(chain, 12);
        await driver.db.execute(sql`delete from audit_chunks where first = 12`);
        expect(await faults()).toEqual([expect.stringContaining('are lost'), removed(12)]);
      });

      test('is what the router says that deleted it, and not what is only ahead', async () => {
        expect(await ship(chain, 12)).toEqual({ kind: 'taken', shipped: 5 });
        expect(await faults()).toEqual([]);
      });

      test('contradicts anchors when it should', async () => {
        await audit.anchor(chain.anchor(12));
        const forged = create(ShipEntriesRequestSchema, {
          ...{ chain: chain.chain.id, first: 12n, entries: chain.entries.slice(12) },
          goneHead: new Uint8Array(32).fill(1),
        });
        expect(await audit.ship(forged)).toMatchObject({ kind: 'contradicts' });
        expect(await shipBehind(chain, 12)).toMatchObject({ kind: 'taken', shipped: 34 });
        const twin = beginChain(NOW_MS, { id: chain.chain.id });
        for (let at = 0; at < 30; at += 1) twin.addCall(call('acme', at));
        expect(await audit.anchor(chain.anchor(9, NOW_MS - 1))).toMatchObject({ kind: 'taken' });
        expect(await audit.anchor({ ...chain.anchor(12), head: twin.head(12) })).toMatchObject({
          kind: 'contradicts',
        });
      });

      test('can be the rest of a chain, of which its router has nothing any more', async () => {
        const previousHead = new Uint8Array(chain.head());
        const link = { previousId: chain.chain.id, previousHead, previousLength: 34n };
        const next = beginChain(NOW_MS + 1, link);
        expect(await audit.openChain(next.chain)).toEqual({ kind: 'taken', shipped: 0 });
        const lost = { chain: chain.chain.id, first: 5, count: 29 };
        for (const one of [{ lost }, {}]) {
          const taken = await audit.openChain(next.chain, { previousGone: true });
          expect(taken).toEqual({ kind: 'taken', shipped: 0, ...one });
        }
        await ship(next, 0);
        expect(await faults()).toEqual([expect.stringContaining('5: entries 5 to 33 are lost')]);
      });

      test('is forgotten when its time is over', async () => {
        await shipBehind(chain, 12, 20);
        await audit.dropOlder('acme', NOW_MS + DAY_MS);
        await audit.prune(NOW_MS + DAY_MS);
        await ship(chain, 20);
        expect(await faults()).toEqual([]);
        const counted = await driver.db.execute(sql`select * from audit_gaps`);
        expect((counted as unknown as { rows: unknown[] }).rows).toEqual([]);
      });

      test('cannot be said by who may write to the database and has no secret', async () => {
        await ship(chain, 5, 12);
        await ship(chain, 12);
        await driver.db.execute(sql`delete from audit_headers where first = 5`);
        await driver.db.execute(sql`
          insert into audit_gaps (chain, first, "end", head, find_time, seal)
          values (${chain.chain.id}, 5, 12, ${Buffer.from(chain.head(12))}, now(), ${Buffer.alloc(32)})`);
        expect(await faults()).toEqual(['5: entries 5 to 11 are missing']);
      });
    });

    describe('an anchor', () => {
      let chain: TestChain;
      beforeEach(async () => {
        chain = await opened(beginChain(NOW_MS));
        for (let at = 0; at < 5; at += 1) chain.addCall(call('acme', at));
      });

      test('is kept, once in a minute when its entries are there', async () => {
        await ship(chain, 0);
        for (let length = 1; length <= 6; length += 1) {
          const taken = await audit.anchor(chain.anchor(length, NOW_MS + length * 1000));
          expect(taken).toEqual({ kind: 'taken', shipped: 6 });
        }
        await audit.anchor(chain.anchor(6, NOW_MS + 70_000));
        const anchors = (await exported()).filter(({ part }) => part.case === 'anchor');
        expect(anchors.map(({ part }) => part.case === 'anchor' && part.value.length)).toEqual([
          6n,
        ]);
        expect(await faults()).toEqual([]);
      });

      test('ahead of its entries binds those that come', async () => {
        await ship(chain, 0, 2);
        await audit.anchor(chain.anchor(4));
        const other = beginChain(NOW_MS, { id: chain.chain.id });
        const { entries } = chain;
        const forged = create(ShipEntriesRequestSchema, {
          chain: chain.chain.id,
          first: 2n,
          entries: [entries[2], other.entries[0]].flatMap((one) => (one ? [one] : [])),
        });
        expect(await audit.ship(forged)).toMatchObject({ kind: 'contradicts' });
        expect(await ship(chain, 2)).toEqual({ kind: 'taken', shipped: 6 });
      });

      test('is refused when its signature is wrong', async () => {
        const forged = { ...chain.anchor(), length: 5n };
        expect(await audit.anchor(forged)).toMatchObject({ kind: 'contradicts' });
      });

      test('is refused when it contradicts entries, another one, or goes back', async () => {
        const twin = beginChain(NOW_MS, { id: chain.chain.id });
        for (let at = 0; at < 5; at += 1) twin.addCall(call('acme', at, { principal: 'user:eve' }));
        await ship(chain, 0, 3);
        // Signed with the chain's own key, as its process could.
        const { publicKey } = twin.keys;
        await driver.db.execute(
          sql`update audit_chains set public_key = ${Buffer.from(publicKey)}`,
        );
        expect(await audit.anchor(twin.anchor(2))).toMatchObject({ kind: 'contradicts' });
        expect(await audit.anchor(twin.anchor(5, NOW_MS + 1000))).toMatchObject({ kind: 'taken' });
        expect(await audit.anchor(twin.anchor(4, NOW_MS + 2000))).toMatchObject({
          fault: { text: 'an anchor came later than one of more entries' },
        });
      });
    });

    describe('a search', () => {
      test('finds what a naive one finds, in any part and order, also while rows are merged', async () => {
        const chains = [beginChain(NOW_MS), beginChain(NOW_MS), beginChain(NOW_MS)];
        for (const chain of chains) await opened(chain);
        const records: { chain: string; position: number; call: CallInit }[] = [];
        const random = createRandom(7);
        const pick = <T>(...of: T[]): T => of[Math.floor(random() * of.length)] as T;
        const sent = chains.map(() => 0);
        for (let at = 0; at < 600; at += 1) {
          const which = Math.floor(random() * chains.length);
          const chain = chains[which];
          if (!chain) continue;
          const time = timestampFromMs(NOW_MS + Math.floor(random() * 200) * 10);
          time.nanos += Math.floor(random() * 3) * 1000;
          const init: CallInit = {
            requestId: `r${at}`,
            time,
            tenant: pick('acme', 'bolt', ''),
            principal: pick('user:ann', 'user:bo', 'agent:c'),
            consumer: pick('', 'copilot'),
            credential: pick('k1', 'k2'),
            method: pick('weir.router.v1.RouterService/FetchContext', 'weir.x.v1.X/ListContext'),
            purpose: pick('', 'support'),
            items: Array.from({ length: Math.floor(random() * 4) }, () => ({
              type: pick('Customer', 'Order'),
              key: pick('1', '2', '3'),
              provider: pick('', 'crm', 'erp'),
              effect: pick(Effect.ALLOW, Effect.DENY),
              rules: pick([], ['base/read'], ['base/read', 'hr/deny']),
            })),
          };
          records.push({ chain: chain.chain.id, position: chain.entries.length, call: init });
          chain.addCall(init);
          if (random() < 0.1) {
            await ship(chain, sent[which] ?? 0);
            sent[which] = chain.entries.length;
          }
          if (random() < 0.03) await audit.merge(signal);
        }
        for (const [which, chain] of chains.entries()) await ship(chain, sent[which] ?? 0);
        const word = (...of: string[]) => fc.constantFrom('', '', '', ...of);
        const matches = fc.record({
          tenant: fc.constantFrom('acme', 'bolt', ''),
          fromMs: fc.constantFrom(0, NOW_MS, NOW_MS + 500, NOW_MS + 1000.001),
          toMs: fc.constantFrom(NOW_MS * 2, NOW_MS + 1500, NOW_MS + 1000.001),
          principal: word('user:ann', 'nobody'),
          consumer: word('copilot'),
          credential: word('k1'),
          method: word('ListContext', 'weir.router.v1.RouterService/FetchContext'),
          type: word('Customer'),
          key: word('1', '2'),
          provider: word('crm'),
          rule: word('hr/deny'),
          effect: fc.constantFrom(Effect.UNSPECIFIED, Effect.UNSPECIFIED, Effect.DENY),
          requestId: word('r7', 'r300'),
          purpose: word('support'),
        });
        const stored = await everything({ ...all('acme') }, 'oldest', 500);
        expect(stored.length).toBeGreaterThan(100);
        const held = new Map(
          (
            await Promise.all(
              ['acme', 'bolt', ''].map((one) => everything(all(one), 'oldest', 500)),
            )
          ).flatMap((found) => found.map((one) => [`${one.chain}/${one.position}`, one.record])),
        );
        expect(held.size).toBe(600);
        const naive = (match: RecordMatch) =>
          records
            .flatMap(({ chain, position }) => {
              const record = held.get(`${chain}/${position}`);
              if (!record || record.tenant !== match.tenant) return [];
              const found = matched(record, match);
              return found ? [{ record: found, timeMs: timeMsOf(record), chain, position }] : [];
            })
            .sort(
              (a, b) =>
                a.timeMs - b.timeMs ||
                (a.chain < b.chain ? -1 : a.chain > b.chain ? 1 : a.position - b.position),
            );
        await fc.assert(
          fc.asyncProperty(
            matches,
            fc.integer({ min: 1, max: 60 }),
            fc.boolean(),
            async (match, size, merging) => {
              if (merging) await audit.merge(signal);
              const wanted = naive(match);
              expect(await everything(match, 'oldest', size)).toEqual(wanted);
              expect(await everything(match, 'newest', size)).toEqual(wanted.reverse());
            },
          ),
          { numRuns: 60 },
        );
        expect(await faults()).toEqual([]);
      });

      test('ends, and gets on, however many chunks begin at once', async () => {
        const chains = Array.from({ length: 40 }, () => beginChain(NOW_MS));
        for (const chain of chains) {
          await opened(chain);
          chain.addCall(call('acme', 5));
          chain.addCall(call('acme', 5));
          await ship(chain, 0);
        }
        expect(await everything(all('acme'), 'newest', 3)).toHaveLength(80);
        expect(await everything(all('acme'), 'oldest', 3)).toHaveLength(80);
      });
    });

    test('no tenant sees another one, with equal names and keys', async () => {
      const chain = await opened(beginChain(NOW_MS));
      for (let at = 0; at < 60; at += 1) {
        const tenant = ['acme', 'acm', 'e', ''][at % 4] ?? '';
        chain.addCall(call(tenant, at, { items: [{ type: 'T', key: 'k' }], purpose: tenant }));
      }
      await ship(chain, 0);
      await audit.merge(signal);
      for (const tenant of ['acme', 'acm', 'e', '']) {
        const found = await everything({ ...all(tenant), key: 'k' });
        expect(found).toHaveLength(15);
        expect(new Set(found.map(({ record }) => record.tenant))).toEqual(new Set([tenant]));
      }
    });

    test('a scan gives each call with the attributes of its subject', async () => {
      const chain = await opened(beginChain(NOW_MS));
      const fingerprint = new Uint8Array(16).fill(3);
      chain.addSubject({ fingerprint, tenant: 'acme', attributes: { roles: ['hr'] } });
      chain.addSubject({ fingerprint, tenant: 'bolt', attributes: { roles: ['other'] } });
      for (let at = 0; at < 20; at += 1) chain.addCall(call('acme', at, { subject: fingerprint }));
      chain.addCall(call('acme', 20, { subject: new Uint8Array(16).fill(4) }));
      await ship(chain, 0);
      const of = { tenant: 'acme', fromMs: NOW_MS, toMs: NOW_MS + 1000 };
      const scanned = await Array.fromAsync(scanRecords(audit, of, signal));
      expect(scanned).toHaveLength(21);
      expect(scanned[0]?.subject).toBeUndefined();
      expect(scanned[0]?.record.requestId).toBe('r20');
      expect(scanned[20]?.subject?.attributes).toEqual({ roles: ['hr'] });
    });

    describe('dropping', () => {
      test('what is older than a tenant keeps leaves chains that verify', async () => {
        const chain = await opened(beginChain(NOW_MS));
        for (let at = 0; at < 30; at += 1) {
          chain.addCall(call(at % 2 === 0 ? 'acme' : 'bolt', at * DAY_MS));
          await ship(chain, at === 0 ? 0 : at + 1);
        }
        expect(await audit.dropOlder('acme', NOW_MS + 10 * DAY_MS)).toBe(5);
        expect(await audit.dropOlder('acme', NOW_MS + 10 * DAY_MS)).toBe(0);
        expect(await everything(all('acme'))).toHaveLength(10);
        expect(await everything(all('bolt'))).toHaveLength(15);
        expect(await faults()).toEqual([]);
        const drops = (await exported()).flatMap(({ part }) =>
          part.case === 'dropped' ? [part.value] : [],
        );
        expect(drops).toMatchObject([
          {
            reason: DropReason.RETENTION,
            ranges: [1n, 3n, 5n, 7n, 9n].map((first) => ({ first, count: 1n })),
          },
        ]);
        await audit.dropOlder('bolt', NOW_MS + 10 * DAY_MS);
        await audit.prune(NOW_MS + 10 * DAY_MS);
        const starts = (await exported()).flatMap(({ part }) =>
          part.case === 'entries' ? [part.value.first] : [],
        );
        expect(starts[0]).toBe(11n);
        expect(await everything(all('acme'))).toHaveLength(10);
      });

      test('the calls of a principal leaves those of others, and what they share', async () => {
        const chain = await opened(beginChain(NOW_MS));
        const [own, common] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
        chain.addSubject({ fingerprint: own, tenant: 'acme', attributes: { mail: 'ann@x' } });
        chain.addSubject({ fingerprint: common, tenant: 'acme', attributes: { roles: ['r'] } });
        for (let at = 0; at < 40; at += 1) {
          const principal = at % 4 === 0 ? 'user:ann' : 'user:bo';
          const subject = at % 8 === 0 ? own : common;
          chain.addCall(call('acme', at, { principal, subject }));
          chain.addCall(call('bolt', at, { principal: 'user:ann', subject: common }));
          if (at % 5 === 4) await ship(chain, at === 4 ? 0 : chain.entries.length - 10);
        }
        const erased = { tenant: 'acme', principal: 'user:ann', beforeMs: NOW_MS + 36 };
        expect(await audit.erase(erased, signal)).toBe(9);
        expect(await audit.erase(erased, signal)).toBe(0);
        const left = await everything(all('acme'));
        expect(left).toHaveLength(31);
        const ofAnn = left.filter(({ record }) => record.principal === 'user:ann');
        expect(ofAnn.map(({ record }) => record.requestId)).toEqual(['r36']);
        expect(await everything(all('bolt'))).toHaveLength(40);
        const subject = (fingerprint: Uint8Array) =>
          audit.subject({ tenant: 'acme', fingerprint, timeMs: NOW_MS });
        expect(await subject(own)).toBeUndefined();
        expect(await subject(common)).toBeDefined();
        expect(await faults()).toEqual([]);
      });
    });

    describe('somebody who may write to the database', () => {
      let chain: TestChain;
      beforeEach(async () => {
        chain = await opened(beginChain(NOW_MS));
        for (let at = 0; at < 30; at += 1) {
          chain.addCall(call(at % 3 === 0 ? 'acme' : 'bolt', at));
          if (at % 10 === 9) chain.addCheckpoint();
        }
        await ship(chain, 0, 12);
        await ship(chain, 12, 23);
        await ship(chain, 23);
        await audit.anchor(chain.anchor());
        expect(await faults()).toEqual([]);
      });

      test('cannot change a record', async () => {
        const rows = await driver.db.execute(
          sql`select first, bodies from audit_chunks where tenant = 'acme' order by first limit 1`,
        );
        const [row] = (rows as unknown as { rows: { bodies: Uint8Array }[] }).rows;
        const { packBodies, unpackBodies } = await import('../chunk.ts');
        const bodies = unpackBodies(row?.bodies ?? new Uint8Array());
        const altered = bodies.map((one, at) =>
          at === 1 ? { ...one, body: Buffer.from(one.body).fill(0x62, one.body.length - 4) } : one,
        );
        await driver.db.execute(
          sql`update audit_chunks set bodies = ${Buffer.from(packBodies(altered))}
              where tenant = 'acme' and first = ${bodies[0]?.position ?? 0}`,
        );
        expect(await faults()).toEqual([
          `${bodies[1]?.position}: the body is not the one that was recorded`,
        ]);
      });

      test('cannot garble records', async () => {
        await driver.db.execute(
          sql`update audit_chunks set bodies = ${Buffer.from('x')} where tenant = 'acme' and first = 1`,
        );
        expect(await faults()).toEqual([removed(1)]);
      });

      test('cannot remove records', async () => {
        await driver.db.execute(sql`delete from audit_chunks where tenant = 'bolt' and first = 2`);
        expect(await faults()).toEqual([removed(2)]);
      });

      test('cannot remove records and say that the registry did', async () => {
        await driver.db.execute(sql`delete from audit_chunks where tenant = 'bolt' and first = 2`);
        await driver.db.execute(sql`
          insert into audit_drops (tenant, chain, first, last, runs, reason, drop_time, seal)
          values ('bolt', ${chain.chain.id}, 0, 30, ${Buffer.from([0, 30])}, 1, now(), ${Buffer.alloc(32)})`);
        expect(await faults()).toEqual([removed(2)]);
        expect(await noted()).toEqual([
          '0: what is known of dropped bodies was altered in the database',
        ]);
      });

      test('cannot remove entries from the middle, the end or the beginning', async () => {
        const restore = sql`insert into audit_headers select * from kept on conflict do nothing`;
        await driver.db.execute(sql`create table kept as select * from audit_headers`);
        await driver.db.execute(sql`delete from audit_headers where first = 12`);
        expect((await faults())[0]).toBe('12: entries 12 to 22 are missing');
        await driver.db.execute(restore);
        await driver.db.execute(sql`delete from audit_headers where first = 23`);
        expect(await faults()).toEqual(['23: entries 23 to 33 were removed from the database']);
        await driver.db.execute(sql`update audit_chains set length = 23`);
        expect((await faults())[0]).toContain('cut off: the registry was told of 34 entries');
        await driver.db.execute(sql`update audit_chains set length = 34`);
        await driver.db.execute(restore);
        await driver.db.execute(sql`delete from audit_headers where first = 0`);
        await driver.db.execute(sql`update audit_chains set pruned_length = 12`);
        expect(await noted()).toEqual(['0: entries 0 to 11 were removed, and not by the registry']);
        expect(await faults()).toHaveLength(1);
        await driver.db.execute(sql`drop table kept`);
      });

      test('cannot make a chain with a key of their own', async () => {
        const { publicKey } = beginChain(NOW_MS).keys;
        await driver.db.execute(
          sql`update audit_chains set public_key = ${Buffer.from(publicKey)}`,
        );
        expect(await faults()).toEqual(['0: the signature of the anchor of 34 entries is wrong']);
        expect(await noted()).toEqual([
          '0: what is known of the chain was altered in the database',
        ]);
      });
    });
  });
}

const removed = (position: number) =>
  `${position}: the body was removed, and not by the registry, which notes it`;

/** Mulberry32: the same numbers for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
