import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { systemClock } from '@weir/kit';
import { indexPolicies } from '@weir/policy';
import {
  type CallRecord,
  CallRecordSchema,
  ItemRecordSchema,
  SubjectRecordSchema,
} from '@weir/sdk/gen/weir/audit/v1/record_pb';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Action, Effect, type Policy } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { PrincipalKind, PrincipalSchema } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { expect, test } from 'vitest';
import { policyKind } from '../../manifest/kinds.ts';
import { readManifest } from '../../manifest/read-manifest.ts';
import { nextVersion } from '../policies.ts';
import { type DiffBounds, diffCalls } from './diff.ts';
import { createReplay, type RecordedCall } from './replay.ts';

const NOON_MS = Date.parse('2027-01-31T12:00:00Z');

const reader = {
  principal: async (_tenant: string, name: string) =>
    create(PrincipalSchema, {
      name,
      kind: name === 'bot' ? PrincipalKind.AGENT : PrincipalKind.USER,
    }),
} as unknown as Parameters<typeof createReplay>[0];

function policy(rules: string): Policy {
  const value = `kind: Policy\nname: p\nrules:\n${rules}`;
  const { manifest, hash } = readManifest(policyKind, { case: 'document', value });
  const spec = { tenant: 't', manifest, hash, author: '', comment: '' };
  return nextVersion({ clock: systemClock }, undefined, spec);
}

const everybody = '  - { name: everybody, effect: allow, actions: [fetch, list] }\n';

interface Call extends Partial<Omit<CallRecord, 'items' | '$typeName'>> {
  readonly roles?: string[];
  readonly items: readonly MessageInitShape<typeof ItemRecordSchema>[];
}

let times = 0;
function call({ roles, items, ...more }: Call): RecordedCall {
  times += 1;
  const record = create(CallRecordSchema, {
    ...{ tenant: 't', principal: 'lin', authentication: 'key', network: '10.0.0.1' },
    ...{ time: timestampFromMs(NOON_MS - times), subject: new Uint8Array([roles?.length ?? 0]) },
    ...more,
    items: items.map((item) =>
      create(ItemRecordSchema, {
        ...{ action: Action.FETCH, type: 'SQLSchema', key: 'hr', effect: Effect.ALLOW },
        ...{ provider: 'db', known: true, sensitivity: Sensitivity.INTERNAL },
        ...item,
      }),
    ),
  });
  const attributes = { roles: roles ?? [] };
  return { record, subject: create(SubjectRecordSchema, { tenant: 't', attributes }) };
}

async function* all(calls: readonly RecordedCall[]) {
  yield* calls;
}

function diff(rules: string, calls: readonly RecordedCall[], more: Partial<DiffBounds> = {}) {
  const [before, after] = [everybody, rules].map((text) => indexPolicies([policy(text)]));
  if (!before || !after) expect.unreachable();
  const bounds = { itemsMax: 100, untilMs: Number.POSITIVE_INFINITY, clock: systemClock, ...more };
  return diffCalls(all(calls), createReplay(reader, before, after), bounds);
}

test('what is decided as before is no change', async () => {
  const renamed = everybody.replace('everybody', 'all');
  const calls = [call({ items: [{}, { key: 'pay' }] })];
  expect(await diff(renamed, calls)).toMatchObject({
    changes: [],
    items: 2n,
    changedItems: 0n,
    undecidedItems: 0n,
  });
});

test('changes that are alike are told as one, most items first', async () => {
  const rules = `${everybody}  - name: no-hr
    effect: deny
    actions: [fetch]
    resources: { keys: [hr*] }
`;
  const keys = ['hr/1', 'hr/2', 'hr/3', 'hr/4', 'hr/5', 'hr/6', 'hr/1', 'other'];
  const answer = await diff(rules, [
    call({ items: [{ key: 'hr' }], principal: 'max' }),
    call({ items: keys.map((key) => ({ key })) }),
    call({ items: [{ key: 'hr', action: Action.LIST }] }),
  ]);
  expect(answer).toMatchObject({ items: 10n, changedItems: 8n, undecidedItems: 0n });
  expect(answer.changes).toMatchObject([
    {
      principal: 'lin',
      action: Action.FETCH,
      type: 'SQLSchema',
      items: 7n,
      keys: ['hr/1', 'hr/2', 'hr/3', 'hr/4', 'hr/5'],
      before: { effect: Effect.ALLOW, rules: ['p/everybody'] },
      after: { effect: Effect.DENY, rules: ['p/no-hr'], text: 'a rule denies it' },
    },
    { principal: 'max', items: 1n },
  ]);
});

test('other obligations are a change, and a purpose that was not stated a denial', async () => {
  const rules = `${everybody}  - name: masked
    effect: oblige
    actions: [fetch]
    subjects: { roles: [clerk] }
    obligations: [{ mask: { fields: { pointers: [/salary] } } }]
  - name: purposes
    effect: oblige
    actions: [fetch]
    subjects: { principals: [max] }
    obligations: [{ requirePurpose: { purposes: [billing] } }]
`;
  const answer = await diff(rules, [
    call({ items: [{}], roles: ['clerk'] }),
    call({ items: [{}], principal: 'max' }),
    call({ items: [{}], principal: 'max', purpose: 'billing' }),
  ]);
  expect(answer.changes.map(({ after }) => after)).toMatchObject([
    { effect: Effect.ALLOW, obligations: [{ kind: { case: 'mask' } }] },
    { effect: Effect.DENY, obligations: [], text: expect.stringContaining('purpose') },
    { effect: Effect.ALLOW, obligations: [{ kind: { case: 'requirePurpose' } }] },
  ]);
});

test('calls are decided with the attributes, time and address that they had', async () => {
  const rules = `  - name: at-noon
    effect: allow
    actions: [fetch]
    condition: >-
      subject.kind == "agent" && hasRole("clerk") && between("11:00", "13:00", "UTC") &&
      inNetwork(environment.network, "10.0.0.0/8") && resource.labels["team"] == "hr"
`;
  const right = { principal: 'bot', roles: ['clerk'], items: [{ labels: { team: 'hr' } }] };
  const wrong: Partial<Call>[] = [
    { principal: 'lin' },
    { roles: [] },
    { time: timestampFromMs(NOON_MS + 3_600_000) },
    { network: '192.168.0.1' },
    { items: [{ labels: { team: 'it' } }] },
  ];
  const calls = [{}, ...wrong].map((one) => call({ ...right, ...one }));
  expect(await diff(rules, calls)).toMatchObject({ items: 6n, changedItems: 5n });
});

test('what a record does not hold leaves an item undecided', async () => {
  const rules = everybody.replace(' }', ', condition: "resource.owner == \\"lin\\"" }');
  const gone = { ...call({ items: [{}] }), subject: undefined };
  const answer = await diff(rules, [
    call({ items: [{ known: false }, { owner: 'lin' }] }),
    gone,
    call({ items: [{ effect: Effect.UNSPECIFIED }, { action: Action.UNSPECIFIED }] }),
    call({ items: [{}], authentication: '' }),
  ]);
  expect(answer).toMatchObject({ items: 4n, changedItems: 0n, undecidedItems: 3n });
});

test('it ends at the number of items and at the time, and says how far it came', async () => {
  const calls = Array.from({ length: 10 }, () => call({ items: [{}, {}] }));
  const some = await diff(everybody, calls, { itemsMax: 5 });
  expect(some.items).toBe(5n);
  expect(some.oldest && timestampMs(some.oldest)).toBe(timestampMs(calls[2]?.record.time as never));
  const clock = { wallMs: () => 0, monotonicMs: () => 1000 };
  expect((await diff(everybody, calls, { clock, untilMs: 1000 })).items).toBe(2n);
  const merged = await diff(everybody, [call({ items: [{}], calls: 7 })]);
  expect(merged.items).toBe(7n);
});
