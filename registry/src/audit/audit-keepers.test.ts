import { tmpdir } from 'node:os';
import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Clock, createLogger } from '@weir/kit';
import { ShipEntriesRequestSchema } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { TenantSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { expect, test } from 'vitest';
import { dumpNewDatabase, openPglite } from '../store/pglite.ts';
import { openSqlStore } from '../store/sql-store.ts';
import { dropOld } from './audit-keepers.ts';
import { createAuditStore } from './audit-store.ts';
import { createSeals } from './seals.ts';
import { createSlots } from './slots.ts';
import { allRecords } from './terms.ts';
import { beginChain } from './test-chain.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse('2026-06-01T00:00:00Z');
const log = createLogger({ name: 'test', level: 'silent' });
const clock: Clock = { wallMs: () => NOW_MS, monotonicMs: () => NOW_MS };
const { signal } = new AbortController();

test('records are kept as long as their tenant says, and no shorter than the operator says', async () => {
  const driver = await openPglite({ dump: await dumpNewDatabase(tmpdir()) });
  await using store = await openSqlStore(driver, clock);
  const records = createAuditStore(driver.db, createSeals(new Uint8Array(32)), clock);
  const createTime = timestampFromMs(NOW_MS);
  await store.transact(async (tx) => {
    const auditRetention = durationFromMs(30 * DAY_MS);
    await tx.putTenant(create(TenantSchema, { name: 'brief', auditRetention, createTime }));
    await tx.putTenant(create(TenantSchema, { name: 'usual', createTime }));
  });
  const chain = beginChain(NOW_MS - 500 * DAY_MS);
  await records.openChain(chain.chain);
  let first = 0n;
  for (const days of [450, 399, 60, 31, 29]) {
    for (const tenant of ['brief', 'usual', '']) {
      chain.addCall({ tenant, time: timestampFromMs(NOW_MS - days * DAY_MS) });
    }
    const entries = chain.entries.slice(Number(first));
    await records.ship(create(ShipEntriesRequestSchema, { chain: chain.chain.id, first, entries }));
    first = BigInt(chain.entries.length);
  }
  const core = { store, clock, log };
  const left = async () => {
    const counts: Record<string, number> = {};
    for (const tenant of ['brief', 'usual', '']) {
      const match = allRecords(tenant, 0, NOW_MS);
      const found = await records.find({ match, order: 'newest', size: 100 }, signal);
      counts[tenant] = found.records.length;
    }
    return counts;
  };
  const audit = { records, minRetentionMs: 50 * DAY_MS, slots: createSlots() };
  await dropOld(core, audit, signal);
  expect(await left()).toEqual({ brief: 2, usual: 4, '': 4 });
  await dropOld(core, { ...audit, minRetentionMs: 0 }, signal);
  expect(await left()).toEqual({ brief: 1, usual: 4, '': 4 });
});
