import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { type Journal, type JournalIntake, openJournal, verifyJournal } from '@weir/journal';
import { createLogger, createMetrics, systemClock } from '@weir/kit';
import { AuditService } from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import { JournalService } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { CallRecordSchema } from '@weir/sdk/gen/weir/audit/v1/record_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openRegistry } from '../registry.ts';
import { dumpNewDatabase, openPglite, type PgliteDriver } from '../store/pglite.ts';
import { signed } from '../test-registry.ts';

// A registry is restored from an older backup, while a router goes on that has deleted since what
// was confirmed to it.

const log = createLogger({ name: 'test', level: 'silent' });
const SEGMENT_MAX_BYTES = 4096 + 2000;

/** A registry over a database that is filled from a dump. */
interface Opened extends AsyncDisposable {
  readonly driver: PgliteDriver;
  readonly journal: JournalIntake;
  readonly audit: Client<typeof AuditService>;
  /** The sum of a counter. */
  counted(name: string): Promise<number>;
}

let folder: string;
let registry: Opened | undefined;
let written = 0;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weir-restored-'));
  written = 0;
  await start(await dumpNewDatabase(tmpdir()));
});
afterEach(async () => {
  await registry?.[Symbol.asyncDispose]();
  registry = undefined;
  await rm(folder, { recursive: true });
});

describe('a registry that was restored from an older backup', () => {
  test('goes on, notes what nobody has any more, and proves the rest', async () => {
    const journal = await write('now', 40);
    await until(() => journal.stats.unshipped === 0);
    const backup = await held().driver.dump();
    const before = written;
    await add(journal, 80);
    await until(async () => (await firstKept(journal)) > before + 5);

    await start(backup);
    await add(journal, 20);
    await until(() => journal.stats.unshipped === 0);
    const lost = await lostOf();
    expect(lost).toEqual([expect.stringMatching(/^entries \d+ to \d+ are lost/)]);
    const [, first = 0, last = 0] = /entries (\d+) to (\d+)/.exec(lost[0] ?? '')?.map(Number) ?? [];
    expect(first).toBeGreaterThan(before);
    expect(await held().counted('weir_registry_audit_lost_entries_total')).toBe(last - first + 1);

    await add(journal, 20);
    await journal[Symbol.asyncDispose]();
    expect(await lostOf()).toEqual(lost);
    const found = await foundIds();
    expect(found.length).toBeLessThan(written);
    expect(found.slice(0, 40)).toEqual(ids(written).slice(-40).reverse());
    expect(new Set(found).size).toBe(found.length);
  });

  test('is given again what is still there, of chains that ended too', async () => {
    const backup = await held().driver.dump();
    const first = await write('an hour', 60);
    await first[Symbol.asyncDispose]();
    const second = await write('an hour', 60);
    await until(() => second.stats.unshipped === 0 && second.stats.unshippedChains === 0);
    await start(backup);
    await add(second, 1);
    await until(async () => (await foundIds()).length === written);
    await second[Symbol.asyncDispose]();
    expect(await lostOf()).toEqual([]);
    expect(await foundIds()).toEqual(ids(written).reverse());
  });

  test('knows what became of the end of a chain, and chains that are new to it', async () => {
    const first = await write('now', 40);
    await until(() => first.stats.unshipped === 0);
    const backup = await held().driver.dump();
    await add(first, 80);
    await first[Symbol.asyncDispose]();
    const second = await write('now', 80);
    await until(async () => (await readdir(join(folder, 'journal'))).length === 1);
    await until(async () => (await firstKept(second)) > 0);
    await start(backup);
    await add(second, 1);
    await until(() => second.stats.unshipped === 0);
    await second[Symbol.asyncDispose]();
    // The end of the first, and the beginning of the second.
    const lost = await lostOf();
    expect(lost).toEqual([
      expect.stringMatching(/^entries \d+ to \d+ are lost/),
      expect.stringMatching(/^entries 0 to \d+ are lost/),
    ]);
    expect(lost[0]).toContain(`to ${Number(second.chain.previousLength) - 1} are lost`);
  });

  test('stalls for ever when its router does not say what it deleted', async () => {
    let left = 0;
    const journal = await write('now', 40, (intake) => ({
      ...intake,
      async shipEntries(request, call) {
        const answer = await intake.shipEntries({ ...request, goneHead: new Uint8Array() }, call);
        if (answer.shipped < request.first) left += 1;
        return answer;
      },
    }));
    await until(() => journal.stats.unshipped === 0);
    const backup = await held().driver.dump();
    const before = written;
    await add(journal, 80);
    await until(async () => (await firstKept(journal)) > before + 5);
    await start(backup);
    await add(journal, 1);
    await until(() => left >= 4);
    expect(journal.stats.unshipped).toBeGreaterThan(80);
    expect(await foundIds()).toHaveLength(before);
    await journal[Symbol.asyncDispose]();
  });
});

describe('a database in which somebody altered a chain', () => {
  test('stops that chain alone: the next start of the router ships, and calls are recorded', async () => {
    const first = await write('an hour', 10);
    await until(() => first.stats.unshipped === 0);
    await held().driver.db.execute(sql`update audit_headers set before = ${Buffer.alloc(32, 1)}`);
    await held().driver.db.execute(sql`update audit_chains set head = ${Buffer.alloc(32, 1)}`);
    await add(first, 10);
    await until(() => first.stats.asideChains === 1);
    expect(first.refusal()).toBeUndefined();
    await first[Symbol.asyncDispose]();
    const refused = 'weir_registry_audit_contradictions_total';
    expect(await held().counted(refused)).toBeGreaterThan(0);
    const second = await write('an hour', 10);
    await until(() => second.stats.unshipped === 0);
    expect(second.stats).toMatchObject({ asideChains: 1, unshippedChains: 1 });
    await second[Symbol.asyncDispose]();
    expect(await foundIds()).toEqual([...ids(written).slice(20).reverse(), ...ids(10).reverse()]);
    const { faults } = await verifyJournal({ parts: held().audit.exportChains({ entries: true }) });
    expect(new Set(faults.map(({ chain }) => chain))).toEqual(new Set([first.chain.id]));
    // The proof is still on the disk of the router.
    expect((await verifyJournal({ directory: join(folder, 'journal') })).faults).toEqual([]);
  });
});

/** Starts a registry in the place of the one before. */
async function start(dump: Blob): Promise<void> {
  await registry?.[Symbol.asyncDispose]();
  registry = undefined;
  registry = await open(dump);
}

function held(): Opened {
  if (!registry) throw new Error('the registry is away');
  return registry;
}

/** Opens a journal that ships to whichever registry there is, and writes so many records. */
async function write(
  keep: 'now' | 'an hour',
  records: number,
  through: (intake: JournalIntake) => JournalIntake = (intake) => intake,
): Promise<Journal> {
  const intake: JournalIntake = {
    openChain: (request, call) => held().journal.openChain(request, call),
    anchorHead: (request, call) => held().journal.anchorHead(request, call),
    shipEntries: (request, call) => held().journal.shipEntries(request, call),
  };
  const journal = await openJournal({
    ...{ directory: join(folder, 'journal'), writer: 'router-1', durable: false, log },
    ...{ maxBytes: 1024 ** 3, keepMs: keep === 'now' ? 0 : 3_600_000, clock: systemClock },
    ...{ segmentMaxBytes: SEGMENT_MAX_BYTES, intake: through(intake) },
  });
  await add(journal, records);
  return journal;
}

async function add(journal: Journal, records: number): Promise<void> {
  for (let more = 0; more < records; more += 1) {
    const nowMs = Date.now();
    const record = create(CallRecordSchema, {
      ...{ requestId: `r${written}`, tenant: 'default', principal: 'user:lin' },
      // So that they are found in the order in which they were written.
      time: timestampFromMs(nowMs - 60_000 + written),
    });
    written += 1;
    journal.append('call', nowMs, toBinary(CallRecordSchema, record));
    await journal.written();
  }
}

/** The position of the first entry of the open chain that is on the disk. */
async function firstKept({ chain }: Journal): Promise<number> {
  const [name = ''] = (await readdir(join(folder, 'journal', chain.id))).sort();
  return Number.parseInt(name, 10);
}

/** What the verifier says is lost; it must say nothing else. */
async function lostOf(): Promise<string[]> {
  const { faults } = await verifyJournal({ parts: held().audit.exportChains({ entries: true }) });
  expect(faults.filter(({ kind }) => kind !== 'lost')).toEqual([]);
  return faults.map(({ text }) => text);
}

async function foundIds(): Promise<string[]> {
  const found: string[] = [];
  let pageToken = '';
  do {
    const page = await held().audit.searchRecords({ pageSize: 500, pageToken });
    found.push(...page.records.map(({ record }) => record?.requestId ?? ''));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return found;
}

function ids(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `r${at}`);
}

async function open(dump: Blob): Promise<Opened> {
  const driver = await openPglite({ dump });
  const metrics = createMetrics('test');
  const opened = await openRegistry(
    {
      ...{ host: '127.0.0.1', port: 0, dataDir: folder, serviceSecret: secret },
      ...{ leaseMs: 3000, healthIntervalMs: 100, changesKept: 1000, logLevel: 'silent' },
    },
    { openDriver: async () => driver, metrics },
  );
  const transport = (as: Parameters<typeof signed>[0]) =>
    createGrpcTransport({ baseUrl: opened.url, interceptors: [signed(as)] });
  const caller = {
    ...{ tenant: 'default', principal: 'ann', consumer: '', keyId: 'k', permits: [] },
    ...{ authentication: 'key' as const, network: '', attributes: {} },
    scopes: new Set([Scope.PLATFORM]),
  };
  return {
    driver,
    journal: createClient(JournalService, transport({ kind: 'service', name: 'router' })),
    audit: createClient(AuditService, transport({ kind: 'caller', caller })),
    async counted(name) {
      const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith(name));
      return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

const secret = new Uint8Array(32).fill(7);

/** Waits until something holds, which it must at some time. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}
