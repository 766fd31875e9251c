import { type PullResponse, Start } from '@weir/sdk/gen/weir/events/v1/events_pb';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openStandalone, readStandaloneConfig } from '../src/index.ts';
import { event, eventsOf } from './event-clients.ts';
import { asked, idsOf, keysOf, pullSome, seconds, workOff } from './pull-clients.ts';
import { openTenant } from './tenants.ts';
import { openFolder, openTestWeir, type TestWeir } from './weir.ts';

// Leases, and waits for nothing, take seconds.
vi.setConfig({ testTimeout: 90_000 });

// One Weir for all of them; each test has a tenant of its own, and so a log of its own.
let opened: TestWeir;

beforeAll(async () => {
  opened = await openTestWeir();
}, 180_000);
afterAll(() => opened?.[Symbol.asyncDispose]());

describe('a group of workers', () => {
  test('shares what is published: each event goes to one of them', async () => {
    using tenant = await openTenant(opened);
    const one = tenant.events;
    const two = eventsOf(opened.weir.url, tenant.weir.key);
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
    using tenant = await openTenant(opened);
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
    using tenant = await openTenant(opened);
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
    using tenant = await openTenant(opened);
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
    using tenant = await openTenant(opened);
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
    using tenant = await openTenant(opened);
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
    using tenant = await openTenant(opened);
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
    using tenant = await openTenant(opened);
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
    using tenant = await openTenant(opened);
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

function openAt(dataDir: string) {
  const own = { WEIR_PORT: '0', WEIR_OPS_PORT: '0', WEIR_DATA_DIR: dataDir };
  return openStandalone(readStandaloneConfig(own));
}
