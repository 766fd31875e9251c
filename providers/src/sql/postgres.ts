import { Code } from '@weir/sdk';
import { ProviderError } from '@weir/sdk/provider';
import pg from 'pg';
import type { Query } from './introspect.ts';

const statementTimeoutMs = 5_000;
const connectTimeoutMs = 5_000;
const idleTimeoutMs = 60_000;
const maxConnections = 2;

/** A PostgreSQL database, opened for reading only. */
export interface Postgres extends AsyncDisposable {
  readonly query: Query;
  /** The name of the database. */
  readonly database: string;
}

/**
 * Opens a PostgreSQL database by its URL; the first query connects. Sessions are read-only, and a
 * statement may take 5 s.
 *
 * @throws {Error} when the URL is not one of PostgreSQL.
 */
export function openPostgres(url: string): Postgres {
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) {
    throw new Error('the database URL is not like postgres://user:password@host:5432/database');
  }
  const settings: pg.PoolConfig = {
    connectionString: url,
    application_name: 'weir-sql',
    max: maxConnections,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: idleTimeoutMs,
    statement_timeout: statementTimeoutMs,
    options: '-c default_transaction_read_only=on',
  };
  const pool = new pg.Pool(settings);
  // What breaks while no query waits is told by an event, which would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const query: Query = async (text, params) => {
    try {
      return (await pool.query<Record<string, unknown>>(text, [...params])).rows;
    } catch (cause) {
      throw toProviderError(cause);
    }
  };
  const database = new pg.Client(settings).database ?? '';
  return { query, database, [Symbol.asyncDispose]: () => pool.end() };
}

/** What callers may learn of a failure: the driver's own words hold addresses and user names. */
function toProviderError(cause: unknown): ProviderError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  return new ProviderError(Code.Unavailable, `the database could not be read (${code})`, {
    retryDelayMs: 5_000,
    cause,
  });
}
