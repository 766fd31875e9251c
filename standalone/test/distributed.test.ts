import { createWeir, type Weir } from '@weir/sdk';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { defineContext, defineProvider, serveProvider } from '@weir/sdk/provider';
import { describe, expect, test } from 'vitest';
import { databases, eventLogs, openApart } from './apart.ts';
import { event, eventsOf, keysOf } from './event-clients.ts';
import { until } from './weir.ts';

function greeter(version: string, greeting: string, more: { weight?: number } = {}) {
  return defineProvider({
    name: 'greeter',
    version,
    ...more,
    contexts: [
      defineContext<{ text: string }>({
        type: 'Greeting',
        version: '1.0.0',
        schema: { type: 'object', properties: { text: { type: 'string' } } },
        fetch: async ({ key }) => ({ value: { text: `${greeting} ${key}` } }),
      }),
    ],
  });
}

const textOf = async (client: Weir, key = 'you', options = {}) => {
  const [outcome] = await client.fetch([`Greeting/${key}`], options);
  if (!outcome?.ok) return outcome?.refusal.text;
  return (outcome.item.value as { text: string }).text;
};

describe.each(databases)('a registry on %s with two routers', (_, openStore) => {
  for (const { place, isThere, openLog } of eventLogs)
    test.skipIf(!isThere)(
      `an event, kept ${place}, of one router is told at the other, and neither holds what was before`,
      async () => {
        await using database = await openStore();
        await using eventLog = await openLog();
        await using weir = await openApart(database.url, ['one', 'two'], eventLog.config);
        const [one, two] = weir.routers;
        if (!one || !two) throw new Error('two routers were opened');
        const at = { url: one.router.url, key: weir.adminKey };
        let greeting = 'hello';
        const changing = defineProvider({
          ...{ name: 'changing', version: '1.0.0' },
          contexts: [
            defineContext<{ text: string }>({
              ...{ type: 'Greeting', version: '1.0.0', ttlMs: 600_000 },
              schema: { type: 'object', properties: { text: { type: 'string' } } },
              fetch: async ({ key }) => ({ value: { text: `${greeting} ${key}` } }),
            }),
          ],
        });
        await using _changing = await serveProvider(changing, at);
        for (const { client } of [one, two]) {
          await until(async () => (await textOf(client)) === 'hello you', 'both hold it');
        }
        greeting = 'bye';
        expect(await textOf(two.client)).toBe('hello you');

        const subscribed = eventsOf(two.router.url, weir.adminKey).subscribe({
          topics: ['greeting.*'],
        });
        const told = subscribed[Symbol.asyncIterator]();
        await told.next();
        const published = await eventsOf(one.router.url, weir.adminKey).publish({
          events: [
            event('you', { topic: 'greeting.changed', refs: [{ type: 'Greeting', key: 'you' }] }),
          ],
        });
        const { consistencyToken } = published;
        for (const { client } of [one, two]) {
          const { results } = await client.router.fetchContext({
            refs: [{ type: 'Greeting', key: 'you' }],
            consistencyToken,
          });
          const { outcome } = results[0] ?? {};
          const body = outcome?.case === 'item' ? outcome.value.body : undefined;
          expect(Buffer.from((body?.value as Uint8Array) ?? []).toString()).toBe(
            '{"text":"bye you"}',
          );
        }
        const next = await told.next();
        expect(keysOf(next.value?.events ?? [])).toEqual(['you']);
        await told.return?.();
        expect(await textOf(two.client)).toBe('bye you');
      },
    );

  test('a write is seen by every router within a second, and at once with its token', async () => {
    await using database = await openStore();
    await using weir = await openApart(database.url, ['one', 'two']);
    const [one, two] = weir.routers;
    if (!one || !two) throw new Error('two routers were opened');
    const at = { url: one.router.url, key: weir.adminKey };
    await using _greeter = await serveProvider(greeter('1.0.0', 'hello'), at);
    const { consistencyToken } = await one.client.registry.registerConsumer({
      source: { case: 'manifest', value: { name: 'reader' } },
    });
    expect(await textOf(two.client, 'you', { consistencyToken })).toBe('hello you');

    const wroteAt = performance.now();
    const { consistencyToken: token } = await one.client.registry.deregisterProvider({
      name: 'greeter',
    });
    expect(await textOf(two.client, 'me', { consistencyToken: token })).toContain('no provider');
    await until(
      async () => String(await textOf(one.client, 'me')).includes('no provider'),
      'the other router sees it',
    );
    expect(performance.now() - wroteAt).toBeLessThan(5_000);
  });

  test('without the registry routers go on, also after a restart, and catch up later', async () => {
    await using database = await openStore();
    await using weir = await openApart(database.url, ['one']);
    const [one] = weir.routers;
    if (!one) throw new Error('a router was opened');
    const at = { url: one.router.url, key: weir.adminKey };
    await using _greeter = await serveProvider(greeter('1.0.0', 'hello'), at);
    await until(async () => (await textOf(one.client)) === 'hello you', 'it is served');
    await until(() => one.router.follower.kind === 'following', 'the router follows');
    await new Promise((resolve) => setTimeout(resolve, 1_500));

    await weir.stopRegistry();
    expect(await textOf(one.client, 'again')).toBe('hello again');
    await expect(one.client.registry.listProviders({})).rejects.toMatchObject({
      reason: Reason.REGISTRY_UNAVAILABLE,
    });
    await one.router[Symbol.asyncDispose]();
    await using restarted = await weir.openRouter('one', 'http://127.0.0.1:1');
    await restarted.ready(AbortSignal.timeout(5_000));
    const client = createWeir({ url: restarted.url, key: weir.adminKey });
    expect(await textOf(client, 'there')).toBe('hello there');
    client.close();
  });

  test('workers at two routers share a group', async () => {
    await using database = await openStore();
    await using weir = await openApart(database.url, ['one', 'two']);
    const [one] = weir.routers;
    if (!one) throw new Error('a router was opened');
    const keys = Array.from({ length: 60 }, (_, index) => `k${index}`);
    await one.client.publish(keys.map((key) => ({ topic: 'page.updated', key })));
    const done = weir.routers.map((): string[] => []);
    const stop = new AbortController();
    const working = weir.routers.map(({ client }, at) =>
      client.work(
        'mailers',
        'page.*',
        ({ key }) => {
          done[at]?.push(key);
          // Both have had their share, and all is done.
          const isOver = new Set(done.flat()).size === keys.length && done.every((by) => by.length);
          if (isOver) stop.abort();
        },
        { from: 'earliest', concurrency: 2, signal: stop.signal },
      ),
    );
    await Promise.all(working);
    expect([...new Set(done.flat())].sort()).toEqual(keys.toSorted());
    const rest = await one.client.events.pull({ group: 'mailers' });
    expect(rest).toMatchObject({ events: [], begun: false, deadLetters: 0 });
  }, 120_000);

  test('versions of a provider live side by side; a dead endpoint leaves and returns', async () => {
    await using database = await openStore();
    await using weir = await openApart(database.url, ['one']);
    const [one] = weir.routers;
    if (!one) throw new Error('a router was opened');
    const at = { url: one.router.url, key: weir.adminKey };
    await using _stable = await serveProvider(greeter('1.0.0', 'old', { weight: 90 }), at);
    await using _canary = await serveProvider(greeter('1.1.0', 'new', { weight: 10 }), at);
    const keys = Array.from({ length: 200 }, (_, i) => `Greeting/k${i}`);
    const share = async () => {
      const outcomes = await one.client.fetch(keys);
      const texts = outcomes.map((o) => (o.ok ? (o.item.value as { text: string }).text : ''));
      return texts.filter((text) => text.startsWith('new')).length;
    };
    await until(async () => (await share()) > 0, 'the canary gets keys');
    expect(await share()).toBeLessThan(60);

    const dead = await one.client.registry.registerEndpoint({
      provider: 'greeter',
      version: '1.0.0',
      endpoint: { url: 'http://127.0.0.1:1' },
    });
    const id = dead.endpoint?.id ?? '';
    const endpoints = async () => {
      const { provider } = await one.client.registry.getProvider({
        name: 'greeter',
        version: '1.0.0',
      });
      return provider?.endpoints.map((e) => [e.id === id, e.health]) ?? [];
    };
    const diedAt = performance.now();
    await until(async () => (await endpoints()).some(([own, h]) => own && h === 2), 'it is down');
    expect(performance.now() - diedAt).toBeLessThan(5_000);
    await one.client.registry.heartbeat({ endpointIds: [id] });
    expect((await endpoints()).find(([own]) => own)?.[1]).toBe(1);
    for (const outcome of await one.client.fetch(keys)) expect(outcome.ok).toBe(true);
  });
});
