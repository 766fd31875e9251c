import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { createWeir, Reason, type Weir, WeirCallError } from '@weir/sdk';
import { LimitsSchema, PrincipalKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { Redis } from 'ioredis';
import { inject, mend } from '../chaos/faults.ts';
import { openTopology, type Topology, until } from '../parts/topology.ts';
import type { Measured, Promised } from './promise.ts';

/** What the principal may take, and what it tries to take. */
const RATE = 50;
const BURST = 50;
const OFFERED = 400;
const BATCH = 4;
const ROUTERS = 2;
const FAULT_MS = 5_000;
const RECOVERED_MAX_MS = 5_000;
const KINDS = ['kill', 'freeze', 'flush', 'spoil', 'full', 'replica'] as const;
/** Both routers' part in Redis, which they put there when they settle limits. */
const ROUTERS_KEY = 'weir:limits:1:routers';

/** Limits while Redis is in every state that it can be in. */
export const p17Limits: Promised = {
  id: 'P17',
  says: 'Redis gone, flushed, hanging, full, read-only or full of garbage: limits fall back to local, never to none; shared again within 5 s',
  async measure(signal) {
    await using topology = await openTopology({ registries: 1, routers: ROUTERS });
    const key = await limitedKey(topology);
    const clients = topology.routers.map(({ url }) => createWeir({ url, key, retries: 0 }));
    try {
      const whole = await offer(clients, FAULT_MS, signal);
      const figures = [...toldOf('whole', whole, 0)];
      for (const kind of KINDS) {
        const fault = { atMs: 0, untilMs: FAULT_MS, target: 'redis', kind };
        const parts = new Map([['redis', topology.redis.part]]);
        await inject({ topology, parts }, fault);
        const during = await offer(clients, FAULT_MS, signal);
        await mend({ topology, parts }, fault);
        figures.push(...toldOf(kind, during, 1), await recovery(kind, topology, clients, signal));
      }
      return figures;
    } finally {
      for (const client of clients) client.close();
    }
  },
};

/** What got through, and for how long it was tried. */
interface Offered {
  taken: number;
  refused: number;
  ms: number;
}

/** Asks through all routers for more than there is. */
async function offer(
  clients: readonly Weir[],
  forMs: number,
  signal: AbortSignal,
): Promise<Offered> {
  const offered = { taken: 0, refused: 0, ms: 0 };
  const refs = Array.from({ length: BATCH }, (_, i) => ({ type: 'DocChunk', key: `none-${i}` }));
  const ask = async (client: Weir) => {
    try {
      await client.fetch(refs);
      offered.taken += BATCH;
    } catch (error) {
      const beyond = error instanceof WeirCallError && error.reason === Reason.RATE_EXCEEDED;
      if (!beyond) throw error;
      offered.refused += BATCH;
    }
  };
  const startMs = performance.now();
  const calls: Promise<void>[] = [];
  for (let i = 0; performance.now() - startMs < forMs; i++) {
    const client = clients[i % clients.length];
    if (client) calls.push(ask(client));
    await sleep((1_000 * BATCH) / OFFERED, undefined, { signal });
  }
  await Promise.all(calls);
  return { ...offered, ms: performance.now() - startMs };
}

/** The bound of docs/limits.md: what a loss of Redis lets through once more is in `losses`. */
function toldOf(name: string, { taken, refused, ms }: Offered, losses: number): Measured[] {
  const ahead = ROUTERS * BURST;
  const most = BURST + (RATE * ms) / 1_000 + ahead + losses * (BURST + ahead);
  return [
    { figure: `${name}: let through, of the bound`, value: taken / most, unit: 'ratio', limit: 1 },
    { figure: `${name}: refused`, value: refused, unit: 'count', limit: 1, atLeast: true },
    { figure: `${name}: let through`, value: taken, unit: 'count', limit: 1, atLeast: true },
  ];
}

/** From the mending of Redis until all routers have settled their limits in it again. */
async function recovery(
  kind: string,
  { redis }: Topology,
  clients: readonly Weir[],
  signal: AbortSignal,
): Promise<Measured> {
  const client = new Redis(redis.port, '127.0.0.1');
  client.on('error', () => {});
  try {
    const offering = offer(clients, RECOVERED_MAX_MS, signal);
    let sinceMs: number | undefined;
    const settled = async () => {
      try {
        // By Redis's clock, as routers are noted.
        const [seconds, micros] = await client.time();
        sinceMs ??= Number(seconds) * 1_000 + Number(micros) / 1_000;
        return (await client.zcount(ROUTERS_KEY, sinceMs, '+inf')) >= ROUTERS;
      } catch {
        return false;
      }
    };
    const value = await until(settled, 'the routers share their limits again');
    await offering;
    const figure = `${kind}: until limits are shared again`;
    return { figure, value, unit: 'ms', limit: RECOVERED_MAX_MS };
  } finally {
    client.disconnect();
  }
}

/** A key of a principal that may take little. */
async function limitedKey(topology: Topology): Promise<string> {
  const { admin } = topology.client(0);
  const { principal } = await admin.createPrincipal({
    name: 'limited',
    kind: PrincipalKind.AGENT,
  });
  if (!principal) throw new Error('the principal was created');
  const limits = create(LimitsSchema, {
    itemsPerSecond: BigInt(RATE),
    itemsBurst: BigInt(BURST),
  });
  await admin.updatePrincipal({ principal: { ...principal, limits } });
  const { secret, consistencyToken } = await admin.createKey({
    principal: 'limited',
    scopes: [Scope.READ],
  });
  for (let i = 0; i < ROUTERS; i++) {
    await topology.client(i).fetch(['DocChunk/none'], { consistencyToken });
  }
  return secret;
}
