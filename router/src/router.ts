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
  ensureFolder,
  type Logger,
  type Metrics,
  observeDisk,
  openOperations,
  openTracing,
  passTrace,
  registryReadMaxBytes,
  serve,
  systemClock,
} from '@weir/kit';
import { WatchService } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { authenticate } from './authenticate.ts';
import { openBlobs } from './blobs/open.ts';
import type { RouterConfig } from './config.ts';
import { createMeasuredMemory, measureShared, observeSharedCache } from './gather/cache-metrics.ts';
import { createFlights } from './gather/flights.ts';
import { openRedisCache, type SharedCache } from './gather/shared-cache.ts';
import { createHeldBytes } from './held.ts';
import { openExaminer } from './quality/examiner.ts';
import { createProviderRecords } from './quality/record.ts';
import { observeItems, observeLink, observeSnapshot } from './router-metrics.ts';
import { routes, services } from './routes.ts';
import { noSecrets, openSecretsFile } from './secrets.ts';
import { type FollowerState, startFollower } from './snapshot/follower.ts';
import { createSnapshotHolder } from './snapshot/holder.ts';
import { openSnapshotKeeper } from './snapshot/keep.ts';
import { knows } from './snapshot/snapshot.ts';
import { traceUpstream } from './traces.ts';
import { openUpstream } from './upstream/upstream.ts';
import { observeUpstream } from './upstream/upstream-metrics.ts';

/** What can be given to a router instead of what it would make. */
export interface RouterDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Where it counts; it is shut down with the router. */
  readonly metrics: Metrics;
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
  /** Takes no more connections, answers what has come, and ends what lasts too long. */
  drain(): Promise<void>;
}

const READY_POLL_MS = 10;
/** What metrics and traces call it. */
const SERVICE = 'weir-router';

/** Opens a router: it serves at once from the snapshot on disk, or as soon as it has one. */
export async function openRouter(
  config: RouterConfig,
  overrides: Partial<RouterDeps> = {},
): Promise<Router> {
  await using stack = new AsyncDisposableStack();
  const clock = overrides.clock ?? systemClock;
  const log = overrides.log ?? createLogger({ name: 'router', level: config.logLevel });
  const metrics = stack.adopt(overrides.metrics ?? createMetrics(SERVICE), (m) => m.shutdown());
  const tracing = stack.use(
    await openTracing({ service: SERVICE, ...tracesOf(config), clock, log }),
  );
  const secret = config.serviceSecret;
  const assertions = createAssertions(secret);
  const transport = registryTransport(config.registryUrl, assertions);

  await ensureFolder('WEIR_DATA_DIR', config.dataDir);
  observeDisk(metrics.meter, config.dataDir);
  const holder = createSnapshotHolder(clock);
  const path = join(config.dataDir, 'snapshot.bin');
  const keeper = stack.use(await openSnapshotKeeper({ path, holder, clock, log }));
  const countConfirmed = observeSnapshot(metrics, holder);
  const follower = stack.use(
    startFollower({
      client: createClient(WatchService, transport.service),
      holder,
      log,
      onConfirmed(changed) {
        countConfirmed(changed);
        keeper.confirmed(changed);
      },
    }),
  );
  observeLink(metrics, follower);

  const secrets = config.secretsFile ? openSecretsFile(config.secretsFile) : noSecrets;
  const observer = observeUpstream(metrics, (provider) => knows(holder.current, provider));
  const interceptors = [passTrace];
  const upstream = traceUpstream(
    stack.use(openUpstream({ clock, secrets, log, observer, interceptors })),
  );
  const memory = createMeasuredMemory(metrics, config.cacheMaxBytes);
  const shared = openShared(config, stack, { clock, log, metrics });
  const { store: blobs, handle } = await openBlobs(config, { clock, log });
  const examiner = stack.use(openExaminer({ clock, log }));
  const records = createProviderRecords(clock);
  const flights = createFlights({
    ...{ upstream, memory, shared, clock, examiner, records },
    ...{ blobs, blobMaxBytes: config.blobMaxBytes },
  });
  const observe = observeItems(metrics);
  const held = createHeldBytes(config.answersMaxBytes, metrics);
  const tokens = createConsistencyTokens(secret);
  const ready = () => notReady(holder.ageMs(), config.snapshotMaxAgeMs);
  const ops = stack.use(await openOps(config, ready, metrics, log));
  const server = await serve({
    host: config.host,
    port: config.port,
    services,
    routes: routes({
      ...{
        memory,
        shared,
        blobs,
        flights,
        records,
        clock,
        log,
        holder,
        tokens,
        held,
        observe,
        upstream,
      },
      ...{ transport: transport.forwarding, assertions },
    }),
    limits: limitsOf(config),
    gate: authenticate({ holder, clock, snapshotMaxAgeMs: config.snapshotMaxAgeMs }),
    log,
    metrics,
    tracing,
    ...(handle && { handle }),
    ...(config.corsOrigins ? { cors: { origins: parseOrigins(config.corsOrigins) } } : {}),
  });
  stack.use(server);
  const drain = () => server.drain(config.drainMs);
  stack.defer(drain);

  const owned = stack.move();
  return {
    url: server.url,
    opsPort: ops.port,
    drain,
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
    forwarding: createGrpcTransport({
      baseUrl,
      interceptors: [passTrace],
      writeMaxBytes: registryReadMaxBytes,
    }),
  };
}

function openShared(
  config: RouterConfig,
  stack: AsyncDisposableStack,
  { metrics, ...deps }: { clock: Clock; log: Logger; metrics: Metrics },
): SharedCache | undefined {
  if (!config.redisUrl) return undefined;
  const observer = observeSharedCache(metrics);
  const shared = stack.use(openRedisCache({ url: config.redisUrl, observer, ...deps }));
  return measureShared(metrics, deps.clock, shared);
}

function openOps(
  config: RouterConfig,
  ready: () => string | undefined,
  metrics: Metrics,
  log: Logger,
) {
  return openOperations({ host: config.opsHost, port: config.opsPort, ready, metrics, log });
}

function tracesOf({ tracesUrl, tracesShare, tracesCallerRate }: RouterConfig) {
  return { url: tracesUrl, share: tracesShare, callerRate: tracesCallerRate };
}

function limitsOf({ callsAtWork, maxConnections, maxConnectionsPerAddress }: RouterConfig) {
  return { callsAtWork, maxConnections, maxConnectionsPerAddress };
}

function notReady(ageMs: number, maxAgeMs: number): string | undefined {
  if (ageMs === Number.POSITIVE_INFINITY) return 'the registry has not been heard of yet';
  if (ageMs <= maxAgeMs) return undefined;
  return `the registry was last heard of ${Math.round(ageMs / 1000)} s ago`;
}

function parseOrigins(text: string): readonly string[] | '*' {
  return text === '*' ? '*' : text.split(',').map((origin) => origin.trim());
}
