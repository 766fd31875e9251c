import type { Clock } from '@weir/kit';
import type { Endpoint } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import type { ProviderClient } from './connections.ts';
import type { EndpointChooser, EndpointVerdict } from './endpoints.ts';
import type { Gate, Leave } from './gate.ts';
import type { UpstreamObserver } from './observer.ts';
import type { RetryBudget } from './retry-budget.ts';
import { type Fault, faultOf, isOutOfReach } from './upstream-errors.ts';

/** How one attempt is made. */
export interface CallOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly headers: Record<string, string>;
}

/** One call, which may take several attempts. */
export interface Calling<T> {
  readonly provider: ProviderVersion;
  readonly method: 'fetch' | 'list';
  readonly send: (client: ProviderClient, options: CallOptions) => AsyncIterable<T>;
  readonly headers: Record<string, string>;
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal;
  /** Monotonic; when all of its attempts have to be over. */
  readonly endMs: number;
  /** Whether that is the provider's own time, rather than a caller's. */
  readonly ownTime: boolean;
  readonly note: (text: string) => void;
}

/** What attempts need. */
export interface AttemptDeps {
  readonly clock: Clock;
  readonly chooser: EndpointChooser;
  readonly clientOf: (endpoint: Endpoint) => ProviderClient;
  readonly gate: Gate;
  readonly budget: RetryBudget;
  readonly observer: UpstreamObserver;
}

/** An attempt under way. */
export interface Attempt<T> {
  /** The next message. */
  next(): Promise<IteratorResult<T>>;
  /** Says what it showed of its endpoint; only the first word counts. */
  judge(verdict: EndpointVerdict): void;
  /** Ends it if it is not over, and lets go of what it held. */
  end(): void;
}

type First<T> = { readonly attempt: Attempt<T> } & (
  | { readonly result: IteratorResult<T>; readonly error?: never }
  | { readonly error: unknown; readonly result?: never }
);

/** Of one call. */
const MAX_ATTEMPTS = 3;

/**
 * Makes a call until one attempt brings a first message, or ends as it should. It is made once
 * more, at another endpoint, when one cannot be reached, and beside the first when that brings
 * nothing for as long as the manifest says. All of them end with the call.
 */
export async function firstAnswer<T>(
  deps: AttemptDeps,
  calling: Calling<T>,
): Promise<{ attempt: Attempt<T>; result: IteratorResult<T> }> {
  const { provider, note } = calling;
  const tried = new Set<string>();
  const running = new Map<Attempt<T>, Promise<First<T>>>();
  const launch = (endpoint: Endpoint, leave: Leave = () => {}) => {
    tried.add(endpoint.id);
    const attempt = begin(deps, calling, endpoint, leave);
    running.set(attempt, firstOf(attempt));
  };
  /** Another endpoint, when there is one, and time, room and budget for it. */
  const spare = (enter: () => Leave | undefined) => {
    if (tried.size >= MAX_ATTEMPTS || calling.endMs - deps.clock.monotonicMs() < 1) return;
    const endpoint = deps.chooser.choose(provider, tried);
    if (!endpoint) return;
    const leave = enter();
    if (leave && deps.budget.take()) return { endpoint, leave };
    note(leave ? 'the budget for retries is used up' : 'there is no room for another call');
    leave?.();
    deps.chooser.report(provider, endpoint, 'unseen');
    return;
  };
  const hedge = () => {
    const other = spare(() => deps.gate.tryEnter(provider.limits));
    if (!other) return;
    note(`nothing came within ${provider.hedgeAfterMs} ms: another endpoint is asked too`);
    deps.observer.hedge(provider);
    launch(other.endpoint, other.leave);
  };
  const retry = (error: unknown) => {
    const retryable = !calling.signal.aborted && isOutOfReach(error);
    const other = retryable
      ? spare(() => (deps.gate.tryAgain(provider.limits) ? () => {} : undefined))
      : undefined;
    if (!other) throw error;
    note('the endpoint cannot be reached: another one is asked');
    deps.observer.retry(provider);
    launch(other.endpoint);
  };

  const first = deps.chooser.choose(provider);
  if (first) launch(first);
  const alarm = provider.hedgeAfterMs === undefined ? undefined : startAlarm(provider.hedgeAfterMs);
  let hedgeDue = alarm?.due;
  let answered: Attempt<T> | undefined;
  try {
    for (;;) {
      const event = await Promise.race([...running.values(), ...(hedgeDue ? [hedgeDue] : [])]);
      if (event === 'due') {
        hedgeDue = undefined;
        hedge();
        continue;
      }
      if (event.result) {
        answered = event.attempt;
        return { attempt: answered, result: event.result };
      }
      running.delete(event.attempt);
      event.attempt.judge(verdictOf(event.error, calling));
      event.attempt.end();
      if (running.size === 0) retry(event.error);
    }
  } finally {
    alarm?.clear();
    if (answered) endOthers([...running.keys()], answered);
  }
}

/** Ends those that lost; who was asked before the one that answered was too slow. */
function endOthers<T>(attempts: readonly Attempt<T>[], answered: Attempt<T>): void {
  const at = attempts.indexOf(answered);
  attempts.forEach((attempt, i) => {
    if (i === at) return;
    attempt.judge(i < at ? 'failed' : 'unseen');
    attempt.end();
  });
}

/** What an error shows of the endpoint. */
export function verdictOf(error: unknown, calling: Calling<unknown>): EndpointVerdict {
  if (calling.signal.aborted) return 'unseen';
  if (isOutOfReach(error)) return 'unreachable';
  const verdicts: Record<Fault, EndpointVerdict> = {
    failed: 'failed',
    flooded: 'failed',
    refused: 'answered',
    late: calling.ownTime ? 'failed' : 'unseen',
  };
  return verdicts[faultOf(error, calling.method)];
}

function begin<T>(
  deps: AttemptDeps,
  { provider, send, headers, signal, endMs, note }: Calling<T>,
  endpoint: Endpoint,
  leave: Leave,
): Attempt<T> {
  const abort = new AbortController();
  const onAbort = () => abort.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const timeoutMs = Math.max(1, Math.floor(endMs - deps.clock.monotonicMs()));
  const options = { signal: abort.signal, timeoutMs, headers };
  const messages = send(deps.clientOf(endpoint), options)[Symbol.asyncIterator]();
  let over = false;
  let judged = false;
  const judge = (verdict: EndpointVerdict) => {
    if (judged) return;
    judged = true;
    const forMs = deps.chooser.report(provider, endpoint, verdict);
    if (forMs === 0) return;
    note(`an endpoint is left alone for ${forMs / 1000} s`);
    deps.observer.ejected(provider, forMs);
  };
  return {
    judge,
    async next() {
      const result = await messages.next();
      over = result.done === true;
      return result;
    },
    end() {
      judge('unseen');
      signal.removeEventListener('abort', onAbort);
      // Not left to the end of the loop: the library's iterators cannot be ended early.
      if (!over) abort.abort();
      leave();
    },
  };
}

async function firstOf<T>(attempt: Attempt<T>): Promise<First<T>> {
  try {
    return { attempt, result: await attempt.next() };
  } catch (error) {
    return { attempt, error };
  }
}

function startAlarm(ms: number): { due: Promise<'due'>; clear(): void } {
  const { promise, resolve } = Promise.withResolvers<'due'>();
  const timer = setTimeout(() => resolve('due'), ms);
  return { due: promise, clear: () => clearTimeout(timer) };
}
