import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openJournal } from '@weir/journal';
import { type Caller, createLogger, systemClock } from '@weir/kit';
import type { Subject } from '@weir/policy';
import { CacheStatus, Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { ChainEncoder } from '../journal/src/writer/chain-encoder.ts';
import type { RecordedCall, RecordedItem, RecordedKind } from '../router/src/audit/recorded.ts';
import { createRecorder, type RecorderOptions } from '../router/src/audit/recorder.ts';

// What the record of a call costs the router, in microseconds of the processor: beside the floor, which
// is the same loop without a record, and beside a plain logger. Calls come in turns of the event loop,
// as they do from sockets; each turn waits until its records are written.

const { values } = parseArgs({
  options: {
    /** Calls for each figure. */
    calls: { type: 'string', default: '100000' },
    /** How often each is measured; the median is printed. */
    repetitions: { type: 'string', default: '5' },
  },
});
const CALLS = Number(values.calls);
const REPETITIONS = Number(values.repetitions);
/** Durable calls wait for the disk: a share of them will do. */
const DURABLE_SHARE = 0.1;
const ITEM_BYTES = 1_024;

/** What is measured: records a call, and what its turn then waits for. */
interface Measured {
  record(call: RecordedCall): void;
  settle(): Promise<void> | undefined;
}

const nothing: Measured = { record: () => {}, settle: () => undefined };

const folder = await mkdtemp(join(tmpdir(), 'weir-bench-'));
try {
  for (const perTurn of [1, 16]) {
    console.log(
      `\n${perTurn} call${perTurn > 1 ? 's' : ''} in each turn of the event loop; µs of processor per call, above the floor`,
    );
    console.log(['', '1 item', '32 items'].map((text) => text.padStart(24)).join(''));
    for (const [name, open, share] of subjects()) {
      const costs: string[] = [];
      for (const items of [1, 32])
        costs.push((await cost(open, { items, perTurn, share })).toFixed(2));
      console.log([name, ...costs].map((text) => text.padStart(24)).join(''));
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

type Open = () => Promise<Measured & AsyncDisposable>;

function subjects(): [name: string, open: Open, share: number][] {
  return [
    ['encode', openEncodeOnly, 1],
    ['encode, hash, frame', openUnwritten, 1],
    ['journal', () => openReal(false), 1],
    ['journal, durable', () => openReal(true), DURABLE_SHARE],
    ['JSON, hash, appendFile', openPlain, 1],
  ];
}

/** The median of the costs of a call above the floor. */
async function cost(
  open: Open,
  { items, perTurn, share }: { items: number; perTurn: number; share: number },
): Promise<number> {
  const calls = createCalls(items);
  const costs: number[] = [];
  for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
    await using subject = await open();
    const turns = Math.ceil((CALLS * share) / perTurn / (items > 1 ? 4 : 1));
    await run(subject, calls, { turns: Math.ceil(turns / 10), perTurn });
    const above = await run(subject, calls, { turns, perTurn });
    const floor = await run(nothing, calls, { turns, perTurn });
    costs.push(above - floor);
  }
  return costs.sort((a, b) => a - b)[Math.floor(REPETITIONS / 2)] ?? Number.NaN;
}

/** Microseconds of the processor for each call. */
async function run(
  subject: Measured,
  calls: readonly RecordedCall[],
  { turns, perTurn }: { turns: number; perTurn: number },
): Promise<number> {
  const before = process.cpuUsage();
  for (let turn = 0; turn < turns; turn += 1) {
    for (let at = 0; at < perTurn; at += 1) {
      const call = calls[(turn * perTurn + at) % calls.length];
      if (call) subject.record(call);
    }
    await (subject.settle() ?? new Promise<void>((resolve) => setImmediate(resolve)));
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (turns * perTurn);
}

async function openEncodeOnly(): Promise<Measured & AsyncDisposable> {
  return overJournal({ append: () => {}, written: () => undefined, generation: 0 }, async () => {});
}

async function openUnwritten(): Promise<Measured & AsyncDisposable> {
  const encoder = new ChainEncoder();
  const append = (kind: 'call' | 'subject', timeMs: number, body: Uint8Array) => {
    encoder.add(kind, timeMs, body);
    if (encoder.pendingBytes > 64 * 1024) encoder.take();
  };
  return overJournal({ append, written: () => undefined, generation: 0 }, async () => {});
}

async function openReal(durable: boolean): Promise<Measured & AsyncDisposable> {
  const journal = await openJournal({
    directory: await mkdtemp(join(folder, 'journal-')),
    ...{ writer: 'bench', durable, maxBytes: 16 * 1024 ** 3, keepMs: 0, clock: systemClock },
    log: createLogger({ name: 'bench', level: 'silent' }),
  });
  return overJournal(journal, () => journal[Symbol.asyncDispose]());
}

function overJournal(
  journal: RecorderOptions['journal'],
  close: () => PromiseLike<void>,
): Measured & AsyncDisposable {
  const recorder = createRecorder({ journal, clock: systemClock, router: 'bench' });
  let written: Promise<void> | undefined;
  return {
    record(call) {
      written = recorder.record(call);
    },
    settle: () => written,
    async [Symbol.asyncDispose]() {
      recorder[Symbol.dispose]();
      await close();
    },
  };
}

/** What somebody would write in ten minutes: a line of JSON, chained, added to a file. */
async function openPlain(): Promise<Measured & AsyncDisposable> {
  const file = join(await mkdtemp(join(folder, 'plain-')), 'log');
  let previous = '';
  return {
    record(call) {
      const { caller, subject, ...rest } = call;
      const { tenant, principal, consumer, keyId, authentication, network } = caller;
      const line = JSON.stringify({
        ...{ time: Date.now(), tenant, principal, consumer, keyId, authentication, network },
        ...{ subject: subject?.fingerprint, previous, ...rest, revision: String(rest.revision) },
      });
      previous = createHash('sha256').update(line).digest('hex');
      appendFileSync(file, `${line}\n`);
    },
    settle: () => undefined,
    [Symbol.asyncDispose]: () => rm(file, { force: true }),
  };
}

/** Calls as a warm router has them: keys are new texts each time, facts and rules are not. */
function createCalls(items: number): RecordedCall[] {
  const rules = ['starter/team-reads'];
  const none: string[] = [];
  const provider = { tenant: '', name: 'documents', version: '1.2.0' };
  const facts = Array.from({ length: 1_000 }, (_, index) => ({
    sensitivity: Sensitivity.INTERNAL,
    labels: { team: `team-${index % 7}`, region: 'eu' },
    owner: 'team:docs',
  }));
  const caller: Caller = {
    ...{ tenant: 'acme', principal: 'agent:support-7', consumer: 'support', keyId: 'k7QwErTy' },
    ...{ authentication: 'key', scopes: new Set(), permits: [], network: '10.20.30.40' },
    attributes: {},
  };
  const subject: Subject = {
    ...{ tenant: 'acme', principal: 'agent:support-7', kind: 'agent', consumer: 'support' },
    ...{ roles: ['support'], groups: [], clearance: 2, project: undefined, tier: undefined },
    ...{ attributes: { roles: ['support'] }, fingerprint: '0b'.repeat(16) },
  };
  return Array.from({ length: 2_000 }, (_, call) => ({
    ...{ requestId: `3f2c8a1e-0000-4000-8000-${String(call).padStart(12, '0')}`, caller, subject },
    ...{ method: 'weir.router.v1.RouterService/FetchContext', purpose: 'support' },
    ...{ revision: 4711n, startWallMs: Date.now(), startMonotonicMs: performance.now() },
    ...{ code: 0, reason: Reason.UNSPECIFIED, part: 0, target: '' },
    items: Array.from({ length: items }, (_, at): RecordedItem => {
      const item = (call * 7 + at) % facts.length;
      const kind: RecordedKind = {
        ...{ action: 'fetch', type: 'DocChunk', provider, effect: 'allow', rules },
        ...{ redactions: none, facts: facts[item], code: 0, reason: Reason.UNSPECIFIED },
        ...{ cache: CacheStatus.HIT_MEMORY, known: true },
      };
      return { kind, key: `handbook/page-${item}`, bytes: ITEM_BYTES };
    }),
  }));
}
