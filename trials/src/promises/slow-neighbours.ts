import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { EventService } from '@weir/sdk/gen/weir/events/v1/events_pb';
import type { Clients } from '../parts/clients.ts';
import { quantile } from '../parts/quantile.ts';
import { type Topology, until } from '../parts/topology.ts';
import { listen } from './listening.ts';
import type { Measured } from './promise.ts';

const OTHERS = 10;
const SLOW = 5;
const PER_SECOND = 100;
const ROUND_MS = 4_000;
const ROUNDS = 5;
/** Windows of 64 KiB, as Node has them, are full after some 16 of them. */
const EVENT_BYTES = 4 * 1024;
const RATIO_MAX = 1.5;
const HEARD_MAX_MS = 60_000;
const TOPIC = 'beside';

/** What others are told, alone and beside some that read nothing, by turns. */
export async function othersBeside(
  { routers, adminKey: key }: Topology,
  clients: Clients,
  signal: AbortSignal,
): Promise<Measured[]> {
  const url = routers[0]?.url ?? '';
  const stop = new AbortController();
  const both = AbortSignal.any([stop.signal, signal]);
  const others = Array.from({ length: OTHERS }, () =>
    listen(clients.open(url), { topic: TOPIC, signal: both }),
  );
  await until(() => others.every(({ cursor }) => cursor !== ''), 'all have begun');
  const publisher = clients.open(url);
  const latencies = { alone: [] as number[], beside: [] as number[] };
  let number = 0;
  const round = async (into: number[]) => {
    const startMs = performance.now();
    const dueMs = (at: number) => startMs + (at * 1_000) / PER_SECOND;
    const before = others.map(({ heard }) => heard.length);
    const count = (ROUND_MS * PER_SECOND) / 1_000;
    const publishing: Promise<unknown>[] = [];
    for (let at = 0; at < count; at += 1) {
      await sleep(Math.max(0, dueMs(at) - performance.now()), undefined, { signal });
      number += 1;
      const event = { key: `${number}`, id: `${at}`, data: new Uint8Array(EVENT_BYTES) };
      publishing.push(publisher.publish(TOPIC, event, { timeoutMs: HEARD_MAX_MS }));
    }
    await Promise.all(publishing);
    const hasAll = () =>
      others.every(({ heard }, index) => heard.length - (before[index] ?? 0) >= count);
    await until(hasAll, 'all have heard the round', HEARD_MAX_MS);
    for (const [index, { heard }] of others.entries()) {
      for (const { id, atMs } of heard.slice(before[index])) into.push(atMs - dueMs(Number(id)));
    }
  };
  await round([]);
  for (let at = 0; at < ROUNDS; at += 1) {
    await round(latencies.alone);
    using _ = await openSlow(url, key);
    await round(latencies.beside);
  }
  stop.abort();
  const breaks = others.flatMap((one) => one.breaks).length;
  const { alone, beside } = latencies;
  const ratio = quantile(beside, 0.99) / quantile(alone, 0.99);
  return [
    { figure: 'others cut off or broken', value: breaks, unit: 'count', limit: 0 },
    { figure: 'p99 of others alone', value: quantile(alone, 0.99), unit: 'ms' },
    {
      figure: `p99 of others beside ${SLOW} that read nothing`,
      value: quantile(beside, 0.99),
      unit: 'ms',
    },
    { figure: 'the one to the other', value: ratio, unit: 'ratio', limit: RATIO_MAX },
  ];
}

/** Subscribers that read their first message and nothing more. */
async function openSlow(baseUrl: string, key: string): Promise<Disposable> {
  const leave = new AbortController();
  const call = { headers: { authorization: `Bearer ${key}` }, signal: leave.signal };
  for (let index = 0; index < SLOW; index += 1) {
    const { subscribe } = createClient(EventService, createGrpcTransport({ baseUrl }));
    const messages = subscribe({ topics: [TOPIC] }, call)[Symbol.asyncIterator]();
    await messages.next();
  }
  return { [Symbol.dispose]: () => leave.abort() };
}
