import type { Clock } from '@weir/kit';
import type { Endpoint } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import type { ProviderVersion } from '../snapshot/catalogue.ts';

/** Chooses endpoints, and remembers which ones this router could not reach. */
export interface EndpointChooser {
  /** An endpoint for one upstream call; undefined when there is none beside those to avoid. */
  choose(provider: ProviderVersion, avoid?: Endpoint): Endpoint | undefined;
  /** The endpoint could not be reached: it is left alone for a while. */
  unreachable(endpoint: Endpoint): void;
}

const LEFT_ALONE_MS = 1_000;
const DEFAULT_WEIGHT = 100;
const MAX_REMEMBERED = 10_000;

/**
 * Makes a chooser by smooth weighted round robin, as nginx does it: each choice raises every
 * candidate by its weight, takes the highest, and lowers that one by the sum of weights.
 */
export function createEndpointChooser(clock: Clock): EndpointChooser {
  const standing = new Map<string, number>();
  const avoidUntilMs = new Map<string, number>();
  const reachable = (endpoint: Endpoint) =>
    (avoidUntilMs.get(endpoint.id) ?? 0) <= clock.monotonicMs();

  return {
    choose(provider, avoid) {
      const others = provider.usable.filter((endpoint) => endpoint.id !== avoid?.id);
      const preferred = others.filter(reachable);
      const candidates = preferred.length > 0 || avoid ? preferred : others;
      if (candidates.length <= 1) return candidates[0];
      if (standing.size > MAX_REMEMBERED) standing.clear();
      let best: Endpoint | undefined;
      let total = 0;
      for (const endpoint of candidates) {
        const weight = endpoint.weight || DEFAULT_WEIGHT;
        total += weight;
        standing.set(endpoint.id, (standing.get(endpoint.id) ?? 0) + weight);
        const bestStanding = best ? (standing.get(best.id) ?? 0) : Number.NEGATIVE_INFINITY;
        if ((standing.get(endpoint.id) ?? 0) > bestStanding) best = endpoint;
      }
      if (best) standing.set(best.id, (standing.get(best.id) ?? 0) - total);
      return best;
    },
    unreachable(endpoint) {
      if (avoidUntilMs.size > MAX_REMEMBERED) avoidUntilMs.clear();
      avoidUntilMs.set(endpoint.id, clock.monotonicMs() + LEFT_ALONE_MS);
    },
  };
}
