import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { reasonOf } from '@weir/kit';
import { createWeir } from '@weir/sdk';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type PulledEvent,
  type PullRequestSchema,
  type PullResponse,
  Start,
} from '@weir/sdk/gen/weir/events/v1/events_pb';
import { PrincipalKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStandalone, readStandaloneConfig } from '../src/index.ts';
import { type Events, event, eventsOf } from './event-clients.ts';
import { openFolder, openTestWeir, type TestWeir, until } from './weir.ts';

// One Weir for all of them; each test has a tenant of its own, and so a log of its own.
let opened: TestWeir;

beforeAll(async () => {
  opened = await openTestWeir();
}, 180_000);
afterAll(() => opened?.[Symbol.asyncDispose]());

let tenants = 0;

/** A new tenant: its administrator, and its events as that one has them. */
async function openTenant() {
  tenants += 1;
  const { secret } = await opened.client.admin.createTenant({ name: `t${tenants}` });
  const client = createWeir({ url: opened.weir.url, key: secret, timeoutMs: 60_000 });
  const events = eventsOf(opened.weir.url, secret);
  await until(
    () =>
      events.pull(asked({ group: 'known' })).then(
        () => true,
        () => false,
      ),
    'it is known',
    60_000,
  );
  return { client, events, key: secret, [Symbol.dispose]: () => client.close() };
}

/** Pulls until there is something. */
async function pullSome(events: Events, more = {}): Promise<PullResponse> {
  for (;;) {
    const pulled = await events.pull(asked({ wait: seconds(5), ...more }));
    if (pulled.events.length > 0) return pulled;
  }
}

const seconds = (value: number) => ({
  seconds: BigInt(Math.trunc(value)),
  nanos: Math.round((value % 1) * 1e9),
});

/** What workers of a group ask for: all events that there are, of all pages. */
const asked = (more: MessageInitShape<typeof PullRequestSchema> = {}) => ({
  ...{ group: 'mailers', topics: ['page.*'], start: Start.EARLIEST },
  ...more,
});
const keysOf = (pulled: Pick<PullResponse, 'events'> | readonly PulledEvent[]) =>
  ('events' in pulled ? pulled.events : pulled).map((one) => one.event?.event?.key);
const idsOf = ({ events }: PullResponse) => events.map(({ ackId }) => ackId);

async function refusalOf(promise: Promise<unknown>) {
  const error = await promise.then(
    () => expect.unreachable('nothing was refused'),
    (thrown: unknown) => ConnectError.from(thrown),
  );
  return { code: error.code, reason: reasonOf(error), text: error.rawMessage };
}

/** Pulls and acknowledges until there has been nothing for a while; says which keys came, in order. */
async function workOff(events: Events, into: (string | undefined)[], more = {}): Promise<void> {
  for (;;) {
    const pulled = await events.pull(asked({ wait: seconds(2), ...more }));
    if (pulled.events.length === 0) return;
    into.push(...keysOf(pulled));
    const { notHeld } = await events.ack({ group: 'mailers', ackIds: idsOf(pulled) });
    expect(notHeld).toEqual([]);
  }
}

describe('a group of workers', () => {
  test('shares what is published: each event goes to one of them', async () => {
    using tenant = await openTenant();
    const one = tenant.events;
    const two = eventsOf(opened.weir.url, tenant.key);
    const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
    await one.publish({ events: keys.map((key) => event(key)) });
    await one.publish({ events: [event('user', { topic: 'user.updated' })] });
    const byOne: (string | undefined)[] = [];
    const byTwo: (string | undefined)[] = [];
    await Promise.all([
      workOff(one, byOne, { maxEvents: 3 }),
      workOff(two, byTwo, { maxEvents: 3 }),
    ]);
    expect([...byOne, ...byTwo].sort()).toEqual(keys.toSorted());
    expect(byOne.length).toBeGreaterThan(0);
    expect(byTwo.length).toBeGreaterThan(0);
    expect((await one.pull(asked({ group: 'others', maxEvents: 256 }))).events).toHaveLength(100);
  });

  test('waits for what comes, and is woken by what others do', async () => {
    using tenant = await openTenant();
    const { events } = tenant;
    expect(await events.pull(asked({ start: Start.LATEST }))).toMatchObject({
      ...{ events: [], begun: true },
    });
    const waiting = pullSome(events);
    await events.publish({ events: [event('a'), event('a')] });
    const first = await waiting;
    expect([keysOf(first), first.begun]).toEqual([['a'], false]);
    expect(first.events[0]).toMatchObject({ attempt: 1, event: { position: 1n } });
    // The second one of the key waits until the first is done.
    const next = pullSome(events);
    await events.ack({ group: 'mailers', ackIds: idsOf(first) });
    expect((await next).events[0]?.event?.position).toBe(2n);
  });

  test('gets again what a worker that died had, with its key in order', async () => {
    using tenant = await openTenant();
    const { events } = tenant;
    await events.publish({ events: ['a', 'a', 'b'].map((key) => event(key)) });
    const lost = await events.pull(asked({ lease: seconds(1) }));
    expect(keysOf(lost)).toEqual(['a', 'b']);
    const again = await pullSome(events, { maxEvents: 1 });
    expect(again.events.map(({ event: one, attempt }) => [one?.position, attempt])).toEqual([
      [1n, 2],
    ]);
    // Who was held up hears that it has the event no more, and of the other that it still has it.
    const late = await events.ack({ group: 'mailers', ackIds: idsOf(lost) });
    expect(late.notHeld).toEqual([idsOf(lost)[0]]);
    await events.ack({ group: 'mailers', ackIds: idsOf(again) });
    expect((await events.pull(asked())).events[0]?.event?.position).toBe(2n);
  });

  test('keeps what takes longer, and gets back what is given back, when it is time', async () => {
    using tenant = await openTenant();
    const { events } = tenant;
    await events.publish({ events: ['a', 'b', 'c', 'd'].map((key) => event(key)) });
    const pulled = await events.pull(asked({ lease: seconds(1) }));
    const [a = '', b = '', c = '', d = ''] = idsOf(pulled);
    const said = await events.ack({
      group: 'mailers',
      extend: [{ ackId: a, lease: seconds(600) }],
      giveBack: [
        { ackId: b },
        { ackId: c, delay: seconds(1) },
        { ackId: d, delay: seconds(3_600) },
      ],
    });
    expect(said.notHeld).toEqual([]);
    const soon = keysOf(await events.pull(asked()));
    expect(soon[0]).toBe('b');
    if (soon.length === 1) soon.push(...keysOf(await pullSome(events)));
    expect(soon).toEqual(['b', 'c']);
    const after = await events.ack({ group: 'mailers', ackIds: [a, b, c, d] });
    expect(after.notHeld).toEqual([b, c, d]);
  });

  test('sets aside what fails each time, and its key goes on', async () => {
    using tenant = await openTenant();
    const { events } = tenant;
    await events.publish({ events: [event('a', { id: 'poison' }), event('a', { id: 'good' })] });
    const names = ({ events: pulled }: PullResponse) => pulled.map((one) => one.event?.event?.id);
    for (const attempt of [1, 2]) {
      const pulled = await events.pull(asked({ maxAttempts: 2 }));
      expect([names(pulled), pulled.events[0]?.attempt]).toEqual([['poison'], attempt]);
      await events.ack({
        group: 'mailers',
        giveBack: idsOf(pulled).map((ackId) => ({ ackId })),
      });
    }
    const good = await events.pull(asked());
    expect([names(good), good.deadLetters]).toEqual([['good'], 1]);
    await events.ack({ group: 'mailers', ackIds: idsOf(good) });

    const dead = await events.pull(asked({ deadLetters: true }));
    expect(names(dead)).toEqual(['poison']);
    expect(names(await events.pull(asked({ deadLetters: true })))).toEqual([]);
    await events.ack({ group: 'mailers', giveBack: idsOf(dead).map((ackId) => ({ ackId })) });
    const anew = await events.pull(asked());
    expect([names(anew), anew.events[0]?.attempt, anew.deadLetters]).toEqual([['poison'], 1, 0]);
    await events.ack({ group: 'mailers', ackIds: idsOf(anew) });
    expect(names(await events.pull(asked()))).toEqual([]);
  });

  test('brings the items of refs, and passes by what nobody asked for', async () => {
    using tenant = await openTenant();
    const { events } = tenant;
    const other = event('x', { topic: 'user.updated' });
    for (let request = 0; request < 10; request++) {
      await events.publish({ events: Array.from({ length: 200 }, () => other) });
    }
    const refs = [{ type: 'Note', key: 'n1' }];
    await events.publish({ events: [event('late', { refs })] });
    const pulled = await events.pull(asked({ fetch: true }));
    expect(keysOf(pulled)).toEqual(['late']);
    // Nobody provides notes: that is said in the item's place.
    expect(pulled.events[0]?.event?.items[0]?.outcome.case).toBe('refusal');
  });

  test('is what it was after Weir started anew', async () => {
    await using folder = await openFolder();
    // Its database is in its directory, not in memory.
    const open = () => openAt(folder.path);
    let ids: string[] = [];
    let key = '';
    {
      await using first = await open();
      key = first.key;
      const events = eventsOf(first.url, key);
      await events.publish({ events: ['a', 'b', 'c'].map((each) => event(each)) });
      ids = idsOf(await events.pull(asked({ maxEvents: 2, lease: seconds(600) })));
    }
    await using second = await open();
    const events = eventsOf(second.url, key);
    expect(keysOf(await events.pull(asked({ topics: [] })))).toEqual(['c']);
    expect((await events.ack({ group: 'mailers', ackIds: ids })).notHeld).toEqual([]);
    expect((await events.pull(asked())).events).toEqual([]);
  }, 180_000);

  test('begins anew when it is told to, and the leases from before are nobody’s', async () => {
    using tenant = await openTenant();
    const { events } = tenant;
    await events.publish({ events: [event('a'), event('b', { topic: 'user.updated' })] });
    const before = await events.pull(asked());
    expect(keysOf(before)).toEqual(['a']);
    const anew = await events.pull(asked({ topics: ['*'], reset: true }));
    expect([keysOf(anew), anew.begun]).toEqual([['a', 'b'], true]);
    const late = await events.ack({ group: 'mailers', ackIds: idsOf(before) });
    expect(late.notHeld).toEqual(idsOf(before));
  });
});

describe('a worker of the SDK', () => {
  test('tries again what failed, sets aside what fails each time, and goes on', async () => {
    using tenant = await openTenant();
    const { client, events } = tenant;
    await client.publish(['bad', 'good'].map((key) => ({ topic: 'page.updated', key })));
    const tried: [string, number][] = [];
    const failed: unknown[] = [];
    const stop = new AbortController();
    await client.work(
      'mailers',
      'page.*',
      ({ key, attempt }) => {
        tried.push([key, attempt]);
        if (tried.length === 3) stop.abort();
        if (key === 'bad') throw new Error('not today');
      },
      {
        ...{ from: 'earliest', maxAttempts: 2, retryDelayMs: 1, signal: stop.signal },
        onFailed: (error) => failed.push(error),
      },
    );
    expect(tried.toSorted()).toEqual([
      ['bad', 1],
      ['bad', 2],
      ['good', 1],
    ]);
    expect(failed[0]).toEqual(new Error('not today'));
    expect(await events.pull(asked())).toMatchObject({ events: [], deadLetters: 1 });
    expect(keysOf(await events.pull(asked({ deadLetters: true })))).toEqual(['bad']);
  });

  test('keeps what takes longer than its lease, and gives back what it holds when it stops', async () => {
    using tenant = await openTenant();
    const { client, events } = tenant;
    await client.publish('page.updated', { key: 'slow' });
    const stop = new AbortController();
    const begun = Promise.withResolvers<void>();
    const working = client.work(
      'mailers',
      'page.*',
      async (_event, { signal }) => {
        begun.resolve();
        await new Promise((_resolve, reject) => signal.addEventListener('abort', reject));
      },
      { from: 'earliest', leaseMs: 6_000, signal: stop.signal },
    );
    await begun.promise;
    // Longer than the lease: without its extension somebody else would get it.
    const meanwhile = await events.pull(asked({ wait: seconds(8) }));
    expect(meanwhile.events).toEqual([]);
    stop.abort();
    await working;
    const after = await events.pull(asked());
    expect([keysOf(after), after.events[0]?.attempt]).toEqual([['slow'], 2]);
  });
});

describe('who pulls', () => {
  test('gets what the policy lets, and what it does not is done for the group', async () => {
    using tenant = await openTenant();
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
    using tenant = await openTenant();
    const { events: reader, keyId } = await openPrincipal(tenant, 'reader');
    const refused = refusalOf(pullSome(reader));
    await tenant.client.admin.revokeKey({ id: keyId });
    expect((await refused).code).toBe(Code.Unauthenticated);
  });

  test('answers with its own leases only, as they were given', async () => {
    using tenant = await openTenant();
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
    using tenant = await openTenant();
    const { events } = await openPrincipal(tenant, 'writer', [Scope.REGISTER]);
    for (const call of [events.pull(asked()), events.ack({ group: 'mailers', ackIds: ['x'] })]) {
      expect((await refusalOf(call)).reason).toBe(Reason.SCOPE_MISSING);
    }
  });

  test('asks for what cannot be, is told what can', async () => {
    using tenant = await openTenant();
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
  await narrow.client.publish('page.updated', { key: 'a' }, { timeoutMs: 60_000 });
  for (const pulled of await Promise.all(waiting)) expect(keysOf(pulled)).toEqual(['a']);
}, 180_000);

function openAt(dataDir: string) {
  const own = { WEIR_PORT: '0', WEIR_OPS_PORT: '0', WEIR_DATA_DIR: dataDir };
  return openStandalone(readStandaloneConfig(own));
}

async function someLease(events: Events): Promise<string[]> {
  await events.publish({ events: [event('a')] });
  return idsOf(await events.pull(asked()));
}

/** A principal of the tenant with a key of its own. */
async function openPrincipal(
  { client }: Pick<TestWeir, 'client'>,
  name: string,
  scopes: Scope[] = [Scope.READ],
) {
  await client.admin.createPrincipal({ name, kind: PrincipalKind.AGENT });
  const { secret, key } = await client.admin.createKey({ principal: name, scopes });
  return { events: eventsOf(opened.weir.url, secret), keyId: key?.id ?? '' };
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
