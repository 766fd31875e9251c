import type { Weir } from '@weir/sdk';
import { until } from '../parts/topology.ts';
import { type Breaking, breakThings } from './break-things.ts';
import { mendAll } from './faults.ts';
import { findInRegistry, findInRouter, type Sought } from './find.ts';
import { itemKeys, itemKinds } from './items.ts';
import { createRandom } from './random.ts';
import { read } from './readers.ts';
import type { Call, ChaosRecord, Found } from './record.ts';
import type { Fault, Targets } from './schedule.ts';
import type { Plant } from './source.ts';
import type { Tenant, World } from './world.ts';
import { objectOf, type WriterLog, write } from './writers.ts';

/** How a trial runs. */
export interface ChaosOptions extends Breaking {
  readonly seed: number;
  /** A fault to plant, which the checker must count. */
  readonly plant?: Plant | undefined;
}

/** A trial that is over. */
export interface ChaosRun {
  /** What was done of the schedule: a fault cannot be done to what is broken already. */
  readonly done: readonly Fault[];
  readonly record: ChaosRecord;
}

const READERS_PER_ROUTER = 2; // of each tenant
const WRITERS_PER_TENANT = 2;
const CHANGE_EVERY_MS = 25;
const RECOVERY_MAX_MS = 60_000;
const PROBE_TIMEOUT_MS = 2_000;
const PROBED_KEYS = 3;

/** What of a world can be broken. */
export function targetsOf({ parts, topology }: World): Targets {
  const processes = [...parts.keys()].filter((name) => name !== 'postgres' && name !== 'redis');
  return { processes, links: [...topology.links.keys()] };
}

/** Runs a trial: readers and writers go on while the schedule breaks things; then all is healed. */
export async function runChaos(world: World, options: ChaosOptions): Promise<ChaosRun> {
  const { parts, source, nowMs } = world;
  const crashedBefore = new Map([...parts].map(([name, part]) => [name, part.crashes.length]));
  source.plant(options.plant);
  const calls: Call[] = [];
  const crowd = startCrowd(world, { ...options, nowMs, onCall: (call) => calls.push(call) });
  const random = createRandom(options.seed);
  const changing = setInterval(() => source.change(random), CHANGE_EVERY_MS);
  let recoveredMs: number | null = null;
  let done: Fault[] = [];
  try {
    done = await breakThings(world, options);
    await mendAll(world);
    options.tell('all is mended');
    recoveredMs = await recovered(world).catch(() => null);
  } finally {
    await crowd.stop();
    clearInterval(changing);
  }
  if (options.plant === 'lost') await loseOne(world, crowd.logs);
  const found = recoveredMs === null ? [] : await findAll(world, crowd.logs);
  const crashes = [...parts.values()].flatMap(({ name, crashes: all }) =>
    all.slice(crashedBefore.get(name)),
  );
  const logs = crowd.logs.map(({ log }) => log);
  return {
    done,
    record: {
      writes: source.writes,
      calls,
      registryWrites: logs.flatMap(({ writes }) => writes),
      tokenReads: logs.flatMap(({ tokenReads }) => tokenReads),
      found,
      crashes,
      recoveredMs,
    },
  };
}

interface Crowd {
  readonly logs: readonly { tenant: Tenant; log: WriterLog }[];
  stop(): Promise<void>;
}

/** Starts readers at every router, and writers, for every tenant. */
function startCrowd(
  { topology, tenants }: World,
  options: ChaosOptions & { nowMs: () => number; onCall: (call: Call) => void },
): Crowd {
  const { seed, nowMs, onCall } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const working: Promise<void>[] = [];
  const logs: { tenant: Tenant; log: WriterLog }[] = [];
  for (const [t, tenant] of tenants.entries()) {
    let token = '';
    const weirs = new Map(
      topology.routers.map(({ part }, i) => [part.name, topology.client(i, tenant.key)]),
    );
    const shared = { tenant: tenant.name, nowMs, signal };
    for (const [router, weir] of weirs) {
      for (let i = 0; i < READERS_PER_ROUTER; i += 1) {
        const seeded = { seed: seed * 1_000 + working.length, token: () => token };
        working.push(read({ ...shared, ...seeded, weir, router }, onCall));
      }
    }
    for (let i = 0; i < WRITERS_PER_TENANT; i += 1) {
      const log: WriterLog = { writes: [], tokenReads: [], held: new Map(), secrets: new Map() };
      logs.push({ tenant, log });
      // Objects of an earlier trial in the same world have other names.
      const name = `w${t}${i}x${seed}x${Math.round(performance.now())}`;
      const onToken = (next: string) => {
        token = next;
      };
      const seeded = { seed: seed * 1_000 + working.length, name, onToken };
      working.push(write({ ...shared, ...seeded, weirs }, log));
    }
  }
  return {
    logs,
    async stop() {
      stop.abort();
      await Promise.all(working);
    },
  };
}

/** How long it takes until every router answers every kind of item, and takes a write. */
async function recovered({ topology, tenants }: World): Promise<number> {
  const call = { timeoutMs: PROBE_TIMEOUT_MS };
  const keys = itemKeys.slice(0, PROBED_KEYS);
  const refs = itemKinds.flatMap(({ type, fleeting }) =>
    fleeting ? [] : keys.map((key) => ({ type, key })),
  );
  const answers = async (weir: Weir) => {
    const { results } = await weir.router.fetchContext({ refs }, call);
    const value = { name: 'recovered' };
    await weir.registry.registerConsumer({ source: { case: 'manifest', value } }, call);
    return results.every(({ outcome }) => outcome.case === 'item');
  };
  const all = topology.routers.flatMap((_, i) => tenants.map(({ key }) => topology.client(i, key)));
  const allAnswer = async () => {
    const answered = await Promise.all(all.map((weir) => answers(weir).catch(() => false)));
    return answered.every(Boolean);
  };
  return await until(allAnswer, 'everything answers again', RECOVERY_MAX_MS);
}

/** Looks for all that was written, in the registry and in every router. */
async function findAll({ topology, tenants }: World, logs: Crowd['logs']): Promise<Found[]> {
  const found: Found[] = [];
  for (const { name, key } of tenants) {
    const sought = logs
      .filter(({ tenant }) => tenant.name === name)
      .flatMap(({ log }) => seek(log));
    const first = topology.client(0, key);
    const value = { name: `last-${Math.round(performance.now())}` };
    const source = { case: 'manifest', value } as const;
    const { consistencyToken } = await first.registry.registerConsumer({ source });
    found.push(...(await findInRegistry(first, sought)));
    for (const [i, { part }] of topology.routers.entries()) {
      const connect = (secret = key) => topology.client(i, secret);
      const refs = [{ type: itemKinds[0]?.type ?? '', key: itemKeys[0] ?? '' }];
      await connect().router.fetchContext({ refs, consistencyToken });
      found.push(...(await findInRouter(part.name, connect, sought)));
    }
  }
  return found;
}

function seek({ writes, secrets }: WriterLog): Sought[] {
  return [...Map.groupBy(writes, ({ object }) => object)].map(([object, own]) => {
    const [kind, , name = ''] = object.split('/') as [Sought['kind'], string, string];
    const states = own.flatMap(({ state }) => (state === null ? [] : [state]));
    return { object, kind, name, states, secret: secrets.get(object) ?? '' };
  });
}

/** The planted loss: an acknowledged consumer is removed behind its writer's back. */
async function loseOne({ topology }: World, logs: Crowd['logs']): Promise<void> {
  for (const { tenant, log } of logs) {
    const held = [...log.held.values()].find(({ kind }) => kind !== 'key');
    if (!held || !log.held.has(objectOf(tenant.name, held))) continue;
    const { registry } = topology.client(0, tenant.key);
    const { kind, name } = held;
    if (kind === 'consumer') await registry.deregisterConsumer({ name });
    if (kind === 'provider') await registry.deregisterProvider({ name });
    if (kind === 'type') await registry.deregisterType({ name, version: '1.0.0' });
    return;
  }
}
