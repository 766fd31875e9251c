import type { Logger } from '@weir/kit';
import type { ProviderVersion } from '../snapshot/catalogue.ts';

/**
 * How an upstream call ended. `failed`: unreachable, late by its own time, or garbage; counts
 * for the breaker. `flooded`: far more came than was asked for; opens it at once. `left`: nobody waits any more, or the time was the caller's. `refused`: the
 * provider was reached and said no, or its answer was too large.
 */
export type UpstreamOutcome = 'ok' | 'failed' | 'flooded' | 'left' | 'refused';

/** Whether calls go to a provider version: all, none, or one to try it. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** Is told what becomes of upstream calls, for logs and metrics. It must not throw. */
export interface UpstreamObserver {
  /** A call ended; one for each batch or list, with its retries and hedges. */
  call(provider: ProviderVersion, outcome: UpstreamOutcome, durationMs: number): void;
  /** A call was made once more, since its endpoint could not be reached. */
  retry(provider: ProviderVersion): void;
  /** A call was made once more, since the first brought nothing for a while. */
  hedge(provider: ProviderVersion): void;
  /** The breaker changed its state. */
  breakerState(provider: ProviderVersion, state: BreakerState): void;
  /** An endpoint is left alone for a while. */
  ejected(provider: ProviderVersion, forMs: number): void;
  /** A call was refused, since the provider has as many as it takes. */
  busy(provider: ProviderVersion): void;
}

/** Logs when a provider begins to fail and when it is well again, not each call; tells `next` all. */
export function logUpstream(log: Logger, next?: UpstreamObserver): UpstreamObserver {
  return {
    call(provider, outcome, durationMs) {
      next?.call(provider, outcome, durationMs);
    },
    retry(provider) {
      log.debug({ provider: nameOf(provider) }, 'provider is asked again at another endpoint');
      next?.retry(provider);
    },
    hedge(provider) {
      log.debug({ provider: nameOf(provider) }, 'provider is slow: another endpoint is asked too');
      next?.hedge(provider);
    },
    breakerState(provider, state) {
      const line = { provider: nameOf(provider), breaker: state };
      if (state === 'open') log.warn(line, 'provider fails: it is left alone for a while');
      else if (state === 'closed') log.info(line, 'provider answers again');
      else log.debug(line, 'provider is tried');
      next?.breakerState(provider, state);
    },
    ejected(provider, forMs) {
      log.warn({ provider: nameOf(provider), forMs }, 'an endpoint of a provider is left alone');
      next?.ejected(provider, forMs);
    },
    busy(provider) {
      log.debug({ provider: nameOf(provider) }, 'provider has as many calls as it takes');
      next?.busy(provider);
    },
  };
}

function nameOf({ tenant, name, version }: ProviderVersion): string {
  return `${tenant}/${name} ${version}`;
}
