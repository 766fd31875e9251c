import type { Clock } from '@weir/kit';
import type { Endpoint } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { LRUCache } from 'lru-cache';
import type { ProviderVersion } from '../snapshot/catalogue.ts';

/**
 * What a call showed of its endpoint. `unreachable`: nothing is there, or it says that it does
 * not serve; `failed`: it is there and does not answer as it should; `unseen`: neither.
 */
export type EndpointVerdict = 'answered' | 'failed' | 'unreachable' | 'unseen';

/** Chooses endpoints, and leaves those alone for a while that do worse than the others. */
export interface EndpointChooser {
  /** An endpoint for one call, whose verdict has to follow; undefined when none is left. */
  choose(provider: ProviderVersion, avoid?: ReadonlySet<string>): Endpoint | undefined;
  /** Takes note of how a call ended. Returns for how long the endpoint is now left alone. */
  report(provider: ProviderVersion, endpoint: Endpoint, verdict: EndpointVerdict): number;
  /** How many endpoints are left alone at present. */
  leftAlone(provider: ProviderVersion): number;
}

/** So many failures in a row, and an endpoint is left alone. */
const FAILURES_TO_EJECT = 3;
/** The share of the endpoints that may be left alone because they fail. */
const EJECTED_MAX_SHARE = 0.5;
/** For how long at first; twice as long each time that it is no better afterwards. */
const LEFT_ALONE_MIN_MS = 1_000;
const LEFT_ALONE_MAX_MS = 60_000;
/** After so long without a fault the next one counts as the first. */
const FORGOTTEN_AFTER_MS = 60_000;
const DEFAULT_WEIGHT = 100;
const MAX_REMEMBERED = 10_000;

interface Standing {
  /** Of the weighted round robin. */
  credit: number;
  failures: number;
  leftAloneUntilMs: number;
  /** For how long it would be left alone the next time. */
  nextMs: number;
  /** After it was left alone it gets one call at a time, until one is answered. */
  probation: 'none' | 'due' | 'trying';
}

/**
 * Makes a chooser by smooth weighted round robin, as nginx does it: each choice raises every
 * candidate by its weight, takes the highest, and lowers that one by the sum of weights.
 */
export function createEndpointChooser(clock: Clock): EndpointChooser {
  const standings = new LRUCache<string, Standing>({ max: MAX_REMEMBERED });
  const standingOf = ({ id }: Endpoint): Standing => {
    const known = standings.get(id);
    if (known) return known;
    const standing = newStanding();
    standings.set(id, standing);
    return standing;
  };
  const isLeftAlone = (endpoint: Endpoint) =>
    (standings.get(endpoint.id)?.leftAloneUntilMs ?? 0) > clock.monotonicMs();
  const isOpen = (endpoint: Endpoint) =>
    !isLeftAlone(endpoint) && standings.get(endpoint.id)?.probation !== 'trying';
  const leftAlone = ({ usable }: ProviderVersion) => usable.filter(isLeftAlone).length;

  const leaveAlone = (standing: Standing): number => {
    const nowMs = clock.monotonicMs();
    const forgotten = nowMs - standing.leftAloneUntilMs > FORGOTTEN_AFTER_MS;
    const forMs = forgotten ? LEFT_ALONE_MIN_MS : standing.nextMs;
    standing.leftAloneUntilMs = nowMs + forMs;
    standing.nextMs = Math.min(forMs * 2, LEFT_ALONE_MAX_MS);
    standing.probation = 'due';
    standing.failures = 0;
    return forMs;
  };

  const pickFrom = (usable: readonly Endpoint[], avoid: ReadonlySet<string> | undefined) => {
    // As most providers have it: the only one, open or not.
    if (usable.length === 1 && !avoid) return usable[0];
    const others = usable.filter(({ id }) => !avoid?.has(id));
    const open = others.filter(isOpen);
    // When all of them look dead, that is doubted rather than nobody asked.
    return pick(open.length > 0 || avoid?.size ? open : others, standingOf);
  };

  return {
    leftAlone,
    choose(provider, avoid) {
      const chosen = pickFrom(provider.usable, avoid);
      const standing = chosen && standingOf(chosen);
      if (standing?.probation === 'due') standing.probation = 'trying';
      return chosen;
    },
    report(provider, endpoint, verdict) {
      const standing = standingOf(endpoint);
      const onProbation = standing.probation !== 'none';
      if (standing.probation === 'trying') standing.probation = 'due';
      if (verdict === 'unseen') return 0;
      if (verdict === 'answered') {
        standing.failures = 0;
        standing.probation = 'none';
        return 0;
      }
      // Of calls that began before it was left alone.
      if (isLeftAlone(endpoint)) return 0;
      if (verdict === 'unreachable') return leaveAlone(standing);
      standing.failures++;
      if (!onProbation && standing.failures < FAILURES_TO_EJECT) return 0;
      const most = Math.floor(provider.usable.length * EJECTED_MAX_SHARE);
      return leftAlone(provider) < most ? leaveAlone(standing) : 0;
    },
  };
}

function newStanding(): Standing {
  return {
    ...{ credit: 0, failures: 0, probation: 'none' },
    ...{ leftAloneUntilMs: Number.NEGATIVE_INFINITY, nextMs: LEFT_ALONE_MIN_MS },
  };
}

function pick(
  candidates: readonly Endpoint[],
  standingOf: (endpoint: Endpoint) => Standing,
): Endpoint | undefined {
  if (candidates.length <= 1) return candidates[0];
  let best: { endpoint: Endpoint; standing: Standing } | undefined;
  let total = 0;
  for (const endpoint of candidates) {
    const weight = endpoint.weight || DEFAULT_WEIGHT;
    const standing = standingOf(endpoint);
    total += weight;
    standing.credit += weight;
    if (!best || standing.credit > best.standing.credit) best = { endpoint, standing };
  }
  if (best) best.standing.credit -= total;
  return best?.endpoint;
}
