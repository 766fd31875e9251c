import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineContext, defineProvider, serveProvider, type WatchQuery } from '@weir/sdk/provider';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { whyNoServers } from '../src/parts/binaries.ts';
import { openClients } from '../src/parts/clients.ts';
import { openTopology, type Server, type Topology, until } from '../src/parts/topology.ts';

const why = whyNoServers();
const OPEN_TIMEOUT_MS = 180_000;
const TEST_TIMEOUT_MS = 480_000;
const EVENTS = 1_000;
const KEYS = 10;
const PER_SECOND = 20;
const TOPIC = 'counted';
const PHASE_MAX_MS = 120_000;
/** How long a router that is gone has the duty to watch; docs/limits.md tells. */
const LEASE_MS = 10_000;
/** For what another one has to do, on a machine that has other things to do. */
const SLACK_MS = 10_000;
/** Registries are gone for longer. */
const AWAY_MS = 12_000;

const logs = [
  { place: 'the registry', env: {} },
  { place: 'Redis', env: { WEIR_EVENTS_LOG: 'redis' } },
];

describe.skipIf(why !== undefined).each(logs)(
  `a provider watched by two routers, with events in $place${why ? ` (${why})` : ''}`,
  ({ env }) => {
    let topology: Topology;
    beforeAll(async () => {
      topology = await openTopology({ registries: 2, routers: 2, env });
    }, OPEN_TIMEOUT_MS);
    afterAll(() => topology?.[Symbol.asyncDispose](), OPEN_TIMEOUT_MS);

    /** Waits until another router watches the provider; says which, and how long that took. */
    const nextHolder = async (before?: Server) => {
      const ask = topology.routers.findIndex((router) => router !== before);
      let next: Server | undefined;
      const tookMs = await until(async () => {
        const { registry } = topology.client(ask);
        // It may just be coming back.
        const answer = await registry.getProvider({ name: 'counter' }).catch(() => undefined);
        const held = answer?.provider?.watch?.holder || 'nobody';
        next = topology.routers.find(({ part }) => held.startsWith(nameOf(topology, part.name)));
        return next !== undefined && next !== before;
      }, 'it is watched');
      return { holder: next ?? expect.unreachable('nobody watches'), tookMs };
    };

    test(
      'loses none of 1,000 events, nor their order, whatever becomes of the routers and registries',
      async () => {
        const { routers, registries, adminKey } = topology;
        await using clients = openClients(adminKey);
        const ports = routers.map(({ url }) => Number(new URL(url).port));
        const way = await topology.addLink('provider→routers', ports);
        const counter = openCounter();
        const url = `http://127.0.0.1:${way.port}`;
        await using _counter = await serveProvider(counter.provider, { url, key: adminKey });
        const { holder: first } = await nextHolder();
        const heard = listen(clients.open(routers.map((router) => router.url)));
        const counting = counter.count();
        const some = (count: number) =>
          until(() => heard.numbers.length >= count, `${count} are heard`, PHASE_MAX_MS);

        await some(100);
        await first.part.kill();
        const { holder: second, tookMs: killedMs } = await nextHolder(first);
        first.part.start();
        await some(counter.counted);

        second.part.freeze();
        await nextHolder(second);
        second.part.thaw();
        await topology.ready();
        await some(counter.counted);

        for (const { part } of registries) await part.kill();
        await sleep(AWAY_MS);
        for (const { part } of registries) part.start();
        await topology.ready();
        await some(counter.counted);

        const { holder: third } = await nextHolder();
        await third.part.kill('SIGTERM');
        const { tookMs: stoppedMs } = await nextHolder(third);
        third.part.start();
        await topology.ready();
        await counting;
        await some(EVENTS);
        await heard.stop();

        const lost = Array.from({ length: EVENTS }, (_, at) => at).filter(
          (number) => !heard.numbers.includes(number),
        );
        expect(lost).toEqual([]);
        // None is published twice, nor behind a later one of its key.
        expect(heard.numbers.length).toBe(EVENTS);
        for (let key = 0; key < KEYS; key += 1) {
          const own = heard.numbers.filter((number) => number % KEYS === key);
          expect(own).toEqual(own.toSorted((a, b) => a - b));
        }
        expect(killedMs).toBeLessThan(LEASE_MS + SLACK_MS);
        // Who stops gives the duty up.
        expect(stoppedMs).toBeLessThan(LEASE_MS - 2_000);
      },
      TEST_TIMEOUT_MS,
    );
  },
);

/** As a router calls itself, but for what tells one start from another. */
function nameOf({ site }: Topology, part: string): string {
  const hash = createHash('sha256').update(join(site.folder, part)).digest('hex').slice(0, 12);
  return `${hostname()}/${hash}/`;
}

/** A provider that counts, at a steady rate, and keeps all numbers. */
function openCounter() {
  const more = new EventTarget();
  let counted = 0;
  async function* watch({ cursor, signal }: WatchQuery) {
    for (let at = Number(cursor); !signal.aborted; ) {
      if (at === counted) {
        await once(more, 'more', { signal });
        continue;
      }
      // As many as there are, so that messages are cut otherwise each time.
      const numbers = Array.from({ length: counted - at }, (_, index) => at + index);
      at = counted;
      const events = numbers.map((number) => ({
        ...{ topic: TOPIC, key: `${number % KEYS}`, id: `${number}` },
      }));
      for (const [index, event] of events.entries()) {
        yield { events: [event], cursor: `${(numbers[index] ?? 0) + 1}` };
      }
    }
  }
  const contexts = [
    defineContext({ type: 'Count', version: '1.0.0', fetch: () => ({ value: { counted } }) }),
  ];
  const schema = { type: 'object' };
  return {
    /** How many there are. */
    get counted() {
      return counted;
    },
    provider: defineProvider({
      ...{ name: 'counter', version: '1.0.0', watch },
      contexts: contexts.map((context) => ({ ...context, schema })),
    }),
    async count() {
      const startMs = performance.now();
      while (counted < EVENTS) {
        await sleep(Math.max(0, startMs + (counted * 1_000) / PER_SECOND - performance.now()));
        counted += 1;
        more.dispatchEvent(new Event('more'));
      }
    },
  };
}

/** Notes all numbers that are told, as often as they were published. */
function listen(weir: ReturnType<ReturnType<typeof openClients>['open']>) {
  const numbers: number[] = [];
  const positions = new Set<bigint>();
  const stop = new AbortController();
  const run = async () => {
    for await (const { id, position } of weir.subscribe(TOPIC, {
      ...{ from: 'earliest', signal: stop.signal },
    })) {
      // What comes again at its position was published once.
      if (!positions.has(position)) numbers.push(Number(id));
      positions.add(position);
    }
  };
  const ended = run().catch(() => {});
  return {
    numbers,
    async stop() {
      stop.abort();
      await ended;
    },
  };
}
