/** A database cannot be offered as it is; the message says why, and what to do. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

/** What went wrong with a database, in one line; faults of this program stay what they are. */
export function toDatabaseError(error: unknown): unknown {
  const isOwn = error instanceof DatabaseError || error instanceof TypeError;
  if (isOwn || !(error instanceof Error)) return error;
  return new DatabaseError(textOf(error).replace(/\s+/g, ' '), { cause: error });
}

function textOf(error: Error): string {
  // Several addresses were tried, and each failed.
  if (error instanceof AggregateError) {
    return `the database cannot be reached: ${error.errors.map((one) => String(one?.message ?? one)).join(', ')}`;
  }
  return 'code' in error ? `the database cannot be read: ${error.message}` : error.message;
}
