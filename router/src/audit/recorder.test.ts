import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Caller, Clock } from '@weir/kit';
import type { Subject } from '@weir/policy';
import {
  type CallRecord,
  CallRecordSchema,
  SubjectRecordSchema,
} from '@weir/sdk/gen/weir/audit/v1/record_pb';
import { CacheStatus, Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Action, Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { RECORD_MAX_BYTES } from './call-encoder.ts';
import { LABELS_MAX_BYTES } from './item-encoder.ts';
import type { RecordedCall, RecordedItem, RecordedKind } from './recorded.ts';
import { createRecorder, type Recorder } from './recorder.ts';
import { REFUSED_RECORDS_BURST } from './refused-calls.ts';

const seed = Number(process.env.WEIR_TEST_SEED || Date.now() % 2 ** 31);
const WALL_MS = Date.UTC(2026, 10, 21, 12);

let clock: Clock & { nowMs: number };
let journal: ReturnType<typeof memoryJournal>;
let recorder: Recorder;

beforeEach(() => {
  clock = { nowMs: 5_000, wallMs: () => WALL_MS + clock.nowMs, monotonicMs: () => clock.nowMs };
  journal = memoryJournal();
  recorder = createRecorder({ journal, clock, router: 'router-1' });
});

describe('what is written by hand', () => {
  const whole: fc.Arbitrary<Recorded> = fc.record(
    {
      action: fc.constantFrom('fetch', 'list', 'subscribe', 'call', 'administer'),
      type: fc.string({ unit: 'binary', maxLength: 60 }),
      key: fc.string({ unit: 'binary', maxLength: 300 }),
      provider: fc.record({
        tenant: fc.string({ maxLength: 20 }),
        name: fc.string({ maxLength: 63 }),
        version: fc.string({ maxLength: 20 }),
      }),
      effect: fc.constantFrom('allow', 'deny'),
      rules: fc.array(fc.string({ maxLength: 60 }), { maxLength: 4 }),
      redactions: fc.array(fc.string({ maxLength: 60 }), { maxLength: 4 }),
      facts: fc.record({
        sensitivity: fc.constantFrom(...Object.values(Sensitivity)),
        labels: fc.dictionary(fc.string({ maxLength: 20 }), fc.string({ maxLength: 60 }), {
          maxKeys: 4,
        }),
        owner: fc.string({ maxLength: 60 }),
      }),
      code: fc.integer({ min: 0, max: 16 }),
      reason: fc.constantFrom(...Object.values(Reason)),
      cache: fc.constantFrom(...Object.values(CacheStatus)),
      bytes: fc.maxSafeNat(),
      known: fc.boolean(),
    },
    {
      requiredKeys: [
        'action',
        'type',
        'key',
        'effect',
        'rules',
        'redactions',
        'code',
        'reason',
        'cache',
        'bytes',
        'known',
      ],
    },
  );

  /** Each as it is, and then the same kind for another key. */
  const items = fc
    .array(fc.tuple(whole, fc.string({ maxLength: 80 })), { maxLength: 4 })
    .map((all) =>
      all.flatMap(([one, key]) => {
        const item = itemOf(one);
        return [item, { ...item, key, bytes: key.length }];
      }),
    );

  test(`is what protobuf reads, and would have written (WEIR_TEST_SEED=${seed})`, () => {
    const calls = fc.array(items, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(calls, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (batches, revision) => {
        for (const items of batches) {
          // Twice: the second time from what is kept.
          for (const _ of [1, 2]) {
            const call = callOf({ items, revision, purpose: 'p'.repeat(items.length * 20) });
            expectSame(recorded(call), call);
          }
        }
      }),
      { seed, numRuns: 300 },
    );
  });

  test('is cut where it would grow without bound, by whole labels and rules', () => {
    const labels = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`label-${index}`, 'x'.repeat(50)]),
    );
    const rules = Array.from({ length: 500 }, (_, index) => `policy/${index}`);
    const facts = { sensitivity: Sensitivity.PUBLIC, labels, owner: 'o'.repeat(5_000) };
    const record = recorded(callOf({ items: [itemOf({ facts, rules })] }));
    const [item] = record.items;
    const kept = Object.entries(item?.labels ?? {});
    const bytes = kept
      .slice(0, -1)
      .reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    expect(bytes).toBeLessThanOrEqual(LABELS_MAX_BYTES);
    expect(item?.labels['…']).toBe(`${100 - (kept.length - 1)} more`);
    expect(item?.rules.at(-1)).toBe('…');
    expect(item?.owner).toHaveLength(1024);
  });

  test('becomes several records where the items find no room in one', () => {
    const rules = Array.from({ length: 100 }, (_, index) => `a-policy/rule-${index}`);
    const items = Array.from({ length: 256 }, (_, index) => itemOf({ key: `${index}`, rules }));
    record(callOf({ items, part: 3 }));
    const records = journal.calls();
    expect(records.length).toBeGreaterThan(1);
    expect(records.flatMap((record) => record.items.map(({ key }) => key))).toEqual(
      items.map(({ key }) => key),
    );
    expect(new Set(records.map(({ requestId, part }) => `${requestId} ${part}`)).size).toBe(1);
    for (const { body } of journal.entries) {
      expect(body.length).toBeLessThan(2 * RECORD_MAX_BYTES);
    }
  });

  test('tells apart the credentials of one key, and networks', () => {
    record(callOf({ caller: callerOf({ principal: 'ann' }) }));
    record(callOf({ caller: callerOf({ principal: 'bo', network: '10.0.0.2' }) }));
    expect(journal.calls()).toMatchObject([
      { principal: 'ann', network: '10.0.0.1' },
      { principal: 'bo', network: '10.0.0.2' },
    ]);
  });

  test('has a salt of its own each time', () => {
    for (let count = 0; count < 1_000; count += 1) record(callOf({}));
    const salts = journal.calls().map(({ salt }) => Buffer.from(salt).toString('hex'));
    expect(new Set(salts).size).toBe(1_000);
    expect(salts[0]).toHaveLength(32);
  });

  const recorded = (call: RecordedCall): CallRecord => {
    journal.entries.length = 0;
    record(call);
    const [entry] = journal.entries;
    if (entry === undefined) throw new Error('nothing was recorded');
    const read = fromBinary(CallRecordSchema, entry.body);
    expect(Buffer.from(toBinary(CallRecordSchema, read)).equals(entry.body)).toBe(true);
    return read;
  };
});

describe('subjects', () => {
  test('are recorded once, and again when the segment is another', () => {
    const subject = subjectOf({ roles: ['hr'] });
    for (let count = 0; count < 3; count += 1) record(callOf({ subject }));
    journal.generation += 1;
    record(callOf({ subject }));
    record(callOf({ subject: subjectOf({ roles: [] }, 'ff'.repeat(16)) }));
    expect(journal.entries.map(({ kind }) => kind)).toEqual([
      'subject',
      'call',
      'call',
      'call',
      'subject',
      'call',
      'subject',
      'call',
    ]);
    const [first] = journal.subjects();
    expect(first).toMatchObject({ tenant: 'acme', attributes: { roles: ['hr'] } });
    expect(Buffer.from(journal.calls()[0]?.subject ?? [])).toEqual(
      Buffer.from(first?.fingerprint ?? []),
    );
  });

  test('are recorded again when to record them has ended the segment', () => {
    journal.onAppend = (kind) => {
      if (kind === 'subject' && journal.entries.length === 1) journal.generation += 1;
    };
    record(callOf({ subject: subjectOf({}) }));
    expect(journal.entries.map(({ kind }) => kind)).toEqual(['subject', 'subject', 'call']);
  });

  test('that are huge are recorded without their attributes', () => {
    record(callOf({ subject: subjectOf({ much: 'x'.repeat(100_000) }) }));
    expect(journal.subjects()[0]?.attributes).toBeUndefined();
  });
});

describe('calls that nobody was let in for', () => {
  test('are recorded one by one up to a bound, and the others counted by where they came from', () => {
    const flood = REFUSED_RECORDS_BURST + 900;
    for (let count = 0; count < flood; count += 1) recorder.recordRefused(refusedCall());
    expect(journal.calls()).toHaveLength(REFUSED_RECORDS_BURST);
    for (let host = 1; host <= 100; host += 1) {
      recorder.recordRefused({ ...refusedCall(), network: `10.0.0.${host}` });
    }
    recorder[Symbol.dispose]();
    const records = journal.calls();
    expect(records[0]).toMatchObject({ network: '10.9.9.9', calls: 0, tenant: '', principal: '' });
    const counted = records.slice(REFUSED_RECORDS_BURST);
    expect(counted).toHaveLength(21);
    expect(counted[0]).toMatchObject({ network: '10.9.9.9', calls: 900, code: 16 });
    // One call is written as no number.
    expect(counted[1]).toMatchObject({ network: '10.0.0.1', calls: 0 });
    expect(counted.at(-1)).toMatchObject({ network: '', calls: 81 });
  });

  test('fill the disk no faster than one a second, however long the flood', () => {
    for (let second = 0; second < 60; second += 1) {
      for (let count = 0; count < 200; count += 1) recorder.recordRefused(refusedCall());
      clock.nowMs += 1_000;
    }
    expect(journal.calls()).toHaveLength(REFUSED_RECORDS_BURST + 59);
    recorder[Symbol.dispose]();
    expect(journal.calls()).toHaveLength(REFUSED_RECORDS_BURST + 60);
  });

  test('are refused all the same when the journal cannot be written', () => {
    journal.onAppend = () => {
      throw new Error('full');
    };
    recorder.recordRefused(refusedCall());
  });

  const refusedCall = () => ({
    requestId: 'r',
    method: 'weir.router.v1.RouterService/FetchContext',
    network: '10.9.9.9',
    startWallMs: WALL_MS,
    startMonotonicMs: clock.nowMs,
    code: 16,
    reason: Reason.CREDENTIAL_INVALID,
  });
});

/** Memory is written to at once. */
function record(call: RecordedCall): void {
  expect(recorder.record(call)).toBeUndefined();
}

function expectSame(record: CallRecord, call: RecordedCall): void {
  const { caller } = call;
  expect(record).toMatchObject({
    requestId: call.requestId,
    tenant: caller.tenant,
    principal: caller.principal,
    consumer: caller.consumer,
    authentication: caller.authentication,
    credential: caller.keyId,
    network: caller.network,
    method: call.method,
    purpose: call.purpose,
    router: 'router-1',
    revision: call.revision,
    code: call.code,
    part: call.part,
    target: call.target,
  });
  expect(record.time && timestampMs(record.time)).toBe(call.startWallMs);
  expect(record.duration).toMatchObject({ seconds: 1n, nanos: 234_500_000 });
  expect(record.items).toHaveLength(call.items.length);
  for (const [index, { kind, key, bytes }] of call.items.entries()) {
    expect(record.items[index]).toMatchObject({
      action: Action[kind.action.toUpperCase() as keyof typeof Action],
      type: kind.type,
      key,
      provider: kind.provider?.name ?? '',
      providerTenant: kind.provider?.tenant ?? '',
      providerVersion: kind.provider?.version ?? '',
      effect: kind.effect === 'allow' ? Effect.ALLOW : Effect.DENY,
      rules: kind.rules,
      redactions: kind.redactions,
      sensitivity: kind.facts?.sensitivity ?? 0,
      labels: kind.facts?.labels ?? {},
      owner: kind.facts?.owner ?? '',
      code: kind.code,
      reason: kind.reason,
      cache: kind.cache,
      bytes: BigInt(bytes),
      known: kind.known,
    });
  }
}

function callOf(call: Partial<RecordedCall>): RecordedCall {
  return {
    requestId: 'a-request',
    caller: callerOf({}),
    method: 'weir.router.v1.RouterService/FetchContext',
    purpose: '',
    revision: 7n,
    startWallMs: WALL_MS,
    startMonotonicMs: 3_765.5,
    code: 0,
    reason: Reason.UNSPECIFIED,
    part: 0,
    target: '',
    items: [],
    ...call,
  };
}

/** All that is recorded of an item. */
type Recorded = RecordedKind & Omit<RecordedItem, 'kind'>;

function itemOf({ key = 'a', bytes = 100, ...kind }: Partial<Recorded>): RecordedItem {
  return {
    kind: {
      action: 'fetch',
      type: 'DocChunk',
      effect: 'allow',
      rules: [],
      redactions: [],
      code: 0,
      reason: Reason.UNSPECIFIED,
      cache: CacheStatus.MISS,
      known: true,
      ...kind,
    },
    key,
    bytes,
  };
}

function callerOf(caller: Partial<Caller>): Caller {
  return {
    tenant: 'acme',
    principal: 'user:lin',
    consumer: 'bot',
    keyId: 'k1',
    authentication: 'key',
    scopes: new Set(),
    permits: [],
    network: '10.0.0.1',
    attributes: {},
    ...caller,
  };
}

function subjectOf(attributes: Subject['attributes'], fingerprint = '0a'.repeat(16)): Subject {
  return {
    tenant: 'acme',
    principal: 'user:lin',
    kind: 'user',
    consumer: 'bot',
    roles: [],
    groups: [],
    clearance: undefined,
    project: undefined,
    tier: undefined,
    attributes,
    fingerprint,
  };
}

/** A journal that keeps what it is given. */
function memoryJournal() {
  const entries: { kind: 'call' | 'subject'; body: Buffer }[] = [];
  const of = (wanted: string) => entries.filter(({ kind }) => kind === wanted);
  return {
    entries,
    generation: 0,
    onAppend: (_kind: 'call' | 'subject') => {},
    append(kind: 'call' | 'subject', _timeMs: number, body: Uint8Array) {
      entries.push({ kind, body: Buffer.from(body) });
      this.onAppend(kind);
    },
    written: () => undefined,
    calls: () => of('call').map(({ body }) => fromBinary(CallRecordSchema, body)),
    subjects: () => of('subject').map(({ body }) => fromBinary(SubjectRecordSchema, body)),
  };
}
