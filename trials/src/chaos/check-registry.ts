import type { Violation } from './check.ts';
import type { ChaosRecord, RegistryWrite } from './record.ts';

/** What a writer may be refused with while parts are away; all of them leave the outcome open. */
const WRITE_CODES: ReadonlySet<string> = new Set([
  'Unavailable',
  'DeadlineExceeded',
  'ResourceExhausted',
]);
const HANG_SLACK_MS = 2_000;

/**
 * Checks the writes to the registry: what was acknowledged is there, what was not is there whole
 * or not at all, and a token shows its write.
 */
export function* checkRegistry(record: ChaosRecord): Iterable<Violation> {
  const writes = Map.groupBy(record.registryWrites, ({ object }) => object);
  for (const write of record.registryWrites) yield* checkWrite(write);
  for (const { object, router, atMs, seen, refused } of record.tokenReads) {
    const where = `${object} at ${router}, at ${Math.round(atMs)} ms`;
    if (seen === false) yield { kind: 'unseen', text: `${where}: its token does not show it` };
    if (refused && !WRITE_CODES.has(refused.code)) {
      yield { kind: 'dishonest', text: `${where}: ${refused.code} (${refused.reason})` };
    }
  }
  for (const { object, by, state, torn } of record.found) {
    if (torn !== undefined) yield { kind: 'half-applied', text: `${object} at ${by}: ${torn}` };
    const allowed = allowedStates(writes.get(object) ?? []);
    if (torn !== undefined || allowed.includes(state)) continue;
    const text = `${object} at ${by} is ${state}, it should be ${allowed.join(' or ')}`;
    yield { kind: 'lost', text };
  }
}

function* checkWrite({ object, atMs, endMs, timeoutMs, failed }: RegistryWrite) {
  const where = `write of ${object}, begun at ${Math.round(atMs)} ms`;
  if (endMs - atMs > timeoutMs + HANG_SLACK_MS) {
    const text = `${where}: took ${Math.round(endMs - atMs)} ms of ${timeoutMs} ms`;
    yield { kind: 'hang', text } as const;
  }
  if (failed && !WRITE_CODES.has(failed.code)) {
    const text = `${where}: ${failed.code} (${failed.reason}): ${failed.text}`;
    yield { kind: 'dishonest', text } as const;
  }
}

/** What was acknowledged last, and what was tried after it. */
function allowedStates(writes: readonly RegistryWrite[]): (string | null)[] {
  const last = writes.findLastIndex(({ failed }) => failed === undefined);
  const open = writes.slice(last + 1).map(({ state }) => state);
  return [writes[last]?.state ?? null, ...open];
}
