import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import {
  type Clock,
  createAssertions,
  createConsistencyTokens,
  createLogger,
  createMetrics,
  createOutboundGuard,
  ensureFolder,
  type Logger,
  type Metrics,
  noSecrets,
  type OperationsOptions,
  type OutboundGuard,
  observeDisk,
  openOperations,
  openSecretsFile,
  openTracing,
  passTrace,
  serve,
  systemClock,
} from '@weir/kit';
import { WatchService } from '@weir/sdk/gen/weir/registry/v1/watch_pb';
import { CallIntakeService } from '@weir/sdk/gen/weir/tools/v1/calls_pb';
import { openRecording, recordingGate, routerName } from './audit/open-recording.ts';
import { recordUnhandled } from './audit/unhandled.ts';
import { authenticate } from './authenticate.ts';
import { openBlobs } from './blobs/open.ts';
import type { RouterConfig } from './config.ts';
import { createCursors } from './events/cursors.ts';
import { countEvents } from './events/event-metrics.ts';
import { forgetting } from './events/forget.ts';
import { createAckIds } from './events/groups/ack-ids.ts';
import { createGroups } from './events/groups/groups.ts';
import { createInvalidations } from './events/invalidations.ts';
import { createKnownTopics, noting } from './events/known-topics.ts';
import { openEventLog } from './events/open.ts';
import { createEventRedaction } from './events/redact-event.ts';
import { createSubscriptions } from './events/subscriptions.ts';
import { openTails } from './events/tails.ts';
import { createMeasuredMemory, measureShared, observeSharedCache } from './gather/cache-metrics.ts';
import { createFlights } from './gather/flights.ts';
import { openRedisCache, type SharedCache } from './gather/shared-cache.ts';
import { createHeldBytes } from './held.ts';
import { openIdentity } from './identity/identity.ts';
import { openRegistryTls } from './identity/registry-tls.ts';
import { openLimits } from './limits/limits.ts';
import { type LimitPool, openRedisPool } from './limits/pool.ts';
import { createPageTokens } from './list/page-token.ts';
import { openMcp } from './mcp/open.ts';
import { corsOf } from './origins.ts';
import { openExaminer } from './quality/examiner.ts';
import { createProviderRecords } from './quality/record.ts';
import { openRedactions } from './redactions.ts';
import { createRegistryTransports } from './registry-transport.ts';
import {
  observeDecisions,
  observeItems,
  observeLink,
  observeRedactions,
  observeSnapshot,
} from './router-metrics.ts';
import { dear, lasting, leanMethods, routes, services } from './routes.ts';
import { callAsyncApi } from './rpc/get-async-api.ts';
import { type FollowerState, startFollower } from './snapshot/follower.ts';
import { createSnapshotHolder } from './snapshot/holder.ts';
import { openSnapshotKeeper } from './snapshot/keep.ts';
import { knows } from './snapshot/snapshot.ts';
import { openArgumentChecks } from './tools/argument-checks.ts';
import { openCallLog } from './tools/call-log.ts';
import { createToolStates } from './tools/tool-states.ts';
import { traceUpstream } from './traces.ts';
import { openUpstream } from './upstream/upstream.ts';
import { observeUpstream } from './upstream/upstream-metrics.ts';
import { createDuties } from './watches/duties.ts';
import { openWatches } from './watches/watches.ts';

/** What can be given to a router instead of what it would make. */
export interface RouterDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Where it counts; it is shut down with the router. */
  readonly metrics: Metrics;
  /** The way to addresses that users set. */
  readonly outbound: OutboundGuard;
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
/** What redacted items may take of memory, as a share of what the cache may. */
const REDACTED_SHARE = 0.25;
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
  const registryTls = stack.use(await openRegistryTls(config, { clock, log }));
  const transport = createRegistryTransports(config.registryUrl, assertions, registryTls);

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
  const outbound =
    overrides.outbound ?? createOutboundGuard({ allow: config.outboundAllow, log, metrics });
  const upstream = traceUpstream(
    stack.use(openUpstream({ clock, secrets, log, observer, interceptors, outbound })),
  );
  const memory = createMeasuredMemory(metrics, config.cacheMaxBytes);
  const shared = openShared(config, stack, { clock, log, metrics });
  const { store: blobs, handle } = await openBlobs(config, { clock, log });
  const examiner = stack.use(openExaminer({ clock, log }));
  const records = createProviderRecords(clock);
  const limits = stack.use(openLimits({ clock, log, metrics, pool: poolOf(config) }));
  const ways = { appending: transport.service, following: transport.events };
  const eventLog = openEventLog(config, { stack, ways, log, metrics });
  const invalidations = createInvalidations();
  const knownTopics = createKnownTopics(eventLog);
  const forgets = noting(knownTopics, forgetting({ memory, shared, holder, invalidations }));
  const tails = stack.use(openTails({ events: eventLog, log, forgetting: forgets }));
  // From the first value on that is held for a tenant, what becomes of it is heard of.
  stack.use(holder.onChange(() => tails.follow(holder.current.tenants.keys())));
  const flights = createFlights({
    ...{ upstream, memory, shared, clock, examiner, records, limits, invalidations },
    ...{ blobs, blobMaxBytes: config.blobMaxBytes },
  });
  const observe = observeItems(metrics);
  const held = createHeldBytes(config.answersMaxBytes, metrics);
  const tokens = createConsistencyTokens(secret);
  const redactions = stack.use(
    openRedactions({
      ...{ serviceSecret: secret, maxBytes: config.cacheMaxBytes * REDACTED_SHARE, blobs },
      ...{ clock, log, count: observeRedactions(metrics) },
    }),
  );
  const decided = observeDecisions(metrics);
  const pageTokens = createPageTokens(secret);
  const identity = stack.use(await openIdentity(config, { holder, clock, log, metrics, outbound }));
  const recordingDeps = { transport: transport.service, clock, log, metrics };
  const { journal, recorder } = stack.use(await openRecording(config, recordingDeps));
  const ready = () => notReady(holder.ageMs(), config.snapshotMaxAgeMs) ?? journal.notReady();
  const states = { ready, warning: () => journal.warning() };
  const ops = stack.use(await openOps(config, states, metrics, log));
  const pipeline = {
    ...{ memory, shared, invalidations, blobs, flights, records, clock, log, holder, tokens, held },
    ...{ upstream, limits, redactions, pageTokens, journal, recorder, decided, observe },
    ...{ eventLog, tails, cursors: createCursors(secret), eventCounts: countEvents(metrics) },
    ...{ groups: createGroups(eventLog), ackIds: createAckIds(secret) },
    ...{ subscriptions: createSubscriptions(metrics), knownTopics, publicUrl: config.publicUrl },
    redactEvent: createEventRedaction(redactions),
    toolStates: createToolStates(secret),
    argumentChecks: stack.use(openArgumentChecks({ clock, log, metrics })),
    callLog: stack.use(
      openCallLog({ client: createClient(CallIntakeService, transport.service), log, metrics }),
    ),
  };
  const mcp = stack.use(openMcp(config, pipeline, metrics));
  const cors = corsOf(config);
  const server = await serve({
    ...{ host: config.host, port: config.port, services, dear, lasting },
    routes: routes({ ...pipeline, transport: transport.forwarding, assertions }),
    lean: config.fastLane === 'on' ? leanMethods(pipeline) : [],
    http2: config.http2,
    limits: limitsOf(config),
    gate: recordingGate(
      authenticate({ holder, clock, snapshotMaxAgeMs: config.snapshotMaxAgeMs, ...identity }),
      { recorder, clock },
    ),
    onFailed: recordUnhandled({ recorder, holder, clock }),
    webSocket: { hosts: config.publicUrl ? [new URL(config.publicUrl).hostname] : [] },
    tls: identity.tls,
    trustedProxies: identity.trustedProxies,
    log,
    metrics,
    tracing,
    handle(request, response, entrance) {
      callAsyncApi(request);
      if (mcp.handle(request, response, entrance)) return true;
      return handle?.(request, response) ?? false;
    },
    cors,
  });
  stack.use(server);
  // After each start another: what one before still does is not its duty any more.
  const instance = `${routerName(config.dataDir)}/${randomUUID()}`;
  const watches = stack.use(
    openWatches({
      ...{ ...pipeline, metrics, snapshotMaxAgeMs: config.snapshotMaxAgeMs },
      duties: createDuties(transport.service, instance),
    }),
  );
  const drain = async () => {
    await Promise.all([watches[Symbol.asyncDispose](), server.drain(config.drainMs)]);
  };
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

function poolOf({ redisUrl }: RouterConfig): LimitPool | undefined {
  return redisUrl ? openRedisPool({ url: redisUrl }) : undefined;
}

function openOps(
  config: RouterConfig,
  states: Pick<OperationsOptions, 'ready' | 'warning'>,
  metrics: Metrics,
  log: Logger,
) {
  return openOperations({ host: config.opsHost, port: config.opsPort, ...states, metrics, log });
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
