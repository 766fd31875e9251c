import { type Clock, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Endpoint } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import { type Attempt, type Calling, firstAnswer, verdictOf } from './attempts.ts';
import type { Breaker, Verdict } from './breaker.ts';
import type { ProviderClient } from './connections.ts';
import type { EndpointChooser } from './endpoints.ts';
import type { Gate, Leave } from './gate.ts';
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

/** What is asked, and who watches the answer. */
export interface Asking<T> extends Pick<Calling<T>, 'provider' | 'method' | 'send' | 'headers'> {
  readonly guard: { look(message: T): void; readonly complete: boolean };
}

/** How long a provider may take to end a call of which all is answered. */
const LINGER_MS = 250;
/** With so much of its own time, a provider that is late has itself to blame. */
const OWN_TIME_SHARE = 0.9;

/**
 * Calls a provider version: past its breaker, through its gate, at one endpoint or several.
 * What became of the call is told to the breaker once, whatever it took.
 */
export async function* streamFrom<T>(
  deps: StreamDeps,
  limits: UpstreamLimits,
  asking: Asking<T>,
): AsyncGenerator<T> {
  const { provider, guard } = asking;
  if (provider.usable.length === 0) throw noEndpoint(provider);
  const { breaker, gate, budget } = deps.pressureOf(provider);
  const startMs = deps.clock.monotonicMs();
  const calling = callingOf(asking, limits, startMs);
  if (breaker.refusedForMs() > 0) throw broken(breaker, provider);
  const leave = await enter(deps, gate, calling);
  // It may have opened while this call waited.
  const judge = breaker.enter();
  if (!judge) {
    leave();
    throw broken(breaker, provider);
  }
  let outcome: UpstreamOutcome | undefined;
  let attempt: Attempt<T> | undefined;
  try {
    noteLeftAlone(deps, calling);
    budget.called();
    const first = await firstAnswer({ ...deps, gate, budget }, calling);
    attempt = first.attempt;
    for (let next = first.result; !next.done; next = await attempt.next()) {
      guard.look(next.value);
      yield next.value;
    }
    outcome = guard.complete ? 'ok' : 'failed';
    attempt.judge(guard.complete ? 'answered' : 'failed');
  } catch (error) {
    outcome = outcomeOf(error, calling);
    attempt?.judge(verdictOf(error, calling));
    throw error;
  } finally {
    // Without an outcome yet, the consumer left the loop.
    const lingers = outcome === undefined && guard.complete;
    outcome ??= guard.complete ? 'ok' : 'left';
    judge(verdictFor[outcome]);
    deps.observer.call(provider, outcome, deps.clock.monotonicMs() - startMs);
    if (lingers) void linger(attempt).finally(leave);
    else {
      attempt?.end();
      leave();
    }
  }
}

const verdictFor: Readonly<Record<UpstreamOutcome, Verdict>> = {
  ok: 'alive',
  refused: 'alive',
  failed: 'failed',
  flooded: 'flooded',
  left: 'unseen',
};

function callingOf<T>(asking: Asking<T>, limits: UpstreamLimits, startMs: number): Calling<T> {
  return {
    ...asking,
    signal: limits.signal,
    endMs: startMs + limits.timeoutMs,
    ownTime: limits.timeoutMs >= asking.provider.timeoutMs * OWN_TIME_SHARE,
    note: limits.note ?? (() => {}),
  };
}

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

function broken(breaker: Breaker, { name, version }: ProviderVersion): Error {
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
async function linger(attempt: Attempt<unknown> | undefined): Promise<void> {
  attempt?.judge('answered');
  const patience = setTimeout(() => attempt?.end(), LINGER_MS);
  try {
    await attempt?.next();
  } catch {
    // Whatever it is, all was answered.
  } finally {
    clearTimeout(patience);
    attempt?.end();
  }
}

function noEndpoint(provider: ProviderVersion): Error {
  return refuse(
    Reason.PROVIDER_UNAVAILABLE,
    `provider ${provider.name} ${provider.version} has no endpoint; start one`,
  );
}
