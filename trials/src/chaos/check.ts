import { checkRegistry } from './check-registry.ts';
import { type ItemKind, itemKinds, PROVIDER_TIMEOUT_MS } from './items.ts';
import type { Answer, Call, ChaosRecord, Refused, Written } from './record.ts';

/** What a record breaks. */
export interface Violation {
  readonly kind: ViolationKind;
  /** What happened, with all that is needed to look into it. */
  readonly text: string;
}

export type ViolationKind =
  | 'stale' // older than it may be
  | 'other tenant' // an item of another tenant's, or made for one
  | 'wrong item' // an item that was not asked for, or that never was
  | 'missing' // said not to be there, and it was
  | 'shape' // not one result for each ref, in order
  | 'dishonest' // refused with what says nothing, or what is not so
  | 'hang' // not over by its deadline
  | 'half-applied' // parts of different writes
  | 'lost' // an acknowledged write that is not there
  | 'unseen' // an acknowledged write not seen with its token
  | 'crash' // a part that ended by itself
  | 'not recovered'; // no answer long after all was healed

/** What a checker came to. */
export interface Verdict {
  /** Refs answered that were checked. */
  readonly checked: number;
  readonly violations: readonly Violation[];
}

/** One clock measures all, but what is measured and the measuring are not at the same moment. */
export const CLOCK_SLACK_MS = 50;
/** How long before a router's confirmation a provider may have read the value at most. */
export const FLIGHT_MS = PROVIDER_TIMEOUT_MS;
/** How long after its deadline a call may end, on a machine that is busy with faults. */
export const HANG_SLACK_MS = 2_000;

/** What may come in the place of an item while parts are away. */
const ITEM_REASONS: ReadonlySet<string> = new Set([
  'PROVIDER_UNAVAILABLE',
  'PROVIDER_BUSY',
  'DEADLINE_EXCEEDED',
  'OVERLOADED',
]);
/** What may come in the place of an answer while parts are away. */
const CALL_CODES: ReadonlySet<string> = new Set([
  'Unavailable',
  'DeadlineExceeded',
  'ResourceExhausted',
]);

/** A registry does not start without its database: who started it tries again. */
const STARTS_LATER = /^weir: the database cannot be opened/;

/** Checks a record: what was answered against what was written. Pure. */
export function checkRecord(record: ChaosRecord): Verdict {
  const truth = createTruth(record.writes);
  const violations: Violation[] = [];
  let checked = 0;
  for (const call of record.calls) {
    checked += call.answers.length;
    violations.push(...checkCall(call));
    for (const answer of call.answers) violations.push(...checkAnswer(call, answer, truth));
  }
  violations.push(...checkRegistry(record));
  for (const text of ownEnds(record.crashes)) violations.push({ kind: 'crash', text });
  if (record.recoveredMs === null) {
    violations.push({ kind: 'not recovered', text: 'not everything answered again after healing' });
  }
  return { checked, violations };
}

/** The ends that parts came to by themselves. A registry may, while it starts without its database. */
export function ownEnds(crashes: ChaosRecord['crashes']): string[] {
  return crashes
    .filter(({ lastWords }) => !STARTS_LATER.test(lastWords))
    .map(({ part, how, lastWords }) => `${part}: ${how}: ${lastWords}`);
}

function* checkCall(call: Call): Iterable<Violation> {
  const { method, refs, answers, failed, startMs, endMs, timeoutMs } = call;
  const where = `${method} at ${call.router} for ${call.tenant}, begun at ${Math.round(startMs)} ms`;
  if (endMs - startMs > timeoutMs + HANG_SLACK_MS) {
    const took = `${Math.round(endMs - startMs)} ms of ${timeoutMs} ms`;
    yield { kind: 'hang', text: `${where}: took ${took}` };
  }
  const indexes = answers.map(({ index }) => index);
  const twice = new Set(indexes).size < indexes.length;
  const unknown = indexes.some((index) => index >= refs.length);
  const unordered = method === 'fetch' && indexes.some((index, at) => index !== at);
  const short = !failed && indexes.length < refs.length;
  if (twice || unknown || unordered || short) {
    yield { kind: 'shape', text: `${where}: ${refs.length} refs, results ${indexes.join(',')}` };
  }
  if (failed && !CALL_CODES.has(failed.code)) {
    yield { kind: 'dishonest', text: `${where}: ${textOf(failed)}` };
  }
}

function* checkAnswer(call: Call, answer: Answer, truth: Truth): Iterable<Violation> {
  const ref = call.refs[answer.index];
  const kind = itemKinds.find(({ type }) => type === ref?.type);
  if (!ref || !kind) return;
  const history = truth.of(call.tenant, ref.type, ref.key);
  const where = `${call.tenant} ${ref.type} ${ref.key} at ${call.router}, asked at ${Math.round(call.startMs)} ms, ${answer.cache}`;
  const { refused, value } = answer;
  if (refused) {
    if (refused.reason === 'KEY_NOT_FOUND') {
      const sinceMs = call.startMs - kind.negativeTtlMs - FLIGHT_MS - CLOCK_SLACK_MS;
      if (history.wasGone(sinceMs, call.endMs)) return;
      yield { kind: 'missing', text: `${where}: said not to be there` };
    } else if (!ITEM_REASONS.has(refused.reason) || /^(Internal|Unknown)$/.test(refused.code)) {
      yield { kind: 'dishonest', text: `${where}: ${textOf(refused)}` };
    }
    return;
  }
  const { tenant, askedFor, type, key, version } = value ?? {};
  if (tenant !== call.tenant || askedFor !== call.tenant) {
    yield { kind: 'other tenant', text: `${where}: got one of ${tenant}, made for ${askedFor}` };
  }
  if (type !== ref.type || key !== ref.key) {
    yield { kind: 'wrong item', text: `${where}: got ${type} ${key}` };
    return;
  }
  yield* checkAge(call, answer, kind, { where, state: history.version(version) });
}

function* checkAge(
  { startMs, endMs, maxAgeMs = Number.POSITIVE_INFINITY }: Call,
  { ageMs, value }: Answer,
  kind: ItemKind,
  { where, state }: { where: string; state: { fromMs: number; untilMs: number } | undefined },
): Iterable<Violation> {
  if (!state || state.fromMs > endMs) {
    yield { kind: 'wrong item', text: `${where}: version ${value?.version} was not written yet` };
    return;
  }
  const allowedMs = Math.min(kind.ttlMs + kind.staleMs, maxAgeMs);
  if (ageMs > allowedMs + 1) {
    yield { kind: 'stale', text: `${where}: its age is ${ageMs} ms, at most ${allowedMs} allowed` };
  }
  // What is never cached is read for this call.
  const flightMs = kind.ttlMs === 0 ? 0 : FLIGHT_MS;
  const sinceMs = startMs - Math.min(ageMs, allowedMs) - flightMs - CLOCK_SLACK_MS;
  if (state.untilMs < sinceMs) {
    const pastMs = Math.round(startMs - state.untilMs);
    const text = `version ${value?.version} was replaced ${pastMs} ms before, its age is ${ageMs} ms`;
    yield { kind: 'stale', text: `${where}: ${text}` };
  }
}

function textOf({ code, reason, text }: Refused): string {
  return `${code} (${reason}): ${text}`;
}

interface History {
  /** When a version was the value; undefined: never. */
  version(version: unknown): { fromMs: number; untilMs: number } | undefined;
  /** Whether there was no such item at any moment between. */
  wasGone(fromMs: number, untilMs: number): boolean;
}

interface Truth {
  of(tenant: string, type: string, key: string): History;
}

function createTruth(writes: readonly Written[]): Truth {
  const histories = new Map<string, Written[]>();
  const nameOf = (parts: readonly string[]) => parts.join('\0');
  for (const written of writes) {
    const name = nameOf([written.tenant, written.type, written.key]);
    const history = histories.get(name);
    if (history) history.push(written);
    else histories.set(name, [written]);
  }
  return {
    of(...parts) {
      const states = histories.get(nameOf(parts)) ?? [];
      const untilOf = (at: number) => states[at + 1]?.atMs ?? Number.POSITIVE_INFINITY;
      return {
        version(version) {
          const at = states.findIndex((state) => state.version === version && !state.gone);
          const state = states[at];
          return state && { fromMs: state.atMs, untilMs: untilOf(at) };
        },
        wasGone: (fromMs, untilMs) =>
          states.some(({ gone, atMs }, at) => gone && atMs <= untilMs && untilOf(at) >= fromMs),
      };
    },
  };
}
