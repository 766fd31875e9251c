import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { reasonOf } from '@weir/kit';
import { JournalService } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { Sensitivity } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { Action, Effect } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { beginChain } from '../audit/test-chain.ts';
import { openTestRegistry, signed, type TestRegistry } from '../test-registry.ts';

const NOW_MS = Date.now();
const HOUR_MS = 3_600_000;
const fingerprint = new Uint8Array(16).fill(1);

let weir: TestRegistry;
beforeAll(async () => {
  weir = await openTestRegistry();
  await ship();
});
afterAll(async () => {
  await weir?.[Symbol.asyncDispose]();
});

/** Ships records of calls as a router does: of one hour ago, and of two days ago. */
async function ship(): Promise<void> {
  const interceptors = [signed({ kind: 'service', name: 'router' })];
  const transport = createGrpcTransport({ baseUrl: weir.opened.url, interceptors });
  const journal = createClient(JournalService, transport);
  const chain = beginChain(NOW_MS - 48 * HOUR_MS);
  const attributes = { roles: ['clerk'] };
  chain.addSubject({ fingerprint, tenant: 'default', attributes });
  for (const hours of [48, 1]) {
    chain.addCall({
      ...{ requestId: `r${hours}`, tenant: 'default', principal: 'lin', authentication: 'key' },
      ...{ network: '10.0.0.7', time: timestampFromMs(NOW_MS - hours * HOUR_MS) },
      subject: fingerprint,
      items: ['hr/1', 'hr/2', 'it/1'].map((key) => ({
        ...{ action: Action.FETCH, type: 'SQLSchema', key, provider: 'db' },
        ...{ effect: Effect.ALLOW, known: true, sensitivity: Sensitivity.INTERNAL },
      })),
    });
  }
  chain.addCheckpoint();
  await journal.openChain({ chain: chain.chain });
  const entries = [...chain.entries];
  await journal.shipEntries({ chain: chain.chain.id, first: 0n, entries });
  await journal.anchorHead(chain.anchor());
}

const noHr = {
  source: {
    case: 'document' as const,
    value: `kind: Policy
name: no-hr
rules:
  - name: clerks
    effect: deny
    subjects: { roles: [clerk] }
    actions: [fetch]
    resources: { keys: [hr/*] }
`,
  },
};

test('tells what a policy would have changed yesterday, and further back when asked', async () => {
  const { policy } = weir.as();
  const day = await policy.diffPolicies({ policies: [noHr] });
  expect(day).toMatchObject({ items: 3n, changedItems: 2n, undecidedItems: 0n });
  expect(day.changes).toMatchObject([
    {
      principal: 'lin',
      type: 'SQLSchema',
      items: 2n,
      keys: ['hr/1', 'hr/2'],
      before: { effect: Effect.ALLOW, rules: ['starter/everybody'] },
      after: { effect: Effect.DENY, rules: ['no-hr/clerks'] },
    },
  ]);
  const from = timestampFromMs(NOW_MS - 72 * HOUR_MS);
  const week = await policy.diffPolicies({ policies: [noHr], from });
  expect(week).toMatchObject({ items: 6n, changedItems: 4n });
  expect((await policy.listPolicies({})).policies.map(({ name }) => name)).toEqual(['starter']);
});

test('tells what would be without a policy, and nothing when nothing changes', async () => {
  const { policy } = weir.as();
  expect(await policy.diffPolicies({ without: ['starter'] })).toMatchObject({
    changes: [{ items: 3n, after: { effect: Effect.DENY, rules: [] } }],
    changedItems: 3n,
  });
  expect(await policy.diffPolicies({})).toMatchObject({ changes: [], items: 3n });
  expect(await policy.diffPolicies({ policies: [noHr], maxItems: 1 })).toMatchObject({ items: 1n });
  expect(await weir.as({ tenant: 'other' }).policy.diffPolicies({})).toMatchObject({ items: 0n });
});

test('one tenant alone keeps no other waiting', async () => {
  const many = Array.from({ length: 6 }, () => weir.as().policy.diffPolicies({}));
  const ended = Promise.allSettled(many);
  const other = weir.as({ tenant: 'other' }).policy.diffPolicies({});
  expect(await other).toMatchObject({ items: 0n });
  expect((await ended)[0]?.status).toBe('fulfilled');
});

const { MALFORMED_REQUEST, NOT_FOUND } = Reason;
const [later, earlier] = [timestampFromMs(2), timestampFromMs(1)];

test.each([
  ['a span that ends before it begins', { from: later, to: earlier }, MALFORMED_REQUEST],
  ['too many items', { maxItems: 1_000_001 }, MALFORMED_REQUEST],
  ['a policy that is not there to be left out', { without: ['nobody'] }, NOT_FOUND],
])('%s is refused', async (_, request, wanted) => {
  const reason = await weir
    .as()
    .policy.diffPolicies(request)
    .then(
      () => expect.unreachable('the call was not refused'),
      (error: unknown) => reasonOf(ConnectError.from(error)),
    );
  expect(reason).toBe(wanted);
});
