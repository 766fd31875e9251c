import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { oneCoreFlags } from '@weir/kit/node-flags';
import { createWeir, type Weir } from '@weir/sdk';
import { type Link, openLink } from './link.ts';
import { createPart, type Part } from './part.ts';
import { freePort } from './ports.ts';
import { openPostgresServer, type PostgresServer } from './postgres.ts';
import { openRedisServer, type RedisServer } from './redis.ts';
import { openSite, type Site } from './site.ts';

/** What a topology is made of. */
export interface TopologyOptions {
  readonly registries: number;
  readonly routers: number;
  /** Variables for every process of Weir's. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A router or registry. */
export interface Server {
  readonly part: Part;
  /** Its own address, without a link in between. */
  readonly url: string;
  /** Where it tells of itself: /metrics, /readyz. */
  readonly opsUrl: string;
  /** Whether it says that it can serve. */
  isReady(): Promise<boolean>;
}

/**
 * Weir as real processes: routers that reach the registries through a link each, as through a
 * load balancer, and Redis through another; registries that reach PostgreSQL through theirs.
 */
export interface Topology extends AsyncDisposable {
  readonly site: Site;
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  readonly registries: readonly Server[];
  readonly routers: readonly Server[];
  /** By name, such as `router-1→registry`. */
  readonly links: ReadonlyMap<string, Link>;
  /** The key of the first administrator. */
  readonly adminKey: string;
  /** A part that is disposed of with the topology. */
  addPart(part: Part): Part;
  addLink(name: string, targets: readonly number[]): Promise<Link>;
  /** A client of a router; without retries, so that each answer is seen. */
  client(router: number, key?: string): Weir;
  /** Waits until all registries and routers are ready. */
  ready(): Promise<void>;
}

const projectDir = new URL('../../../', import.meta.url).pathname;
const cacheDir = join(projectDir, 'node_modules/.cache/weir');
const READY_MAX_MS = 60_000;
const READY_POLL_MS = 50;
const PROBE_TIMEOUT_MS = 1_000;
const PORTS_PER_SERVER = 2;

/** Starts a topology; resolves when all of it is ready. Throws MissingBinary. */
export async function openTopology(options: TopologyOptions): Promise<Topology> {
  await using opening = new AsyncDisposableStack();
  const site = opening.use(await openSite());
  const redis = opening.use(await openRedisServer(site));
  const postgres = opening.use(await openPostgresServer(site));
  const links = new Map<string, Link>();
  const addLink = async (name: string, targets: readonly number[]) => {
    const link = opening.use(await openLink(name, await freePort(), targets));
    links.set(name, link);
    return link;
  };
  const secretFile = join(site.folder, 'service.key');
  await writeFile(secretFile, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  const shared = {
    WEIR_SERVICE_SECRET_FILE: secretFile,
    WEIR_OUTBOUND_ALLOW: 'loopback',
    NODE_COMPILE_CACHE: cacheDir,
    ...options.env,
  };
  const addServer = async (name: string, room: string, envOf: (port: number) => object) => {
    const [port, opsPort] = (await ports(PORTS_PER_SERVER)) as [number, number];
    const env = {
      ...shared,
      WEIR_OPS_PORT: `${opsPort}`,
      WEIR_DATA_DIR: join(site.folder, name),
      ...envOf(port),
    };
    const main = join(projectDir, room, 'src/main.ts');
    const args = [...oneCoreFlags, main];
    const part = opening.use(createPart(site, { name, command: process.execPath, args, env }));
    const opsUrl = `http://127.0.0.1:${opsPort}`;
    return { part, port, url: `http://127.0.0.1:${port}`, opsUrl, isReady: () => probe(opsUrl) };
  };

  const registries: (Server & { port: number })[] = [];
  for (const name of names('registry', options.registries)) {
    const link = await addLink(`${name}→postgres`, [postgres.port]);
    registries.push(
      await addServer(name, 'registry', (port) => ({
        WEIR_REGISTRY_PORT: `${port}`,
        WEIR_DATABASE_URL: postgres.url(link.port),
      })),
    );
  }
  const routers: Server[] = [];
  for (const [i, name] of names('router', options.routers).entries()) {
    const turned = [...registries.slice(i % registries.length), ...registries.slice(0, i)];
    const registry = await addLink(
      `${name}→registry`,
      turned.map(({ port }) => port),
    );
    const cache = await addLink(`${name}→redis`, [redis.port]);
    routers.push(
      await addServer(name, 'router', (port) => ({
        WEIR_PORT: `${port}`,
        WEIR_REGISTRY_URL: `http://127.0.0.1:${registry.port}`,
        WEIR_REDIS_URL: redis.url(cache.port),
      })),
    );
  }

  const [first, ...rest] = [...registries, ...routers];
  if (!first) throw new Error('a topology has at least one registry');
  first.part.start();
  await until(first.isReady, `${first.part.name} is ready, see ${site.logOf(first.part.name)}`);
  const keyFile = join(site.folder, first.part.name, 'admin.key');
  const adminKey = (await readFile(keyFile, 'utf8')).trim();
  for (const { part } of rest) part.start();
  const ready = async () => {
    for (const { part, isReady } of [...registries, ...routers]) {
      await until(isReady, `${part.name} is ready, see ${site.logOf(part.name)}`);
    }
  };
  await ready();

  const clients = new Map<string, Weir>();
  const open = opening.move();
  return {
    ...{ site, postgres, redis, registries, routers, links, adminKey, ready },
    addPart: (part) => open.use(part),
    async addLink(name, targets) {
      const link = open.use(await openLink(name, await freePort(), targets));
      links.set(name, link);
      return link;
    },
    client(router, key = adminKey) {
      const known = clients.get(`${router} ${key}`);
      if (known) return known;
      const weir = createWeir({ url: routers[router]?.url ?? '', key, retries: 0 });
      clients.set(`${router} ${key}`, weir);
      open.defer(() => weir.close());
      return weir;
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Waits until something holds; looks every 50 ms, and fails after a minute by default. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  maxMs = READY_MAX_MS,
): Promise<number> {
  const startMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startMs > maxMs) throw new Error(`not within ${maxMs} ms: ${what}`);
    await setTimeout(READY_POLL_MS);
  }
  return performance.now() - startMs;
}

async function probe(opsUrl: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const { ok } = await fetch(`${opsUrl}/readyz`, { signal });
    return ok;
  } catch {
    return false;
  }
}

function names(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${kind}-${i + 1}`);
}

async function ports(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, freePort));
}
