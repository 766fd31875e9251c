import { Code, ConnectError } from '@connectrpc/connect';
import type { Clock } from '@weir/kit';
import type { Endpoint } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import type { AnswerGuard } from './answer-guard.ts';
import type { EndpointChooser, EndpointVerdict } from './endpoints.ts';
import type { Gate, Leave } from './gate.ts';
import type { ProviderCall, ProviderClient } from './lean/client.ts';
import type { Replies } from './lean/replies.ts';
import type { UpstreamObserver } from './observer.ts';
import type { RetryBudget } from './retry-budget.ts';
import { type Fault, faultOf, isOutOfReach } from './upstream-errors.ts';

/** One call, which may take several attempts. */
export interface Calling<T> extends Omit<ProviderCall, 'timeoutMs'> {
  readonly provider: ProviderVersion;
  /** Each attempt has its own: what the one brings is not what the other does. */
  readonly openGuard: () => AnswerGuard<T>;
  /** Whether calling twice does no more than calling once. */
  readonly repeatable: boolean;
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

/** An attempt under way: a call at one endpoint. */
export class Attempt<T> {
  readonly endpoint: Endpoint;
  private readonly deps: AttemptDeps;
  private readonly calling: Calling<T>;
  private readonly leave: Leave | undefined;
  private readonly guard: AnswerGuard<T>;
  private readonly replies: Replies<T>;
  private judged = false;
  private ended = false;

  constructor(deps: AttemptDeps, calling: Calling<T>, endpoint: Endpoint, leave?: Leave) {
    this.deps = deps;
    this.calling = calling;
    this.endpoint = endpoint;
    this.leave = leave;
    this.guard = calling.openGuard();
    const { method, body, headers, signal, endMs } = calling;
    const timeoutMs = Math.max(1, Math.floor(endMs - deps.clock.monotonicMs()));
    const call = { method, body, headers, timeoutMs };
    this.replies = deps.clientOf(endpoint).call(call, this.guard);
    if (signal.aborted) this.handleEvent();
    else signal.addEventListener('abort', this);
  }

  /** Whether all that was asked for has been spoken of. */
  get complete(): boolean {
    return this.guard.complete;
  }

  /** The signal has aborted. Who has answered all ends the call by itself; see `linger`. */
  handleEvent(): void {
    if (this.complete) return;
    this.replies.cancel(ConnectError.from(this.calling.signal.reason, Code.Canceled));
  }

  /** The next message. */
  next(): Promise<IteratorResult<T>> {
    return this.replies.next();
  }

  /** Says what it showed of its endpoint; only the first word counts. */
  judge(verdict: EndpointVerdict): void {
    if (this.judged) return;
    this.judged = true;
    const { provider, note } = this.calling;
    const forMs = this.deps.chooser.report(provider, this.endpoint, verdict);
    if (forMs === 0) return;
    note(`an endpoint is left alone for ${forMs / 1000} s`);
    this.deps.observer.ejected(provider, forMs);
  }

  /** Ends it if it is not over, and lets go of what it held. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.judge('unseen');
    this.calling.signal.removeEventListener('abort', this);
    this.replies.cancel();
    this.leave?.();
  }
}

/** The attempt that brought the first message of a call, and that. */
export interface FirstAnswer<T> {
  readonly attempt: Attempt<T>;
  readonly result: IteratorResult<T>;
}

/** Of one call. */
const MAX_ATTEMPTS = 3;

/**
 * Makes a call until one attempt brings a first message, or ends as it should. It is made once
 * more, at another endpoint, when one cannot be reached, and beside the first when that brings
 * nothing for as long as the manifest says. All of them end with the call.
 */
export function firstAnswer<T>(deps: AttemptDeps, calling: Calling<T>): Promise<FirstAnswer<T>> {
  return calling.provider.hedgeAfterMs === undefined || calling.method !== 'fetch'
    ? oneAfterAnother(deps, calling)
    : hedged(deps, calling, calling.provider.hedgeAfterMs);
}

async function oneAfterAnother<T>(deps: AttemptDeps, calling: Calling<T>): Promise<FirstAnswer<T>> {
  let attempt = firstAttempt(deps, calling);
  let tried: Set<string> | undefined;
  for (;;) {
    try {
      return { attempt, result: await attempt.next() };
    } catch (error) {
      fail(attempt, calling, error);
      tried ??= new Set();
      tried.add(attempt.endpoint.id);
      attempt = retry(deps, calling, tried, error);
    }
  }
}

type First<T> = { readonly attempt: Attempt<T> } & (
  | { readonly result: IteratorResult<T>; readonly error?: never }
  | { readonly error: unknown; readonly result?: never }
);

async function hedged<T>(
  deps: AttemptDeps,
  calling: Calling<T>,
  afterMs: number,
): Promise<FirstAnswer<T>> {
  const tried = new Set<string>();
  const running = new Map<Attempt<T>, Promise<First<T>>>();
  const run = (attempt: Attempt<T> | undefined) => {
    if (!attempt) return;
    tried.add(attempt.endpoint.id);
    running.set(attempt, firstOf(attempt));
  };
  const alarm = startAlarm(afterMs);
  let hedgeDue: Promise<'due'> | undefined = alarm.due;
  let answered: Attempt<T> | undefined;
  try {
    run(firstAttempt(deps, calling));
    for (;;) {
      const event = await Promise.race([...running.values(), ...(hedgeDue ? [hedgeDue] : [])]);
      if (event === 'due') {
        hedgeDue = undefined;
        run(hedge(deps, calling, tried));
        continue;
      }
      if (event.result) {
        answered = event.attempt;
        return { attempt: answered, result: event.result };
      }
      running.delete(event.attempt);
      fail(event.attempt, calling, event.error);
      if (running.size === 0) run(retry(deps, calling, tried, event.error));
    }
  } finally {
    alarm.clear();
    if (answered) endOthers([...running.keys()], answered);
  }
}

function firstAttempt<T>(deps: AttemptDeps, calling: Calling<T>): Attempt<T> {
  const endpoint = deps.chooser.choose(calling.provider);
  if (!endpoint) throw new Error('a provider without an endpoint is called');
  return new Attempt(deps, calling, endpoint);
}

/** Makes the call at another endpoint too, when there is one, and time, room and budget for it. */
function hedge<T>(
  deps: AttemptDeps,
  calling: Calling<T>,
  tried: ReadonlySet<string>,
): Attempt<T> | undefined {
  const { provider, note } = calling;
  const other = spare(deps, calling, tried, () => deps.gate.tryEnter(provider.limits));
  if (!other) return undefined;
  note(`nothing came within ${provider.hedgeAfterMs} ms: another endpoint is asked too`);
  deps.observer.hedge(provider);
  return new Attempt(deps, calling, other.endpoint, other.leave);
}

/** Makes the call at another endpoint instead, or throws the error. */
function retry<T>(
  deps: AttemptDeps,
  calling: Calling<T>,
  tried: ReadonlySet<string>,
  error: unknown,
): Attempt<T> {
  const { provider, note } = calling;
  const again = () => (deps.gate.tryAgain(provider.limits) ? () => {} : undefined);
  const retryable = calling.repeatable && !calling.signal.aborted && isOutOfReach(error);
  const other = retryable ? spare(deps, calling, tried, again) : undefined;
  if (!other) throw error;
  note('the endpoint cannot be reached: another one is asked');
  deps.observer.retry(provider);
  return new Attempt(deps, calling, other.endpoint);
}

function spare<T>(
  deps: AttemptDeps,
  { provider, endMs, note }: Calling<T>,
  tried: ReadonlySet<string>,
  enter: () => Leave | undefined,
): { endpoint: Endpoint; leave: Leave } | undefined {
  if (tried.size >= MAX_ATTEMPTS || endMs - deps.clock.monotonicMs() < 1) return undefined;
  const endpoint = deps.chooser.choose(provider, tried);
  if (!endpoint) return undefined;
  const leave = enter();
  if (leave && deps.budget.take()) return { endpoint, leave };
  note(leave ? 'the budget for retries is used up' : 'there is no room for another call');
  leave?.();
  deps.chooser.report(provider, endpoint, 'unseen');
  return undefined;
}

function fail<T>(attempt: Attempt<T>, calling: Calling<T>, error: unknown): void {
  attempt.judge(verdictOf(error, calling));
  attempt.end();
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
export function verdictOf(
  error: unknown,
  calling: Pick<Calling<unknown>, 'signal' | 'method' | 'ownTime'>,
): EndpointVerdict {
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
