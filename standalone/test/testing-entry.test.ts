import { createWeir, type DeliveredEvent, type SubscribeOptions, type Weir } from '@weir/sdk';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { openTestWeir as openInMemory } from '@weir/sdk/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestWeir } from './weir.ts';

// What users test with in memory behaves as Weir does.

const note = defineContext({
  type: 'Greeting',
  version: '1.0.0',
  schema: { type: 'object' },
  fetch: ({ key }) => (key === 'nobody' ? undefined : { value: { text: `Hello ${key}` } }),
});
const greeter = defineProvider({ name: 'greeter', version: '1.0.0', contexts: [note] });

/** What the first world said of each fault; the second says the same. */
const refusals = new Map<string, unknown>();

interface World extends AsyncDisposable {
  readonly client: Weir;
}

async function openReal(): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const { weir } = stack.use(await openTestWeir());
  const client = createWeir({ url: weir.url, key: weir.key });
  stack.defer(() => client.close());
  const served = await serveProvider(greeter, { url: weir.url, key: weir.key });
  stack.defer(() => served.close());
  const owned = stack.move();
  return { client, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const worlds: readonly [string, () => Promise<World>][] = [
  [
    'in memory',
    async () => ({
      client: openInMemory({ providers: [greeter] }),
      [Symbol.asyncDispose]: async () => {},
    }),
  ],
  ['Weir', openReal],
];

describe.each(worlds)('events, %s', (_name, open) => {
  let world: World;
  let weir: Weir;
  let topics = 0;
  beforeAll(async () => {
    world = await open();
    weir = world.client;
  }, 180_000);
  afterAll(() => world?.[Symbol.asyncDispose]());

  /** A topic that nothing was published on. */
  const newTopic = () => {
    topics += 1;
    return `t${topics}`;
  };
  async function take(
    pattern: string | readonly string[],
    count: number,
    options: SubscribeOptions = {},
  ): Promise<DeliveredEvent[]> {
    const events: DeliveredEvent[] = [];
    for await (const event of weir.subscribe(pattern, { from: 'earliest', ...options })) {
      if (events.push(event) === count) break;
    }
    return events;
  }
  const keysOf = (events: readonly DeliveredEvent[]) => events.map(({ key }) => key);

  test('come in their order, to who asks for their topics', async () => {
    const topic = newTopic();
    const of = (name: string, key: string) => ({ topic: `${topic}.${name}`, key });
    await weir.publish([of('page.updated', 'a'), of('pages', 'b'), of('page', 'c')]);
    await weir.publish([of('page.made.here', 'd'), of('user', 'e')]);
    expect(keysOf(await take(`${topic}.*`, 5))).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(keysOf(await take(`${topic}.page.*`, 2))).toEqual(['a', 'd']);
    expect(keysOf(await take([`${topic}.user`, `${topic}.page`], 2))).toEqual(['c', 'e']);
    const all = (await take('*', topics === 1 ? 5 : 1)).map(({ position }) => position);
    expect(all).toEqual(all.toSorted((a, b) => Number(a - b)));
  });

  test('have all that was said of them', async () => {
    const topic = newTopic();
    const time = new Date('2026-01-31T18:00:00Z');
    const told = {
      key: 'k',
      owner: 'lin',
      labels: { site: 'main' },
      sensitivity: 'public',
    } as const;
    const refs = ['Greeting/Ann'];
    const { ids } = await weir.publish(topic, { ...told, refs, time, id: 'mine', data: { a: 1 } });
    expect(ids).toEqual(['mine']);
    await weir.publish(topic, { data: 'text' });
    const [first, second] = await take(topic, 2);
    expect(first).toMatchObject({
      topic,
      ...told,
      id: 'mine',
      time,
      contentType: 'application/json',
    });
    expect(first?.json()).toEqual({ a: 1 });
    expect(first?.refs).toMatchObject([{ type: 'Greeting', key: 'Ann' }]);
    const plain = { key: '', owner: '', labels: {}, sensitivity: 'internal', refs: [], items: [] };
    expect(second).toMatchObject({ ...plain, contentType: 'text/plain; charset=utf-8' });
    expect([second?.text(), second?.id === '', second?.replaced]).toEqual(['text', false, 0]);
    const { time: happened = time, publishTime: committed = time } = second ?? {};
    expect([happened > time, committed >= happened]).toEqual([true, true]);
  });

  test('come to who waits for them, and not from before', async () => {
    const topic = newTopic();
    await weir.publish(topic, { key: 'before' });
    const begun = Promise.withResolvers<void>();
    const waiting = take(topic, 2, { from: 'latest', onCursor: () => begun.resolve() });
    await begun.promise;
    await weir.publish(topic, { key: 'a' });
    await weir.publish(topic, { key: 'b' });
    expect(keysOf(await waiting)).toEqual(['a', 'b']);
  });

  test('go on from a cursor, and bring the items of their refs', async () => {
    const topic = newTopic();
    const refs = ['Greeting/Ann', 'Greeting/nobody'];
    await weir.publish(topic, { key: 'a' });
    const [last] = await take(topic, 1);
    await weir.publish(topic, { key: 'b', refs });
    const { cursor = '' } = last ?? {};
    const [next] = await take(topic, 1, { cursor, fetch: true });
    expect(next?.key).toBe('b');
    const items = next?.items.map((one) => (one.ok ? one.item.value : one.refusal.reason));
    expect(items).toEqual([{ text: 'Hello Ann' }, expect.any(Number)]);
  });

  test('give way to later ones of their key, for who asks for the latest', async () => {
    const topic = newTopic();
    const keys = ['a', 'b', 'a', '', 'a', ''];
    await weir.publish(keys.map((key) => ({ topic, key })));
    const latest = await take(topic, 4, { latestOnly: true });
    const shown = latest.map(({ key, replaced }) => [key, replaced]);
    expect(shown).toEqual([
      ['b', 0],
      ['', 0],
      ['a', 2],
      ['', 0],
    ]);
  });

  test('are published once under one idempotency key', async () => {
    const topic = newTopic();
    const options = { idempotencyKey: topic };
    // The same to the byte: Weir has not completed it yet.
    const once = await weir.publish(topic, { key: 'a' }, options);
    const again = await weir.publish(topic, { key: 'a' }, options);
    expect(again.ids).toEqual(once.ids);
    await expect(weir.publish(topic, { key: 'b' }, options)).rejects.toMatchObject({
      text: expect.stringMatching(/^idempotency_key was used for other events/),
    });
    await weir.publish(topic, { key: 'c' });
    expect(keysOf(await take(topic, 2))).toEqual(['a', 'c']);
  });

  const many = (count: number) => Array.from({ length: count }, () => ({ topic: 'x' }));
  const ofTopic = async (text: string, options: SubscribeOptions = {}) => take(text, 1, options);
  const faults: [string, () => Promise<unknown>][] = [
    ['no events', () => weir.publish([])],
    ['too many events', () => weir.publish(many(257))],
    ['no topic', () => weir.publish([{ topic: 'x' }, { topic: 'Page Updated' }])],
    ['too much data', () => weir.publish('x', { data: new Uint8Array(256 * 1024 + 1) })],
    ['no pattern', () => take([], 1)],
    [
      'too many patterns',
      () =>
        take(
          Array.from({ length: 17 }, (_, index) => `x${index}`),
          1,
        ),
    ],
    ['a pattern that is none', () => ofTopic('page*')],
    ['a cursor that is none', () => ofTopic('*', { cursor: 'mine' })],
  ];
  test.each(faults)('are refused: %s', async (name, call) => {
    const error = await call().then(
      () => expect.unreachable('nothing was refused'),
      ({ code, reason, text }) => ({ code, reason, text }),
    );
    refusals.set(name, refusals.get(name) ?? error);
    expect(error).toEqual(refusals.get(name));
  });
});
