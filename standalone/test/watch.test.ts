import { once } from 'node:events';
import { hasRedisServer, openTestRedis, type TestRedis } from '@weir/kit/testing/redis-server';
import { Start } from '@weir/sdk/gen/weir/events/v1/events_pb';
import { EffectSchema } from '@weir/sdk/gen/weir/policy/v1/policy_pb';
import { PrincipalKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { Code, manifestOf, ProviderError, serveProvider } from '@weir/sdk/provider';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { eventsOf, keysOf, take } from './event-clients.ts';
import { scrape } from './scrape.ts';
import { openToldSource } from './told-source.ts';
import { openTestWeir, type TestWeir, until } from './weir.ts';

// Each opens a Weir of its own, which takes its time on a machine that is at work.
vi.setConfig({ testTimeout: 180_000 });

const all = { topics: ['*'], start: Start.EARLIEST };
const saved = (key: string) => ({ topic: 'page.updated', key, refs: [`Page/${key}`] });

const openAll = ({ weir }: TestWeir) => eventsOf(weir.url, weir.key).subscribe(all);
const at = ({ weir }: TestWeir) => ({ url: weir.url, key: weir.key });

let redis: TestRedis | undefined;
let databases = 0;
beforeAll(async () => {
  if (hasRedisServer) redis = await openTestRedis();
});
afterAll(() => redis?.[Symbol.asyncDispose]());

const inRedis = () => ({
  WEIR_EVENTS_LOG: 'redis',
  WEIR_EVENTS_REDIS_URL: `${redis?.url}/${databases++}`,
});
const places = [
  { place: 'the registry', envOf: () => ({}), isThere: true },
  { place: 'Redis', envOf: inRedis, isThere: hasRedisServer },
];

describe.each(places)('a watched provider, with events in $place', ({ envOf, isThere }) => {
  beforeEach((context) => {
    if (!isThere) context.skip('there is no redis-server');
  });

  test('is heard as if it published, in its order, and caches forget', async () => {
    await using opened = await openTestWeir(envOf());
    const source = openToldSource();
    await using _pages = await serveProvider(source.provider(), at(opened));
    const { client } = opened;
    const home = async () => {
      const [outcome] = await client.fetch(['Page/home']);
      return outcome?.ok ? (outcome.item.value as { saved: number }).saved : undefined;
    };
    await until(async () => (await home()) === 0, 'the provider answers');
    source.happens(saved('home'), saved('about'), saved('home'));
    const { events } = await take(openAll(opened), 3);
    expect(keysOf(events)).toEqual(['home', 'about', 'home']);
    expect(events[0]).toMatchObject({ publisher: 'admin', event: { topic: 'page.updated' } });
    expect(await home()).toBe(2);

    const { provider } = await client.registry.getProvider({ name: 'pages' });
    expect(provider?.watch?.holder).not.toBe('');
    expect(provider?.watch?.moveTime).toBeDefined();
    expect(provider?.endpoints[0]?.registrar).toBe('admin');
  });

  test('goes on from its cursor when it comes back, and is not asked for what is committed', async () => {
    await using opened = await openTestWeir(envOf());
    const source = openToldSource();
    {
      await using _pages = await serveProvider(source.provider(), at(opened));
      source.happens(saved('1'), saved('2'));
      await take(openAll(opened), 2);
    }
    await until(async () => (await moved(opened)) !== undefined, 'the place is noted');
    expect(source.listeners).toBe(0);
    source.happens(saved('3'));
    await using _again = await serveProvider(source.provider(), at(opened));
    expect(keysOf((await take(openAll(opened), 3)).events)).toEqual(['1', '2', '3']);
    expect(source.asked).toEqual(['', '2']);
  });
});

describe('a watched provider', () => {
  test('publishes as who registered its process: what that one may not is left out, and counted', async () => {
    await using opened = await openTestWeir();
    const { client, weir } = opened;
    await client.admin.createPrincipal({ name: 'wiki', kind: PrincipalKind.SERVICE });
    const scopes = [Scope.REGISTER, Scope.READ];
    const { secret: key } = await client.admin.createKey({ principal: 'wiki', scopes });
    await client.policy.putPolicy({
      policy: { source: { case: 'document', value: pagesOnly } },
    });
    const source = openToldSource();
    const pages = source.provider();
    // Who registered the provider may publish anything; whose process it is may not.
    const manifest = { case: 'manifest', value: manifestOf(pages) } as const;
    await client.registry.publishType({ source: { case: 'document', value: pageType } });
    await client.registry.registerProvider({ source: manifest });
    await using _pages = await serveProvider(pages, { url: weir.url, key });
    source.together = 3;
    const secret = { topic: 'secret.made', key: 's' };
    source.happens(saved('1'), secret, { ...saved('2'), topic: 'Not A Topic' }, saved('3'), secret);
    source.happens(saved('4'));
    const { events } = await take(openAll(opened), 3);
    expect(keysOf(events)).toEqual(['1', '3', '4']);
    expect(events.map(({ publisher }) => publisher)).toEqual(['wiki', 'wiki', 'wiki']);

    const counted = await scrape(weir.opsPort);
    const of = (what: string) =>
      `weir_watch_events_total{what="${what}",tenant="default",provider="pages",service="weir-router"}`;
    expect(counted).toContain(`${of('taken')} 3`);
    expect(counted).toContain(`${of('refused')} 3`);
    expect(counted).toContain('weir_watches{service="weir-router"} 1');
    const filter = { principal: 'wiki', method: 'Watch' };
    const recorded = async () => (await client.audit.searchRecords({ filter })).records;
    const items = async () => (await recorded()).flatMap((one) => one.record?.items ?? []);
    await until(async () => (await items()).length >= 5, 'it is recorded');
    const decided = (await items()).map(
      ({ key: of, effect }) => `${of} ${EffectSchema.value[effect]?.localName}`,
    );
    expect(decided.sort()).toEqual(['1 ALLOW', '3 ALLOW', '4 ALLOW', 's DENY', 's DENY']);
    expect((await recorded())[0]?.record).toMatchObject({
      ...{ authentication: 'registration', target: 'pages' },
      method: 'weir.provider.v1.ProviderService/Watch',
    });
  });

  test('is not heard any more once who registered it is disabled, and loses nothing', async () => {
    await using opened = await openTestWeir();
    const { client, weir } = opened;
    await client.admin.createPrincipal({ name: 'wiki', kind: PrincipalKind.SERVICE });
    const scopes = [Scope.REGISTER];
    const { secret: key } = await client.admin.createKey({ principal: 'wiki', scopes });
    const source = openToldSource();
    await using _pages = await serveProvider(source.provider(), { url: weir.url, key });
    source.happens(saved('1'));
    await take(openAll(opened), 1);
    await disable(opened, true);
    source.happens(saved('2'));
    await until(async () => (await failures(opened)) > 0, 'it is refused');
    await disable(opened, false);
    expect(keysOf((await take(openAll(opened), 2)).events)).toEqual(['1', '2']);
  });

  test('that forgot its cursor begins anew; the same again is another event', async () => {
    await using opened = await openTestWeir();
    const source = openToldSource();
    const stop = new AbortController();
    const first = await serveProvider(source.provider(), { ...at(opened), signal: stop.signal });
    source.happens(saved('1'));
    await take(openAll(opened), 1);
    stop.abort();
    await first.closed;
    // As a source that kept nothing: its cursors begin again, and the same happens.
    const other = openToldSource();
    await using _second = await serveProvider(
      other.provider({
        watch: async function* (query) {
          if (query.cursor === '1' && other.asked.length === 0) {
            throw new ProviderError(Code.OutOfRange, 'it knows nothing of it');
          }
          yield* other.provider().watch?.(query) ?? [];
        },
      }),
      at(opened),
    );
    other.happens(saved('1'));
    expect(keysOf((await take(openAll(opened), 2)).events)).toEqual(['1', '1']);
  });

  test('without cursors tells each thing once, however alike', async () => {
    await using opened = await openTestWeir();
    const source = openToldSource();
    const provider = source.provider({
      async *watch({ signal }) {
        for (let at = 0; at < 3; at += 1) yield { events: [saved('same')] };
        await once(signal, 'abort');
      },
    });
    await using _pages = await serveProvider(provider, at(opened));
    expect(keysOf((await take(openAll(opened), 3)).events)).toEqual(['same', 'same', 'same']);
  });

  test('stops at once, although it waits', async () => {
    await using opened = await openTestWeir();
    const source = openToldSource();
    const provider = source.provider({
      async *watch() {
        yield { cursor: 'here' };
        await new Promise(() => {});
      },
    });
    const pages = await serveProvider(provider, at(opened));
    await until(async () => (await moved(opened)) !== undefined, 'it is heard');
    const startMs = performance.now();
    await pages.close();
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  test('of several versions is heard by the newest that takes part', async () => {
    await using opened = await openTestWeir();
    const [old, next, hidden] = [openToldSource(), openToldSource(), openToldSource()];
    await using _old = await serveProvider(old.provider(), at(opened));
    await until(() => old.listeners === 1, 'the first is heard');
    await using _next = await serveProvider(next.provider({ version: '2.0.0' }), at(opened));
    await until(() => next.listeners === 1 && old.listeners === 0, 'the second is heard instead');
    const shown = hidden.provider({ version: '3.0.0', weight: 0 });
    await using _hidden = await serveProvider(shown, at(opened));
    next.happens(saved('2'));
    expect(keysOf((await take(openAll(opened), 1)).events)).toEqual(['2']);
    expect([old.listeners, next.listeners, hidden.asked.length]).toEqual([0, 1, 0]);
  });
});

const pageType = `
kind: ContextType
name: Page
version: 1.0.0
schema: { type: object, properties: { saved: { type: number } } }
`;

const pagesOnly = `
kind: Policy
name: topics
rules:
  - name: no-secrets-of-the-wiki
    effect: deny
    subjects: { principals: [wiki] }
    actions: [publish]
    resources: { types: ["secret.*"] }
`;

/** When something of the provider was last committed. */
async function moved({ client }: TestWeir) {
  const { provider } = await client.registry.getProvider({ name: 'pages' });
  return provider?.watch?.moveTime;
}

/** Disables the principal of the wiki, or enables it. */
async function disable({ client }: TestWeir, disabled: boolean): Promise<void> {
  const { principals } = await client.admin.listPrincipals({});
  const held = principals.find(({ name }) => name === 'wiki');
  if (held) await client.admin.updatePrincipal({ principal: { ...held, disabled } });
}

/** How often watching failed by the provider. */
async function failures({ weir }: TestWeir): Promise<number> {
  const [, count = '0'] =
    /weir_watch_failures_total\{what="provider"[^}]*\} (\d+)/.exec(await scrape(weir.opsPort)) ??
    [];
  return Number(count);
}
