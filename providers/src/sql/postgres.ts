import { Code } from '@weir/sdk';
import { ProviderError } from '@weir/sdk/provider';
import postgres from 'postgres';
import type { Query } from './introspect.ts';

const statementTimeoutMs = 5_000;
const connectTimeoutSeconds = 5;
const idleTimeoutSeconds = 60;
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
  const sql = postgres(url, {
    max: maxConnections,
    connect_timeout: connectTimeoutSeconds,
    idle_timeout: idleTimeoutSeconds,
    // The queries give text only, so there are no types to be looked up.
    fetch_types: false,
    onnotice: () => {},
    connection: {
      application_name: 'weir-sql',
      default_transaction_read_only: true,
      statement_timeout: statementTimeoutMs,
    },
  });
  const query: Query = async (text, params) => {
    try {
      return await sql.unsafe(text, [...params] as string[]);
    } catch (cause) {
      throw toProviderError(cause);
    }
  };
  const database = String(sql.options.database);
  return { query, database, [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) };
}

/** What callers may learn of a failure: the driver's own words hold addresses and user names. */
function toProviderError(cause: unknown): ProviderError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  return new ProviderError(Code.Unavailable, `the database could not be read (${code})`, {
    retryDelayMs: 5_000,
    cause,
  });
}
