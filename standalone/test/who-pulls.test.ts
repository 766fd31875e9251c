import { Code, ConnectError } from '@connectrpc/connect';
import { reasonOf } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { PullResponse } from '@weir/sdk/gen/weir/events/v1/events_pb';
import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Events, event, eventsOf } from './event-clients.ts';
import { asked, idsOf, keysOf, pullSome, seconds } from './pull-clients.ts';
import { openPrincipal, openTenant } from './tenants.ts';
import { openTestWeir, type TestWeir, until } from './weir.ts';

// One Weir for all of them; each test has a tenant of its own, and so a log of its own.
let opened: TestWeir;

beforeAll(async () => {
  opened = await openTestWeir();
}, 180_000);
afterAll(() => opened?.[Symbol.asyncDispose]());

async function refusalOf(promise: Promise<unknown>) {
  const error = await promise.then(
    () => expect.unreachable('nothing was refused'),
    (thrown: unknown) => ConnectError.from(thrown),
  );
  return { code: error.code, reason: reasonOf(error), text: error.rawMessage };
}

describe('who pulls', () => {
  test('gets what the policy lets, and what it does not is done for the group', async () => {
    using tenant = await openTenant(opened);
    const { client, events: admin } = tenant;
    const { events: reader } = await openPrincipal(tenant, 'reader');
    const made = event('1', { topic: 'secret.made' });
    await admin.publish({ events: [made, event('2'), event('3', { topic: 'for.support' })] });
    const everything = { topics: ['*'], purpose: 'support' };
    let groups = 0;
    const sees = (...keys: string[]) =>
      until(
        async () => {
          groups += 1;
          const pulled = await reader.pull(asked({ ...everything, group: `g${groups}` }));
          return keysOf(pulled).join() === keys.join();
        },
        `the reader sees ${keys}`,
        60_000,
      );
    await sees('1', '2', '3');
    const open = await reader.pull(asked({ group: 'open', topics: ['secret.*'] }));
    expect(keysOf(open)).toEqual(['1']);

    const policy = { source: { case: 'document', value: secretTopics } } as const;
    await client.policy.putPolicy({ policy });
    await sees('2', '3');
    expect(keysOf(await admin.pull(asked(everything)))).toEqual(['1', '2', '3']);
    const unstated = await refusalOf(reader.pull(asked({ group: 'unstated', topics: ['*'] })));
    expect(unstated.reason).toBe(Reason.PURPOSE_REQUIRED);
    // The policy of the moment decides, also on what comes again.
    await reader.ack({ group: 'open', giveBack: idsOf(open).map((ackId) => ({ ackId })) });
    expect(keysOf(await reader.pull(asked({ group: 'open', topics: [] })))).toEqual([]);
    const late = await reader.ack({ group: 'open', ackIds: idsOf(open) });
    expect(late.notHeld).toEqual(idsOf(open));
  });

  test('may not any more, is told', async () => {
    using tenant = await openTenant(opened);
    const { events: reader, keyId } = await openPrincipal(tenant, 'reader');
    const refused = refusalOf(pullSome(reader));
    await tenant.client.admin.revokeKey({ id: keyId });
    expect((await refused).code).toBe(Code.Unauthenticated);
  });

  test('answers with its own leases only, as they were given', async () => {
    using tenant = await openTenant(opened);
    const { events: admin } = tenant;
    const { events: reader } = await openPrincipal(tenant, 'reader');
    await admin.publish({ events: [event('a')] });
    const [id = ''] = idsOf(await admin.pull(asked()));
    const stolen = await refusalOf(reader.ack({ group: 'mailers', ackIds: [id] }));
    expect([stolen.code, stolen.reason]).toEqual([Code.PermissionDenied, Reason.DENIED]);
    const altered = `${id.slice(0, 8)}${id[8] === 'A' ? 'B' : 'A'}${id.slice(9)}`;
    for (const malformed of ['x', 'a.b', altered, 'y'.repeat(5_000)]) {
      const refused = await refusalOf(admin.ack({ group: 'mailers', ackIds: [malformed] }));
      expect(refused).toEqual({
        ...{ code: Code.InvalidArgument, reason: Reason.INVALID_CURSOR },
        text: 'ack_ids[0] is malformed, altered or from another installation; send the ack_id that came with the event',
      });
    }
    const elsewhere = await refusalOf(admin.ack({ group: 'others', giveBack: [{ ackId: id }] }));
    expect(elsewhere.text).toBe(
      'give_back[0].ack_id is of the group mailers, not of others; send the ack_id that came with the event',
    );
    // A group is its principal's: another one's of the same name is another group.
    expect(keysOf(await reader.pull(asked()))).toEqual(['a']);
  });

  test('needs the scope to read', async () => {
    using tenant = await openTenant(opened);
    const { events } = await openPrincipal(tenant, 'writer', [Scope.REGISTER]);
    for (const call of [events.pull(asked()), events.ack({ group: 'mailers', ackIds: ['x'] })]) {
      expect((await refusalOf(call)).reason).toBe(Reason.SCOPE_MISSING);
    }
  });

  test('asks for what cannot be, is told what can', async () => {
    using tenant = await openTenant(opened);
    const { events } = tenant;
    await events.pull(asked());
    const of = (more: object) => () => events.pull(asked(more));
    const many = Array.from({ length: 257 }, () => 'x');
    const group =
      'group is not the name of a group: use 1 to 128 of a-z, 0-9, "-", "_", ".", "@" and ":"';
    const rows: [() => Promise<unknown>, Code, Reason, string][] = [
      [of({ group: '' }), Code.InvalidArgument, Reason.INVALID_NAME, group],
      [of({ group: 'a/b' }), Code.InvalidArgument, Reason.INVALID_NAME, group],
      [of({ group: 'a'.repeat(129) }), Code.InvalidArgument, Reason.INVALID_NAME, group],
      [
        of({ group: 'new', topics: [] }),
        Code.InvalidArgument,
        Reason.INVALID_NAME,
        'topics has 0 entries; give 1 to 16, or "*" for all',
      ],
      [
        of({ topics: ['Page'] }),
        Code.InvalidArgument,
        Reason.INVALID_NAME,
        'topics[0] is no topic; write 1 to 8 names like "page.updated"',
      ],
      [
        of({ topics: ['user.*'] }),
        Code.AlreadyExists,
        Reason.ALREADY_EXISTS,
        'topics: the group mailers is for the topics page.*; give those or none, choose another name, or set reset to make it anew',
      ],
      [
        of({ maxEvents: 257 }),
        Code.InvalidArgument,
        Reason.MALFORMED_REQUEST,
        'max_events is 257; give 1 to 256, or 0 for the default',
      ],
      [
        of({ maxAttempts: 2 ** 31 }),
        Code.InvalidArgument,
        Reason.MALFORMED_REQUEST,
        'max_attempts is 2147483648; give 1 to 100, or 0 for the default',
      ],
      [
        of({ wait: seconds(-1) }),
        Code.InvalidArgument,
        Reason.MALFORMED_REQUEST,
        'wait is -1 s; give 0 to 20 s',
      ],
      [
        of({ wait: seconds(21) }),
        Code.InvalidArgument,
        Reason.MALFORMED_REQUEST,
        'wait is 21 s; give 0 to 20 s',
      ],
      [
        of({ lease: seconds(0) }),
        Code.InvalidArgument,
        Reason.MALFORMED_REQUEST,
        'lease is 0 s; give 1 to 600 s',
      ],
      [
        of({ deadLetters: true, reset: true }),
        Code.InvalidArgument,
        Reason.MALFORMED_REQUEST,
        'reset is set together with dead_letters, which it forgets; set one of them',
      ],
      [
        of({ group: 'unknown', deadLetters: true }),
        Code.NotFound,
        Reason.NOT_FOUND,
        'there is no group unknown of yours; pull events from it first',
      ],
      [
        () => events.ack({ group: 'mailers' }),
        Code.InvalidArgument,
        Reason.BATCH_EMPTY,
        'nothing is said of any event; give 1 to 256 of ack_ids, give_back and extend together',
      ],
      [
        () => events.ack({ group: 'mailers', ackIds: many }),
        Code.InvalidArgument,
        Reason.BATCH_TOO_LARGE,
        'something is said of 257 events; give 1 to 256 of ack_ids, give_back and extend together',
      ],
    ];
    for (const [call, code, reason, text] of rows) {
      expect(await refusalOf(call())).toEqual({ code, reason, text });
    }
    const [id = ''] = await someLease(events);
    const longest = { ackId: id, delay: seconds(43_201) };
    expect((await refusalOf(events.ack({ group: 'mailers', giveBack: [longest] }))).text).toBe(
      'give_back[0].delay is 43201 s; give 0 to 43200 s',
    );
    const shortest = { ackId: id, lease: seconds(0.5) };
    expect((await refusalOf(events.ack({ group: 'mailers', extend: [shortest] }))).text).toBe(
      'extend[0].lease is 0.5 s; give 1 to 600 s',
    );
  });
});

test('pulls that wait leave the calls at work to others', async () => {
  await using narrow = await openTestWeir({ WEIR_CALLS_AT_WORK: '2' });
  const { client } = narrow;
  const events = eventsOf(narrow.weir.url, narrow.weir.key);
  // Where four begin at once, some are told to call again.
  const insist = async (more: object): Promise<PullResponse> => {
    for (;;) {
      const pulled = await pullSome(events, more).catch((error: unknown) => {
        if (ConnectError.from(error).code !== Code.Unavailable) throw error;
      });
      if (pulled) return pulled;
    }
  };
  const waiting = Array.from({ length: 4 }, (_, index) => insist({ group: `g${index}` }));
  await client.publish('page.updated', { key: 'a' }, { timeoutMs: 60_000 });
  for (const pulled of await Promise.all(waiting)) expect(keysOf(pulled)).toEqual(['a']);
}, 180_000);

async function someLease(events: Events): Promise<string[]> {
  await events.publish({ events: [event('a')] });
  return idsOf(await events.pull(asked()));
}

const secretTopics = `
kind: Policy
name: topics
rules:
  - name: secrets-stay
    effect: deny
    subjects: { principals: [reader] }
    actions: [subscribe]
    resources: { types: ["secret.*"] }
  - name: support-only
    effect: oblige
    subjects: { principals: [reader] }
    actions: [subscribe]
    resources: { types: ["for.support"] }
    obligations:
      - requirePurpose: { purposes: [support] }
`;
