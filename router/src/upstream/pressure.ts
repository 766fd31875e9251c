import type { Clock } from '@weir/kit';
import { LRUCache } from 'lru-cache';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import { type Breaker, createBreaker } from './breaker.ts';
import { createGate, type Gate } from './gate.ts';
import type { UpstreamObserver } from './observer.ts';
import { createRetryBudget, type RetryBudget } from './retry-budget.ts';

/** What is known of a provider version under load; it outlives snapshots. */
export interface Pressure {
  readonly breaker: Breaker;
  readonly gate: Gate;
  readonly budget: RetryBudget;
}

const MAX_REMEMBERED = 10_000;

/** Makes the memory of how provider versions do. */
export function createPressures(
  clock: Clock,
  observer: UpstreamObserver,
): (provider: ProviderVersion) => Pressure {
  const pressures = new LRUCache<string, Pressure>({ max: MAX_REMEMBERED });
  return (provider) => {
    const key = `${provider.tenant}\0${provider.name}\0${provider.version}`;
    const known = pressures.get(key);
    if (known) return known;
    const pressure = {
      breaker: createBreaker(clock, (state) => observer.breakerState(provider, state)),
      gate: createGate(clock),
      budget: createRetryBudget(clock),
    };
    pressures.set(key, pressure);
    return pressure;
  };
}
