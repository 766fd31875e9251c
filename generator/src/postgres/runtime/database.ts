import { Code } from '@weir/sdk';
import { type Caller, ProviderError } from '@weir/sdk/provider';
import pg from 'pg';
import { isDataFailure, toProviderError } from './failures.ts';

/** Rows as the server writes them: texts, in the order of the columns that were asked for. */
export type Rows = readonly (readonly (string | null)[])[];

/** What is asked of a database. */
export interface Statement {
  readonly sql: string;
  readonly params: readonly unknown[];
  /** For whom; told to the database when it wants to know. */
  readonly caller: Caller;
  /** Nobody waits any more once it is aborted. */
  readonly signal: AbortSignal;
  /** Whether it is tried if a text is a value: that it is none is no fault then. Default: no. */
  readonly isTrial?: boolean;
}

/** A PostgreSQL database, opened for reading only. */
export interface Database extends AsyncDisposable {
  /** Runs a statement. Throws a `ProviderError` that names nothing of the database. */
  read(statement: Statement): Promise<Rows>;
  /**
   * Connects, and looks whether the session is what it should be.
   *
   * @throws {Error} when the database cannot be reached, or sessions are not read-only.
   */
  check(): Promise<void>;
  /** Whether policies of the database can decide for each caller, since it is told of them. */
  readonly tellsCaller: boolean;
}

/** How a database is opened. */
export interface DatabaseOptions {
  /** Where it is: `postgres://user:password@host:5432/database`. */
  readonly url: string;
  /** Connections at once, 1 to 100. Default: 8. */
  readonly maxConnections?: number | undefined;
  /** How long a statement may take, in milliseconds. Default: 4,000. */
  readonly statementTimeoutMs?: number | undefined;
  /** How long a statement may wait for a lock, in milliseconds. Default: 1,000. */
  readonly lockTimeoutMs?: number | undefined;
  /**
   * Whether the database is told for whom it is asked, in the settings `weir.tenant`,
   * `weir.principal` and `weir.attributes` (JSON) of each transaction, so that its row-level security
   * can decide for each caller. Default: no.
   */
  readonly tellCaller?: boolean | undefined;
  /** Told of what callers learn nothing of, for the log. Default: nobody is. */
  readonly onFault?: ((fault: DatabaseFault) => void) | undefined;
}

/** What went wrong, for who runs the provider. */
export interface DatabaseFault {
  /** What it is, and what to do. */
  readonly text: string;
  readonly error: unknown;
}

const defaultConnections = 8;
const defaultStatementTimeoutMs = 4_000;
const defaultLockTimeoutMs = 1_000;
const connectTimeoutMs = 5_000;
const idleTimeoutMs = 60_000;
/** The greatest time between two statements of a transaction. */
const idleInTransactionMs = 10_000;

/** So that every value has one text, whatever the database's own settings are. */
const formats = {
  DateStyle: 'ISO',
  IntervalStyle: 'iso_8601',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  client_encoding: 'UTF8',
};

/**
 * Opens a database; the first statement connects. Its sessions only read, and have limits for each
 * statement and lock.
 *
 * @throws {Error} when the URL is not one of PostgreSQL, or a limit is out of its bounds.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { tellCaller = false, onFault = () => {} } = options;
  const pool = new pg.Pool({
    ...connectionOf(options),
    max: within('maxConnections', options.maxConnections ?? defaultConnections, 100),
    idleTimeoutMillis: idleTimeoutMs,
    // Of a session that was not made read-only, nobody gets hold.
    verify: (client, done) => void verify(client).then(() => done(), done),
  });
  // What breaks while no statement waits is told by an event, which would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return {
    tellsCaller: tellCaller,
    async check() {
      (await pool.connect()).release();
    },
    async read(statement) {
      statement.signal.throwIfAborted();
      try {
        const run = tellCaller ? readAsCaller(pool, statement) : readPlain(pool, statement);
        return await untilAborted(run, statement.signal);
      } catch (error) {
        if (statement.signal.aborted) throw new ProviderError(Code.Canceled, 'nobody waits for it');
        throw toProviderError(error, statement.isTrial ? onlyFaults(onFault) : onFault);
      }
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

/** How one connection is opened, also by who reads the catalogs. */
export function connectionOf(options: DatabaseOptions): pg.ClientConfig {
  const { url } = options;
  const { statementTimeoutMs = defaultStatementTimeoutMs } = options;
  const { lockTimeoutMs = defaultLockTimeoutMs } = options;
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol)) {
    throw new Error('the database URL is not like postgres://user:password@host:5432/database');
  }
  const settings = {
    ...formats,
    default_transaction_read_only: 'on',
    statement_timeout: within('statementTimeoutMs', statementTimeoutMs, 600_000),
    lock_timeout: within('lockTimeoutMs', lockTimeoutMs, 600_000),
    idle_in_transaction_session_timeout: idleInTransactionMs,
  };
  const texts = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  return {
    connectionString: url,
    options: texts.join(' '),
    application_name: 'weir-postgres',
    connectionTimeoutMillis: connectTimeoutMs,
    // Numbers and times are left as the server writes them.
    types: { getTypeParser: () => (text: string) => text },
  };
}

function onlyFaults(onFault: (fault: DatabaseFault) => void): typeof onFault {
  return (fault) => {
    if (!isDataFailure(fault.error)) onFault(fault);
  };
}

function within(name: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`${name} ${value} is not a whole number from 1 to ${most}`);
}

/** Options in the URL go before ours, and a pooler may leave ours out. */
async function verify(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<[string, string]>({
    text: "select pg_catalog.current_setting('default_transaction_read_only'), pg_catalog.current_setting('bytea_output') || pg_catalog.current_setting('TimeZone')",
    rowMode: 'array',
  } as pg.QueryArrayConfig);
  const [readOnly, form] = rows[0] ?? [];
  if (readOnly === 'on' && form === 'hexUTC') return;
  throw new Error(
    'the sessions of this connection are not read-only: something between overrides the settings that were asked for; leave "options" out of the URL, and connect to the database itself or to a pooler that passes on "options"',
  );
}

async function readPlain(pool: pg.Pool, { sql, params }: Statement): Promise<Rows> {
  return (await pool.query(asArrays(sql, params))).rows;
}

/** In a transaction of its own, since what is told of the caller must end with it. */
async function readAsCaller(pool: pg.Pool, { sql, params, caller }: Statement): Promise<Rows> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin transaction read only');
    await client.query(
      "select pg_catalog.set_config('weir.tenant', $1, true), pg_catalog.set_config('weir.principal', $2, true), pg_catalog.set_config('weir.attributes', $3, true)",
      [caller.tenant, caller.principal, JSON.stringify(caller.attributes)],
    );
    return (await client.query(asArrays(sql, params))).rows;
  } finally {
    await client.query('rollback').catch((error: Error) => {
      broken = error;
    });
    client.release(broken);
  }
}

function asArrays(text: string, values: readonly unknown[]): pg.QueryArrayConfig {
  return { text, values: [...values], rowMode: 'array' };
}

/** The statement itself goes on, up to its timeout. */
function untilAborted<T>(running: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    running.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
