import { Code } from '@connectrpc/connect';
import { ItemRefused, WeirCallError } from '../errors.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import type { ContextRef } from '../ref.ts';
import { type FetchOptions, maxBatch } from './fetch.ts';
import type { Follow } from './follow.ts';
import type { ContextItem, ItemOutcome } from './item.ts';

/** How one item is got. */
export interface GetOptions extends FetchOptions {
  /** The acceptable versions of the type, a semver range. Default: the consumer's pin, else any. */
  readonly versionRange?: string | undefined;
  /** The name of the provider to ask. Default: the router chooses. */
  readonly provider?: string | undefined;
}

type Timed<Options> = Options & { readonly timeoutMs: number };
type FetchBatch = (
  refs: readonly ContextRef[],
  options: Timed<FetchOptions>,
) => Promise<readonly ItemOutcome[]>;

interface Waiting {
  readonly ref: ContextRef;
  readonly options: Timed<FetchOptions>;
  readonly deadline: number;
  settle(outcome: ItemOutcome): void;
  fail(error: unknown): void;
  settled: boolean;
  /** Told when it is settled, by whatever. */
  onSettled?: () => void;
}

/**
 * Gathers the refs asked for in the same tick into one call; each has an outcome of its own, and
 * waits for no value but its own.
 */
export function createGetBatcher(
  fetch: FetchBatch,
  follow: Follow,
): (ref: ContextRef, options: Timed<FetchOptions>) => Promise<ContextItem<unknown>> {
  let gathered = new Map<string, Waiting[]>();

  function flush(): void {
    const groups = gathered;
    gathered = new Map();
    for (const group of groups.values()) {
      for (let from = 0; from < group.length; from += maxBatch) {
        void callFor(group.slice(from, from + maxBatch), { fetch, follow });
      }
    }
  }

  return (ref, options) =>
    waitFor(ref, options, (waiting) => {
      if (gathered.size === 0) endOfTick(flush);
      const kind = sharedKind(options);
      const group = gathered.get(kind);
      if (group === undefined) gathered.set(kind, [waiting]);
      else group.push(waiting);
    });
}

/** Gets may share a call when everything that holds for the whole call is the same. */
function sharedKind({
  itemTimeoutMs,
  minQuality,
  maxAgeMs,
  consistencyToken,
  purpose,
}: FetchOptions): string {
  return JSON.stringify([itemTimeoutMs, minQuality, maxAgeMs, consistencyToken, purpose]);
}

function endOfTick(flush: () => void): void {
  if (typeof setImmediate === 'function') setImmediate(flush);
  else setTimeout(flush, 0);
}

/** One caller's wait, with its own time and signal, whatever the shared call does. */
function waitFor(
  ref: ContextRef,
  options: Timed<FetchOptions>,
  enqueue: (waiting: Waiting) => void,
): Promise<ContextItem<unknown>> {
  const { timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => waiting.fail(cancelled(signal?.reason));
    const finish = (then: () => void): void => {
      if (waiting.settled) return;
      waiting.settled = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      then();
      waiting.onSettled?.();
    };
    const waiting: Waiting = {
      ref,
      options,
      deadline: performance.now() + timeoutMs,
      settled: false,
      settle: (outcome) =>
        finish(() =>
          outcome.ok ? resolve(outcome.item) : reject(new ItemRefused(ref, outcome.refusal)),
        ),
      fail: (error) => finish(() => reject(error)),
    };
    const timer = setTimeout(() => waiting.fail(late(timeoutMs)), timeoutMs);
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    enqueue(waiting);
  });
}

/** Makes the shared call; it ends early once nobody waits for it any more. */
async function callFor(
  group: readonly Waiting[],
  { fetch, follow }: { readonly fetch: FetchBatch; readonly follow: Follow },
): Promise<void> {
  const waiting = group.filter((each) => !each.settled);
  const [first] = waiting;
  if (first === undefined) return;
  const deadline = Math.max(...waiting.map((each) => each.deadline));
  const timeoutMs = Math.max(1, deadline - performance.now());
  const abandoned = new AbortController();
  const leave = (): void => {
    if (waiting.every((each) => each.settled)) abandoned.abort();
  };
  for (const each of waiting) each.onSettled = leave;
  try {
    const refs = waiting.map((each) => each.ref);
    const options = { ...first.options, timeoutMs, signal: abandoned.signal };
    const outcomes = await fetch(refs, options);
    for (const outcome of outcomes) {
      const each = waiting[outcome.index];
      const followed = each && follow(outcome, { ...each.options, deadline: each.deadline });
      void followed?.then(each?.settle, each?.fail);
    }
  } catch (error) {
    for (const each of waiting) each.fail(error);
  }
}

function late(timeoutMs: number): WeirCallError {
  const text = `no answer within ${timeoutMs} ms`;
  return new WeirCallError({ code: Code.DeadlineExceeded, reason: Reason.DEADLINE_EXCEEDED, text });
}

function cancelled(cause: unknown): WeirCallError {
  const text = 'cancelled by the caller';
  return new WeirCallError({ code: Code.Canceled, reason: Reason.CANCELLED, text, cause });
}
