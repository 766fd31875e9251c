import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  type Clock,
  createAssertions,
  createConsistencyTokens,
  createLogger,
  createMetrics,
  type Logger,
  openOperations,
  serve,
  systemClock,
} from '@weir/kit';
import { foundInstallation } from './bootstrap.ts';
import { readBuiltInTypes, seedBuiltInTypes } from './builtin-types.ts';
import type { RegistryConfig } from './config.ts';
import type { Core } from './core.ts';
import { openFeed } from './feed.ts';
import { createGate } from './gate.ts';
import { openKeepers } from './keepers.ts';
import { createRoutes, services } from './routes.ts';
import { sanitiseFaults } from './sanitise.ts';
import type { Driver } from './store/driver.ts';
import { openPglite } from './store/pglite.ts';
import { openPostgres } from './store/postgres.ts';
import { openSqlStore } from './store/sql-store.ts';

const OPS_HOST_DEFAULT = '127.0.0.1';
const DRAIN_GRACE_MS = 5000;

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
  const deps: RegistryDeps = { ...defaultDeps(config), ...overrides };
  const { clock, log } = deps;
  await using opening = new AsyncDisposableStack();
  const driver = await deps.openDriver(config);
  const store = opening.use(await openSqlStore(driver, clock));
  const core: Core = {
    store,
    clock,
    log,
    leaseMs: config.leaseMs,
    newId: deps.newId,
    tokens: createConsistencyTokens(config.serviceSecret),
  };

  await seedBuiltInTypes(store, await readBuiltInTypes(), clock.wallMs());
  const adminKey = await foundInstallation(core, config.dataDir);
  await store.renewAllLeases(clock.wallMs() + config.leaseMs);

  const metrics = opening.adopt(createMetrics('weir-registry'), (held) => held.shutdown());
  const feed = opening.use(await openFeed(store, clock, log));
  opening.use(openKeepers(core, config));
  const server = opening.use(
    await serve({
      host: config.host,
      port: config.port,
      services,
      routes: createRoutes(core, feed),
      gate: createGate(createAssertions(config.serviceSecret)),
      interceptors: [sanitiseFaults],
      log,
      metrics,
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

function defaultDeps(config: RegistryConfig): RegistryDeps {
  return {
    clock: systemClock,
    log: createLogger({ level: config.logLevel, name: 'weir-registry' }),
    openDriver: ({ databaseUrl, pgliteDump, dataDir }) => {
      if (databaseUrl !== undefined) return openPostgres(databaseUrl);
      if (pgliteDump !== undefined) return openPglite({ dump: pgliteDump });
      return openPglite({ directory: join(dataDir, 'db') });
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
