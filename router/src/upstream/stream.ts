import { type Clock, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Endpoint } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import { type Attempt, type Calling, firstAnswer, verdictOf } from './attempts.ts';
import type { Breaker, Verdict } from './breaker.ts';
import type { EndpointChooser } from './endpoints.ts';
import type { Gate, Leave } from './gate.ts';
import type { ProviderClient } from './lean/client.ts';
import type { UpstreamObserver, UpstreamOutcome } from './observer.ts';
import type { Pressure } from './pressure.ts';
import type { UpstreamLimits } from './upstream.ts';
import { faultOf } from './upstream-errors.ts';

/** What calling a provider needs. */
export interface StreamDeps {
  readonly clock: Clock;
  readonly chooser: EndpointChooser;
  readonly clientOf: (endpoint: Endpoint) => ProviderClient;
  readonly pressureOf: (provider: ProviderVersion) => Pressure;
  readonly observer: UpstreamObserver;
}

/** What is asked, and how the answer is read. */
export type Asking<T> = Pick<
  Calling<T>,
  'provider' | 'method' | 'body' | 'headers' | 'openGuard'
> & {
  /** Whether calling twice does no more than calling once. Default: yes. */
  readonly repeatable?: boolean;
  /** The provider's own time for it, in ms. Default: that of its manifest. */
  readonly ownTimeoutMs?: number;
};

/** How long a provider may take to end a call of which all is answered. */
const LINGER_MS = 250;
/** With so much of its own time, a provider that is late has itself to blame. */
const OWN_TIME_SHARE = 0.9;

/**
 * Calls a provider version: past its breaker, through its gate, at one endpoint or several.
 * What became of the call is told to the breaker once, whatever it took. It begins with the
 * first message that is asked for, and is to be read to its end, or left by `return`.
 */
export function streamFrom<T>(
  deps: StreamDeps,
  limits: UpstreamLimits,
  asking: Asking<T>,
): AsyncIterableIterator<T> {
  return new Answer(deps, limits, asking);
}

/** A call that went to the provider, until it is settled. */
interface Inside {
  readonly judge: (verdict: Verdict) => void;
  readonly leave: Leave;
}

/**
 * The messages of a call. An iterator by hand: a generator, and those it would be made of, cost
 * more than all else that is done here.
 */
class Answer<T> implements AsyncIterableIterator<T> {
  private readonly deps: StreamDeps;
  private readonly calling: Calling<T>;
  private readonly startMs: number;
  private inside: Inside | undefined;
  private attempt: Attempt<T> | undefined;
  private isOver = false;

  constructor(deps: StreamDeps, limits: UpstreamLimits, asking: Asking<T>) {
    this.deps = deps;
    this.startMs = deps.clock.monotonicMs();
    this.calling = callingOf(asking, limits, this.startMs);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T>> {
    if (this.isOver) return over;
    try {
      const result = await (this.attempt ? this.attempt.next() : this.begin());
      if (result.done !== true) return result;
    } catch (error) {
      this.attempt?.judge(verdictOf(error, this.calling));
      this.settle(outcomeOf(error, this.calling));
      throw error;
    }
    const complete = this.attempt?.complete === true;
    this.attempt?.judge(complete ? 'answered' : 'failed');
    this.settle(complete ? 'ok' : 'failed');
    return over;
  }

  /** Whoever reads it wants no more. */
  return(): Promise<IteratorResult<T>> {
    if (!this.isOver) this.settle(this.attempt?.complete ? 'lingering' : 'left');
    return Promise.resolve(over);
  }

  private async begin(): Promise<IteratorResult<T>> {
    const { deps, calling } = this;
    const { provider } = calling;
    if (provider.usable.length === 0) throw noEndpoint(provider);
    const { breaker, gate, budget } = deps.pressureOf(provider);
    if (breaker.refusedForMs() > 0) throw broken(breaker, provider);
    const leave = await enter(deps, gate, calling);
    // It may have opened while this call waited.
    const judge = breaker.enter();
    if (!judge) {
      leave();
      throw broken(breaker, provider);
    }
    this.inside = { judge, leave };
    noteLeftAlone(deps, calling);
    budget.called();
    const { attempt, result } = await firstAnswer({ ...deps, gate, budget }, calling);
    this.attempt = attempt;
    return result;
  }

  private settle(ended: UpstreamOutcome | 'lingering'): void {
    this.isOver = true;
    const { inside, attempt } = this;
    // It was refused before it went to the provider.
    if (!inside) return;
    const outcome = ended === 'lingering' ? 'ok' : ended;
    inside.judge(verdictFor[outcome]);
    const { observer, clock } = this.deps;
    observer.call(this.calling.provider, outcome, clock.monotonicMs() - this.startMs);
    if (ended === 'lingering' && attempt) linger(attempt, inside.leave);
    else {
      attempt?.end();
      inside.leave();
    }
  }
}

const over: IteratorReturnResult<undefined> = { done: true, value: undefined };

const verdictFor: Readonly<Record<UpstreamOutcome, Verdict>> = {
  ok: 'alive',
  refused: 'alive',
  failed: 'failed',
  flooded: 'flooded',
  left: 'unseen',
};

function callingOf<T>(asking: Asking<T>, limits: UpstreamLimits, startMs: number): Calling<T> {
  const { provider, method, body, headers, openGuard, repeatable = true } = asking;
  const { ownTimeoutMs = provider.timeoutMs } = asking;
  return {
    provider,
    method,
    body,
    headers,
    openGuard,
    repeatable,
    signal: limits.signal,
    endMs: startMs + limits.timeoutMs,
    ownTime: limits.timeoutMs >= ownTimeoutMs * OWN_TIME_SHARE,
    note: limits.note ?? unnoted,
  };
}

/** Nobody wants to know. */
function unnoted(): void {}

async function enter(
  { observer }: StreamDeps,
  gate: Gate,
  { provider, signal, note }: Calling<unknown>,
): Promise<Leave> {
  const entered = gate.enter(provider.limits, signal);
  const entrance = entered instanceof Promise ? await entered : entered;
  const { name, version, limits } = provider;
  if (entrance.leave) {
    const waitedMs = Math.round(entrance.waitedMs);
    if (waitedMs > 0) note(`waited ${waitedMs} ms for room at ${name} ${version}`);
    return entrance.leave;
  }
  signal.throwIfAborted();
  observer.busy(provider);
  const rate = limits.callsPerSecond === undefined ? '' : `, or ${limits.callsPerSecond} a second`;
  throw refuse(
    Reason.PROVIDER_BUSY,
    `provider ${name} has the ${limits.concurrentCalls} calls at once${rate} that it takes`,
    { retryDelayMs: entrance.retryDelayMs },
  );
}

/** The refusal of a call while the breaker is open. */
export function broken(breaker: Breaker, { name, version }: ProviderVersion): Error {
  const retryDelayMs = Math.max(1, Math.ceil(breaker.refusedForMs()));
  const text =
    breaker.state === 'half-open'
      ? `provider ${name} ${version} ${breaker.why}, and is being tried by another call`
      : `provider ${name} ${version} ${breaker.why}; it is tried again in ${Math.ceil(retryDelayMs / 1000)} s`;
  return refuse(Reason.PROVIDER_UNAVAILABLE, text, { retryDelayMs });
}

function noteLeftAlone({ chooser }: StreamDeps, { provider, note }: Calling<unknown>): void {
  const alone = chooser.leftAlone(provider);
  if (alone > 0) note(`${alone} of ${provider.usable.length} endpoints are left alone for a while`);
}

function outcomeOf(error: unknown, calling: Calling<unknown>): UpstreamOutcome {
  if (calling.signal.aborted) return 'left';
  const fault = faultOf(error, calling.method);
  if (fault !== 'late') return fault;
  return calling.ownTime ? 'failed' : 'left';
}

/** Lets a provider that has answered all end the call by itself; ends it when it does not. */
function linger<T>(attempt: Attempt<T>, leave: Leave): void {
  attempt.judge('answered');
  const patience = setTimeout(() => attempt.end(), LINGER_MS);
  const end = () => {
    clearTimeout(patience);
    attempt.end();
    leave();
  };
  // Whatever comes, all was answered.
  attempt.next().then(end, end);
}

/** The refusal of a call of a provider that is nowhere. */
export function noEndpoint(provider: ProviderVersion): Error {
  return refuse(
    Reason.PROVIDER_UNAVAILABLE,
    `provider ${provider.name} ${provider.version} has no endpoint; start one`,
  );
}
