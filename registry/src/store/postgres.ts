import { setTimeout } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';
import { type Driver, migrationsFolder } from './driver.ts';
import { startFault } from './faults.ts';

const MIGRATION_LOCK = 0x77656972; // "weir", on which registries that start together wait
const CONNECT_TIMEOUT_MS = 5000;
const STATEMENT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 5000; // a writer that hangs or is cut off holds up all registries
const CONNECTIONS_MAX = 10;
const LISTEN_AGAIN_MS = 1000;
const CLOSE_TIMEOUT_MS = 5000;
const FORBIDDEN = '42501';

/** Opens and migrates a PostgreSQL database. */
export async function openPostgres(databaseUrl: string): Promise<Driver> {
  await migrateAlone(databaseUrl);
  const settings: pg.PoolConfig = {
    ...connection(databaseUrl),
    max: CONNECTIONS_MAX,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_TIMEOUT_MS,
  };
  const pool = new pg.Pool(settings);
  // A connection that breaks while nobody waits for an answer tells it by an event, which would
  // end the process if nobody listened; the next statement fails with the reason anyway.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return {
    db: drizzle({ client: pool }),
    query: (text, params) => queryReadOnly(pool, text, params),
    identity: () => identityOf(pool),
    listen: (channel, notified) => listen(databaseUrl, channel, notified),
    [Symbol.asyncDispose]: async () => {
      const late = setTimeout(CLOSE_TIMEOUT_MS, undefined, { ref: false });
      await Promise.race([pool.end(), late]);
    },
  };
}

function connection(databaseUrl: string): pg.ClientConfig {
  return {
    connectionString: databaseUrl,
    application_name: 'weir-registry',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  };
}

/**
 * The cluster, its timeline, which a recovery or a failover changes, and the database in it,
 * which a dump that is read back changes. Empty where the server does not tell.
 */
async function identityOf(pool: pg.Pool): Promise<string> {
  try {
    const { rows } = await pool.query<{ identity: string }>(
      `select concat_ws('/', s.system_identifier, c.timeline_id, d.oid) as identity
       from pg_control_system() s, pg_control_checkpoint() c, pg_database d
       where d.datname = current_database()`,
    );
    return rows[0]?.identity ?? '';
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === FORBIDDEN) return '';
    throw error;
  }
}

async function queryReadOnly(
  pool: pg.Pool,
  text: string,
  values: readonly unknown[],
): Promise<readonly Record<string, unknown>[]> {
  const client = await pool.connect();
  let failed: Error | undefined;
  try {
    await client.query('begin read only');
    // In the extended protocol a text is one statement: nothing in it can end the transaction.
    const extended = { text, values: [...values], queryMode: 'extended' };
    const { rows } = await client.query<Record<string, unknown>>(extended);
    await client.query('commit');
    return rows;
  } catch (error) {
    failed = error as Error;
    throw error;
  } finally {
    client.release(failed);
  }
}

/** Listens on a connection of its own, and again when that breaks. */
async function listen(
  databaseUrl: string,
  channel: string,
  notified: (said: string) => void,
): Promise<AsyncDisposable> {
  const stop = new AbortController();
  let current: pg.Client | undefined;
  const hear = async () => {
    const client = new pg.Client(connection(databaseUrl));
    current = client;
    const ended = new Promise<void>((resolve) => {
      client.on('end', resolve);
      client.on('error', () => resolve());
    });
    client.on('notification', ({ payload = '' }) => notified(payload));
    try {
      await client.connect();
      await client.query(`listen ${pg.escapeIdentifier(channel)}`);
      notified('');
      await ended;
    } finally {
      await client.end().catch(() => {});
    }
  };
  const run = async () => {
    while (!stop.signal.aborted) {
      await hear().catch(() => {});
      await setTimeout(LISTEN_AGAIN_MS, undefined, { signal: stop.signal }).catch(() => {});
    }
  };
  const done = run();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await current?.end().catch(() => {});
      await done;
    },
  };
}

/** Migrates on a connection of its own, since the advisory lock belongs to its connection. */
async function migrateAlone(databaseUrl: string): Promise<void> {
  const client = new pg.Client(connection(databaseUrl));
  client.on('error', () => {});
  try {
    await client.connect();
    const db = drizzle({ client });
    await db.execute(sql`select pg_advisory_lock(${MIGRATION_LOCK})`);
    await migrate(db, { migrationsFolder });
  } catch (error) {
    throw startFault(error);
  } finally {
    await client.end().catch(() => {});
  }
}
