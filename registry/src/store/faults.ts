import { refuse, type WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

const RETRY_DELAY_MS = 1000;
const CAUSES_MAX = 5;

/** Codes of the system: the connection is not there, or not any more. */
const CONNECTION_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** SQLSTATEs that pass: connection, resources, shutdown, recovery, time, conflicts of locks. */
const PASSING_STATES = /^(08...|53...|57P0[1-5]|57014|55P03|40001|40P01|25006|25P03)$/;

/** The refusal that an unreachable database comes to; undefined for any other error. */
export function unavailable(error: unknown): WeirError | undefined {
  let cause: unknown = error;
  for (let depth = 0; cause instanceof Error && depth < CAUSES_MAX; depth += 1) {
    const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
    if (CONNECTION_CODES.has(code) || PASSING_STATES.test(code) || isClosed(cause)) {
      return refuse(Reason.STORE_UNAVAILABLE, 'the database of the registry cannot be reached', {
        retryDelayMs: RETRY_DELAY_MS,
        cause: error,
      });
    }
    cause = cause.cause;
  }
  return undefined;
}

/** What stands in the way of a start, in a sentence; the statement itself says nothing. */
export function startFault(error: unknown): Error {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const why = cause instanceof Error ? cause.message || cause.name : String(cause);
  return new Error(
    `the database cannot be opened: ${why}; check WEIR_DATABASE_URL and the server`,
    { cause },
  );
}

/** Does what a start begins with; a database that goes away meanwhile is said in a sentence. */
export async function atStart<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw unavailable(error) ? startFault(error) : error;
  }
}

/** The drivers' own words for a connection that is gone; they have no codes. */
const CLOSED =
  /^PGlite is clos(ed|ing)$|^Connection terminated|^timeout exceeded when trying to connect|is not queryable$|^Cannot use a pool after/;

function isClosed(error: Error): boolean {
  return CLOSED.test(error.message);
}
