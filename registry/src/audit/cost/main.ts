import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { systemClock } from '@weir/kit';
import { ShipEntriesRequestSchema } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { Action, Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import type { Driver } from '../../store/driver.ts';
import { openPglite } from '../../store/pglite.ts';
import { openPostgres } from '../../store/postgres.ts';
import { createAuditStore } from '../audit-store.ts';
import { createSeals } from '../seals.ts';
import { allRecords, type RecordMatch } from '../terms.ts';
import { beginChain } from '../test-chain.ts';

// What keeping records costs: room, and time. Prints a table.
//
//   npm run audit:cost -w registry [-- RECORDS ITEMS [DATABASE_URL]]
//
// The database has to be an empty one: its tables are made, and stay.

const BATCH_RECORDS = 250;
const MERGE_EVERY_BATCHES = 20;
const SEARCHES = 5;
const signal = new AbortController().signal;

const [records = 60_000, items = 1] = process.argv.slice(2, 4).map(Number);
const url = process.argv[4];

await using driver = url ? await openPostgres(url) : await openPglite({ dump: undefined });
const audit = createAuditStore(driver.db, createSeals(randomBytes(32)), systemClock);
const startMs = Date.now() - records * 10;
const chain = beginChain(startMs);
await audit.openChain(chain.chain);

const shipMs: number[] = [];
let mergeMs = 0;
for (let first = 0, at = 0; at < records; ) {
  for (let count = 0; count < BATCH_RECORDS && at < records; count += 1) chain.addCall(call(at++));
  const entries = chain.entries.slice(first);
  const batch = { chain: chain.chain.id, first: BigInt(first), entries };
  const request = create(ShipEntriesRequestSchema, batch);
  shipMs.push(await timed(() => audit.ship(request)));
  first = chain.entries.length;
  if (shipMs.length % MERGE_EVERY_BATCHES === 0) mergeMs += await timed(() => audit.merge(signal));
}
await audit.vacuum();

const room = await roomOf(driver);
const all = allRecords('acme', 0, Date.now());
const rare = `customer/${records - 1}`;
print('records', `${records} with ${items} items each, on ${url ? 'PostgreSQL' : 'PGlite'}`);
print('intake', `${(median(shipMs) / BATCH_RECORDS).toFixed(3)} ms a record (median of batches)`);
print('merging', `${(mergeMs / records).toFixed(3)} ms a record`);
print(
  'a record as sent',
  `${sum(chain.entries.map((one) => one.body.length + 64)) / records} bytes`,
);
print('a record as kept', `${room.perRecord.toFixed(0)} bytes, all tables and indexes`);
print('of that', `bodies ${room.bodies}, filters ${room.filters}, headers ${room.headers}`);
print('chunks', room.chunks);
await search('newest 50', all);
await search('a key that is there', { ...all, key: rare });
await search('a key that is not there', { ...all, key: 'nope' });
await search('a request id', { ...all, requestId: 'request-100' });

function call(at: number) {
  return {
    requestId: `request-${at}`,
    time: timestampFromMs(startMs + at * 10),
    tenant: 'acme',
    principal: `user:${at % 500}`,
    consumer: 'copilot',
    authentication: 'key',
    credential: `k${at % 700}`,
    network: '10.20.30.40',
    method: 'weir.router.v1.RouterService/FetchContext',
    subject: new Uint8Array(16).fill(at % 200),
    salt: randomBytes(16),
    router: 'router-1',
    revision: 1000n,
    items: Array.from({ length: items }, (_, item) => ({
      action: Action.FETCH,
      type: 'Customer',
      key: `customer/${item === 0 ? at : (at * 7919 + item) % 100_000}`,
      provider: 'crm',
      providerVersion: '1.2.3',
      effect: Effect.ALLOW,
      rules: ['starter/read-own-tenant', 'crm/mask-contact'],
      redactions: ['mask /phone', 'hash /mail'],
      bytes: 900n,
      known: true,
    })),
  };
}

async function search(name: string, match: RecordMatch): Promise<void> {
  const times: number[] = [];
  let parts = 0;
  for (let run = 0; run < SEARCHES; run += 1) {
    const read = async () => {
      parts = await firstPage(match);
    };
    times.push(await timed(read));
  }
  print(`search: ${name}`, `${median(times).toFixed(1)} ms, ${parts} parts`);
}

/** Reads parts until there are records, as a caller does. */
async function firstPage(match: RecordMatch): Promise<number> {
  let parts = 0;
  let after: Awaited<ReturnType<typeof audit.find>>['next'];
  do {
    const part = await audit.find({ match, order: 'newest', size: 50, after }, signal);
    parts += 1;
    after = part.records.length > 0 ? undefined : part.next;
  } while (after);
  return parts;
}

async function roomOf({ query }: Driver) {
  const [row = {}] = await query(
    `select (select sum(pg_total_relation_size(oid)) from pg_class
             where relname in ('audit_chunks', 'audit_headers')) as total,
            (select sum(octet_length(bodies)) from audit_chunks) as bodies,
            (select sum(octet_length(filter)) from audit_chunks) as filters,
            (select count(*) from audit_chunks) as chunks,
            (select sum(octet_length(headers)) from audit_headers) as headers`,
    [],
  );
  const each = (name: string) => Math.round(Number(row[name]) / records);
  return {
    perRecord: Number(row.total) / records,
    bodies: each('bodies'),
    filters: each('filters'),
    headers: each('headers'),
    chunks: String(row.chunks),
  };
}

async function timed(task: () => Promise<unknown>): Promise<number> {
  const beginMs = performance.now();
  await task();
  return performance.now() - beginMs;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function print(name: string, value: string): void {
  process.stdout.write(`${name.padEnd(32)}${value}\n`);
}
