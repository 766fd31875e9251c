import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';

/** A database, or a transaction on it. */
export type Database = PgDatabase<PgQueryResultHKT, Record<string, never>>;

/** A migrated database and what drizzle does not cover. */
export interface Driver extends AsyncDisposable {
  readonly db: Database;
  /** Runs one statement in a transaction that only reads. */
  query(sql: string, params: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** What tells the database from every other, a restored copy included. Empty: it cannot tell. */
  identity(): Promise<string>;
  /**
   * Calls back for every notification on a channel, with what it says; with nothing when it can hear
   * again, for some may have been missed.
   */
  listen(channel: string, notified: (said: string) => void): Promise<AsyncDisposable>;
}

/** Where the migrations are. */
export const migrationsFolder = new URL('../../migrations', import.meta.url).pathname;
