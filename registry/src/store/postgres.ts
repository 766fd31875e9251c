import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { type Driver, migrationsFolder } from './driver.ts';

const MIGRATION_LOCK = 0x77656972; // "weir", on which registries that start together wait
const CONNECT_TIMEOUT_S = 5;
const RECONNECT_DELAY_MAX_S = 1; // the library would wait up to 20 s
const STATEMENT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 5000; // a writer that hangs or is cut off holds up all registries
const CONNECTIONS_MAX = 10;

/** Opens and migrates a PostgreSQL database. */
export async function openPostgres(databaseUrl: string): Promise<Driver> {
  await migrateAlone(databaseUrl);
  const client = postgres(databaseUrl, {
    max: CONNECTIONS_MAX,
    connect_timeout: CONNECT_TIMEOUT_S,
    backoff: (retries) => Math.min(2 ** retries / 10, RECONNECT_DELAY_MAX_S),
    onnotice: () => {},
    connection: {
      application_name: 'weir-registry',
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_TIMEOUT_MS,
    },
  });
  return {
    db: drizzle({ client }),
    async query(text, params) {
      // The parameters of a statement written by hand are checked by the database.
      const values = params as postgres.ParameterOrJSON<never>[];
      return await client.begin('read only', (tx) => tx.unsafe(text, values));
    },
    async listen(channel, notified) {
      const { unlisten } = await client.listen(channel, notified);
      return { [Symbol.asyncDispose]: () => unlisten().catch(() => {}) };
    },
    [Symbol.asyncDispose]: () => client.end({ timeout: CONNECT_TIMEOUT_S }),
  };
}

/** Migrates on a connection of its own, since the advisory lock belongs to its connection. */
async function migrateAlone(databaseUrl: string): Promise<void> {
  const client = postgres(databaseUrl, {
    max: 1,
    connect_timeout: CONNECT_TIMEOUT_S,
    onnotice: () => {},
  });
  try {
    const db = drizzle({ client });
    await db.execute(sql`select pg_advisory_lock(${MIGRATION_LOCK})`);
    await migrate(db, { migrationsFolder });
  } catch (error) {
    throw startFault(error);
  } finally {
    await client.end({ timeout: CONNECT_TIMEOUT_S });
  }
}

/** What stands in the way of a start, in a sentence; the statement itself says nothing. */
function startFault(error: unknown): Error {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(
    `the database cannot be opened: ${why}; check WEIR_DATABASE_URL and the server`,
    {
      cause,
    },
  );
}
