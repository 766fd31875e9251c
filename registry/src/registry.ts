import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  type Clock,
  createAssertions,
  createConsistencyTokens,
  createLogger,
  createMetrics,
  createOutboundGuard,
  EVENTS_KEPT_MS,
  EVENTS_MAX_BYTES,
  ensureFolder,
  type Logger,
  type Metrics,
  type OutboundGuard,
  observeDisk,
  openOperations,
  openServerTls,
  openTracing,
  registryReadMaxBytes,
  serve,
  systemClock,
} from '@weir/kit';
import { createAudit } from './audit/audit.ts';
import { openAuditKeepers } from './audit/audit-keepers.ts';
import { equipOlderTenants, foundInstallation } from './bootstrap.ts';
import { readBuiltInTypes, seedBuiltInTypes } from './builtin-types.ts';
import { openCallKeepers } from './calls/call-keepers.ts';
import { createCallStore } from './calls/call-store.ts';
import { openChecks } from './checks/checks.ts';
import { type RegistryConfig, routersTls, TOOL_CALLS_KEPT_MS } from './config.ts';
import type { Core } from './core.ts';
import { openEventKeepers } from './events/event-keepers.ts';
import { openEventLog } from './events/event-log.ts';
import { countEvents } from './events/event-metrics.ts';
import { openFeed } from './feed.ts';
import { createGate } from './gate.ts';
import { openKeepers } from './keepers.ts';
import { forgetOwnEndpoints } from './own-endpoints.ts';
import { countExpiredLeases, measureStore, observeFeed } from './registry-metrics.ts';
import { createRoutes, services } from './routes.ts';
import { sanitiseFaults } from './sanitise.ts';
import type { Driver } from './store/driver.ts';
import { atStart } from './store/faults.ts';
import { openPglite } from './store/pglite.ts';
import { openPostgres } from './store/postgres.ts';
import { openSqlStore } from './store/sql-store.ts';

const OPS_HOST_DEFAULT = '127.0.0.1';
const DRAIN_GRACE_MS = 5000;
/** A router follows the events of each tenant by a stream of its own. */
const ROUTER_STREAMS_MAX = 1000;
/** What metrics and traces call it. */
const SERVICE = 'weir-registry';

/** A running registry. */
export interface Registry extends AsyncDisposable {
  /** The internal listener. */
  readonly url: string;
  /** The first administrator's key; only on the start that created it. */
  readonly adminKey?: string;
  /** Runs one statement that only reads, on the registry's own database. */
  query(sql: string, params?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
}

/** What a registry takes from outside itself. */
export interface RegistryDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Where it counts; it is shut down with the registry. */
  readonly metrics: Metrics;
  /** The way to addresses that users set. */
  readonly outbound: OutboundGuard;
  /** Opens the database. */
  openDriver(config: RegistryConfig): Promise<Driver>;
  /** A new random id, 16 characters of 0-9 and a-f. */
  newId(): string;
}

/** Opens a registry: database, keepers of leases and health, and the internal listener. */
export async function openRegistry(
  config: RegistryConfig,
  overrides: Partial<RegistryDeps> = {},
): Promise<Registry> {
  const deps = { ...defaultDeps(config), ...overrides };
  const { clock, log, metrics = createMetrics(SERVICE) } = deps;
  await using opening = new AsyncDisposableStack();
  opening.defer(() => metrics.shutdown());
  const traces = { service: SERVICE, url: config.tracesUrl, share: config.tracesShare ?? 0 };
  // Whose callers may be traced, routers have decided.
  const tracing = opening.use(await openTracing({ ...traces, clock, log }));
  const tls = await openServerTls(routersTls, config, { clock, log, metrics });
  if (tls) opening.use(tls);
  const driver = await deps.openDriver(config);
  const sqlStore = opening.use(await atStart(() => openSqlStore(driver, clock)));
  const store = measureStore(sqlStore, metrics, clock);
  observeDisk(metrics.meter, config.dataDir);
  const checks = opening.use(openChecks(log));
  const core: Core = {
    store,
    checks,
    clock,
    log,
    leaseMs: config.leaseMs,
    newId: deps.newId,
    tokens: createConsistencyTokens(config.serviceSecret),
    outbound:
      deps.outbound ?? createOutboundGuard({ allow: config.outboundAllow ?? [], log, metrics }),
  };

  const { serviceSecret, auditMinRetentionMs: minRetentionMs = 0 } = config;
  const audit = createAudit({ db: driver.db, clock, log, metrics, serviceSecret, minRetentionMs });

  const adminKey = await atStart(() => prepare(core, config));
  const feed = opening.use(await atStart(() => openFeed(store, clock, log)));
  observeFeed(metrics, feed);
  opening.use(openKeepers(core, config, countExpiredLeases(metrics)));
  opening.use(openAuditKeepers(core, audit));
  const eventDeps = { clock, log, onCommit: countEvents(metrics) };
  const eventLog = opening.use(await atStart(() => openEventLog(driver, eventDeps)));
  const { eventsKeptMs: keptMs = EVENTS_KEPT_MS, eventsMaxBytes: maxBytes = EVENTS_MAX_BYTES } =
    config;
  opening.use(openEventKeepers(core, eventLog.store, { keptMs, maxBytes }));
  const calls = createCallStore(driver.db);
  opening.use(openCallKeepers(core, calls, config.toolCallsKeptMs ?? TOOL_CALLS_KEPT_MS));
  const server = opening.use(
    await serve({
      host: config.host,
      port: config.port,
      services,
      routes: createRoutes(core, feed, { audit, eventLog, calls }),
      gate: createGate(createAssertions(config.serviceSecret)),
      interceptors: [sanitiseFaults],
      log,
      metrics,
      tracing,
      tls,
      limits: { readMaxBytes: registryReadMaxBytes, streamsPerConnection: ROUTER_STREAMS_MAX },
    }),
  );
  opening.defer(() => server.drain(DRAIN_GRACE_MS));
  if (config.opsPort !== undefined) {
    const ready = () => whyNotReady(feed);
    opening.use(
      await openOperations({
        host: config.opsHost ?? OPS_HOST_DEFAULT,
        port: config.opsPort,
        ready,
        metrics,
        log,
      }),
    );
  }
  log.info({ url: server.url, database: config.databaseUrl ? 'postgres' : 'pglite' }, 'listening');

  const open = opening.move();
  return {
    url: server.url,
    ...(adminKey === undefined ? {} : { adminKey }),
    query: (sql, params = []) => store.query(sql, params),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Brings the database to where a registry begins. Returns the key of a new installation. */
async function prepare(core: Core, { dataDir, leaseMs, ownProviders = [] }: RegistryConfig) {
  const { store, clock } = core;
  await seedBuiltInTypes(store, await readBuiltInTypes(), clock.wallMs());
  await equipOlderTenants(core);
  const adminKey = await foundInstallation(core, dataDir);
  await forgetOwnEndpoints(core, ownProviders);
  await store.renewAllLeases(clock.wallMs() + leaseMs);
  return adminKey;
}

function defaultDeps(config: RegistryConfig): Omit<RegistryDeps, 'metrics' | 'outbound'> {
  return {
    clock: systemClock,
    log: createLogger({ level: config.logLevel, name: SERVICE }),
    openDriver: async ({ databaseUrl, pgliteDump, dataDir, templatesDir }) => {
      if (databaseUrl !== undefined) return openPostgres(databaseUrl);
      if (pgliteDump !== undefined) return openPglite({ dump: pgliteDump });
      await ensureFolder('WEIR_DATA_DIR', dataDir);
      return openPglite({ directory: join(dataDir, 'db'), templates: templatesDir });
    },
    newId: () => randomBytes(8).toString('hex'),
  };
}

function whyNotReady(feed: { position(): unknown }): string | undefined {
  try {
    feed.position();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
