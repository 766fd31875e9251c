import { setTimeout as sleep } from 'node:timers/promises';
import type { Weir } from '@weir/sdk';
import { openClients, turned } from '../parts/clients.ts';
import { openTopology, until } from '../parts/topology.ts';
import { type Listener, listen } from './listening.ts';
import type { Promised } from './promise.ts';

const SUBSCRIBERS = 10;
const PER_SECOND = 50;
const AROUND_MS = 2_000;
const RESUMED_MAX_MS = 2_000;
const END_MAX_MS = 60_000;
const TOPIC = 'rolling';

/** Two routers are restarted, one after the other, as an update does it. */
export const p05: Promised = {
  id: 'P5',
  says: 'rolling restart of two routers: no event lost, resumed within 2 s',
  async measure(signal) {
    await using topology = await openTopology({ registries: 1, routers: 2 });
    await using clients = openClients(topology.adminKey);
    const urls = topology.routers.map(({ url }) => url);
    const stop = new AbortController();
    const both = AbortSignal.any([stop.signal, signal]);
    const listeners = Array.from({ length: SUBSCRIBERS }, (_, index) =>
      listen(clients.open(turned(urls, index)), { topic: TOPIC, signal: both }),
    );
    await haveAll(listeners, ({ cursor }) => cursor !== '', 'all have begun');
    const publishing = publishFor(clients.open(urls), both);
    await sleep(AROUND_MS);
    for (const { part } of topology.routers) {
      await part.kill('SIGTERM');
      part.start();
      await topology.ready();
      await sleep(AROUND_MS);
    }
    const { published, failures } = await publishing.stop();
    const last = published.at(-1) ?? '';
    await haveAll(listeners, ({ heard }) => heard.at(-1)?.id === last, 'all have heard the last');
    stop.abort();
    const threw = (await Promise.all(listeners.map(({ ended }) => ended))).filter(Boolean);
    const breaks = listeners.flatMap((one) => one.breaks);
    const lost = listeners.flatMap(({ heard }) => {
      const ids = new Set(heard.map(({ id }) => id));
      return published.filter((id) => !ids.has(id));
    });
    const longest = Math.max(...breaks.map(({ atMs, againMs }) => againMs - atMs));
    const count = (value: number) => ({ value, unit: 'count' as const });
    return [
      { figure: 'events published, 50 a second', ...count(published.length) },
      { figure: 'publishes that failed', ...count(failures), limit: 0 },
      { figure: 'subscriptions broken off', ...count(breaks.length), limit: 1, atLeast: true },
      { figure: 'subscriptions that ended', ...count(threw.length), limit: 0 },
      { figure: 'events lost', ...count(lost.length), limit: 0 },
      { figure: 'longest until resumed', value: longest, unit: 'ms', limit: RESUMED_MAX_MS },
    ];
  },
};

async function haveAll(
  listeners: readonly Listener[],
  has: (listener: Listener) => boolean,
  what: string,
): Promise<void> {
  await until(() => listeners.every(has), what, END_MAX_MS);
}

/** Publishes at a steady rate, one after the other, until it is stopped. */
function publishFor(weir: Weir, signal: AbortSignal) {
  const published: string[] = [];
  let failures = 0;
  let going = true;
  const loop = (async () => {
    const startMs = performance.now();
    for (let at = 0; going && !signal.aborted; at += 1) {
      await sleep(Math.max(0, startMs + (at * 1_000) / PER_SECOND - performance.now()));
      try {
        const { ids } = await weir.publish(TOPIC, { key: 'k', id: `${at}` }, { signal });
        published.push(...ids);
      } catch {
        failures += 1;
      }
    }
  })();
  return {
    async stop() {
      going = false;
      await loop;
      return { published, failures };
    },
  };
}
