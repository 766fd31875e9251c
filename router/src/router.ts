import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, type Interceptor, type Transport } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import {
  type Assertions,
  type Clock,
  createAssertions,
  createConsistencyTokens,
  createLogger,
  createMetrics,
  type Logger,
  type Metrics,
  openOperations,
  serve,
  systemClock,
} from '@weir/kit';
import { WatchService } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { authenticate } from './authenticate.ts';
import type { RouterConfig } from './config.ts';
import { createFlights } from './gather/flights.ts';
import { createMemoryCache } from './gather/memory-cache.ts';
import { openRedisCache, type SharedCache } from './gather/shared-cache.ts';
import { openUpstream } from './gather/upstream.ts';
import { observeRouter } from './router-metrics.ts';
import { routes, services } from './routes.ts';
import { noSecrets, openSecretsFile } from './secrets.ts';
import { type FollowerState, startFollower } from './snapshot/follower.ts';
import { createSnapshotHolder } from './snapshot/holder.ts';
import { openSnapshotKeeper } from './snapshot/keep.ts';

/** What can be given to a router instead of what it would make. */
export interface RouterDeps {
  readonly clock: Clock;
  readonly log: Logger;
}

/** A running router. */
export interface Router extends AsyncDisposable {
  /** Where callers reach it. */
  readonly url: string;
  /** The port of /healthz, /readyz and /metrics. */
  readonly opsPort: number;
  /** How it stands with the registry. */
  readonly follower: FollowerState;
  /** The revision of the snapshot in force. */
  readonly revision: bigint;
  /** Resolves when it holds a snapshot that it may serve from. */
  ready(signal: AbortSignal): Promise<void>;
}

const READY_POLL_MS = 10;

/** Opens a router: it serves at once from the snapshot on disk, or as soon as it has one. */
export async function openRouter(
  config: RouterConfig,
  overrides: Partial<RouterDeps> = {},
): Promise<Router> {
  await using stack = new AsyncDisposableStack();
  const clock = overrides.clock ?? systemClock;
  const log = overrides.log ?? createLogger({ name: 'router', level: config.logLevel });
  const metrics = stack.adopt(createMetrics('weir-router'), (m) => m.shutdown());
  const secret = config.serviceSecret;
  const assertions = createAssertions(secret);
  const transport = registryTransport(config.registryUrl, assertions);

  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const holder = createSnapshotHolder(clock);
  const path = join(config.dataDir, 'snapshot.bin');
  const keeper = stack.use(await openSnapshotKeeper({ path, holder, clock, log }));
  const follower = stack.use(
    startFollower({
      client: createClient(WatchService, transport.service),
      holder,
      log,
      onConfirmed: keeper.confirmed,
    }),
  );

  const secrets = config.secretsFile ? openSecretsFile(config.secretsFile) : noSecrets;
  const upstream = stack.use(openUpstream({ clock, secrets, log }));
  const memory = createMemoryCache(config.cacheMaxBytes);
  const shared = openShared(config, stack, { clock, log });
  const flights = createFlights({ upstream, memory, shared, clock });
  const observe = observeRouter(metrics, { holder, memory });
  const tokens = createConsistencyTokens(secret);
  const ready = () => notReady(holder.ageMs(), config.snapshotMaxAgeMs);
  const ops = stack.use(await openOps(config, ready, metrics, log));
  const server = await serve({
    host: config.host,
    port: config.port,
    services,
    routes: routes({
      ...{ memory, shared, flights, clock, holder, tokens, observe, upstream },
      ...{ transport: transport.forwarding, assertions },
    }),
    gate: authenticate({ holder, clock, snapshotMaxAgeMs: config.snapshotMaxAgeMs }),
    log,
    metrics,
    ...(config.corsOrigins ? { cors: { origins: parseOrigins(config.corsOrigins) } } : {}),
  });
  stack.use(server);
  stack.defer(() => server.drain(config.drainMs));

  const owned = stack.move();
  return {
    url: server.url,
    opsPort: ops.port,
    get follower() {
      return follower.state;
    },
    get revision() {
      return holder.current.revision;
    },
    async ready(signal) {
      while (ready() !== undefined) {
        signal.throwIfAborted();
        await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Two ways to the registry: as this router itself, and for callers whose assertion is given. */
function registryTransport(
  baseUrl: string,
  assertions: Assertions,
): { service: Transport; forwarding: Transport } {
  const asService: Interceptor = (next) => async (request) => {
    const assertion = await assertions.sign({ kind: 'service', name: 'router' });
    request.header.set('authorization', `Bearer ${assertion}`);
    return next(request);
  };
  return {
    service: createGrpcTransport({ baseUrl, interceptors: [asService] }),
    forwarding: createGrpcTransport({ baseUrl }),
  };
}

function openShared(
  config: RouterConfig,
  stack: AsyncDisposableStack,
  deps: { clock: Clock; log: Logger },
): SharedCache | undefined {
  return config.redisUrl ? stack.use(openRedisCache({ url: config.redisUrl, ...deps })) : undefined;
}

function openOps(
  config: RouterConfig,
  ready: () => string | undefined,
  metrics: Metrics,
  log: Logger,
) {
  return openOperations({ host: config.opsHost, port: config.opsPort, ready, metrics, log });
}

function notReady(ageMs: number, maxAgeMs: number): string | undefined {
  if (ageMs === Number.POSITIVE_INFINITY) return 'the registry has not been heard of yet';
  if (ageMs <= maxAgeMs) return undefined;
  return `the registry was last heard of ${Math.round(ageMs / 1000)} s ago`;
}

function parseOrigins(text: string): readonly string[] | '*' {
  return text === '*' ? '*' : text.split(',').map((origin) => origin.trim());
}
