import { Code } from '@weir/sdk';
import { ProviderError } from '@weir/sdk/provider';
import type { DatabaseFault } from './database.ts';

/** What callers may learn of a failure, and who runs the provider. */
interface Failure {
  readonly code: Code;
  /** For callers: the database's own words hold names and values. */
  readonly text: string;
  /** For the log: what to do. */
  readonly mend: string;
  readonly retryDelayMs?: number;
}

const changed: Failure = {
  code: Code.FailedPrecondition,
  text: 'the table is not as the provider knows it: the provider must be generated again',
  mend: 'the schema of the database has changed: generate the provider again, or restart it when it is served',
};
const forbidden: Failure = {
  code: Code.FailedPrecondition,
  text: 'the provider may not read this table any more',
  mend: 'grant select on the table to the user of the provider',
};
const slow: Failure = {
  code: Code.DeadlineExceeded,
  text: 'the database took too long',
  mend: 'a statement took longer than statementTimeoutMs: an index may be missing, or the time be too short',
  retryDelayMs: 5_000,
};
const locked: Failure = {
  code: Code.Unavailable,
  text: 'the table is locked',
  mend: 'a lock was not free within lockTimeoutMs: a migration may be under way',
  retryDelayMs: 5_000,
};
const away: Failure = {
  code: Code.Unavailable,
  text: 'the database cannot be reached',
  mend: 'the database cannot be reached: look whether it runs, and whether the URL is right',
  retryDelayMs: 5_000,
};
const refused: Failure = {
  code: Code.Unavailable,
  text: 'the database does not let the provider in',
  mend: 'the database refuses the user or the password: look at DATABASE_URL',
  retryDelayMs: 30_000,
};

/** By SQLSTATE, or its class of two characters. */
const failures: Readonly<Record<string, Failure>> = {
  '42703': changed,
  '42P01': changed,
  '42704': changed,
  '42883': changed,
  '42804': changed,
  '3F000': changed,
  '42501': forbidden,
  '57014': slow,
  '55P03': locked,
  '25P03': slow,
  '28': refused,
  '3D': refused,
  '08': away,
  '53': away,
  '57': away,
};

const unread = 'the database could not be read';
const network = /^(?:E[A-Z]+|CERT_|DEPTH_|SELF_)/;

/** A failure in words that callers may read; the log learns the whole of it. */
export function toProviderError(
  error: unknown,
  onFault: (fault: DatabaseFault) => void,
): ProviderError {
  const state = stateOf(error);
  const known = failures[state] ?? failures[state.slice(0, 2)] ?? (isNetwork(error) && away);
  if (!known) {
    onFault({ text: unread, error });
    return new ProviderError(Code.Internal, unread, { cause: error });
  }
  onFault({ text: known.mend, error });
  const { code, text, retryDelayMs } = known;
  return new ProviderError(code, text, { retryDelayMs, cause: error });
}

/** Whether a failure may come of a text that is no value of the type that it was cast to. */
export function isDataFailure(error: unknown): boolean {
  return stateOf(error instanceof ProviderError ? error.cause : error).startsWith('22');
}

function stateOf(error: unknown): string {
  const isCoded = error instanceof Error && 'code' in error && typeof error.code === 'string';
  return isCoded ? (error.code as string) : '';
}

/** What the driver tells of a connection that ended has no code. */
function isNetwork(error: unknown): boolean {
  if (network.test(stateOf(error))) return true;
  return (
    error instanceof Error && /connection|timeout/i.test(error.message) && stateOf(error) === ''
  );
}
