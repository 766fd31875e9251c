import { type Caller, TransientMap } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type {
  FetchQuery,
  FetchRequest,
  FetchResult,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { Invalidations } from '../events/invalidations.ts';
import type { Limits } from '../limits/limits.ts';
import { type Refused, refused } from '../outcome.ts';
import type { ProviderRecords } from '../quality/record.ts';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { refusedByUpstream } from '../upstream/upstream-errors.ts';
import {
  type Arrivals,
  type Arrived,
  MAX_ASSEMBLED_BYTES,
  openArrivals,
  type Taken,
} from './arrivals.ts';
import { type CacheEntry, negativeEntry } from './entry.ts';
import { type LandDeps, type Landed, landedOf, type Wanted } from './land.ts';
import type { MemoryCache } from './memory-cache.ts';
import type { SharedCache } from './shared-cache.ts';
import { told } from './told.ts';

/** One value on its way from a provider; shared by all who wait for it. */
export interface Flight {
  readonly landed: Promise<Landed>;
  /** What happened on the way, for Explain. */
  readonly happened: readonly string[];
  /** Stops waiting. When nobody waits for a batch any more, its upstream call is cancelled. */
  leave(): void;
}

/** Starts flights for one call. */
export interface Departures {
  /** Joins the flight of this key, or starts one. `started`: this one did. */
  fly(wanted: Wanted): { flight: Flight; started: boolean };
  /** Starts a flight that nobody waits for, unless one is under way. */
  refresh(wanted: Wanted): void;
}

/** What flights need. */
export interface FlightDeps extends LandDeps {
  readonly upstream: Upstream;
  readonly memory: MemoryCache;
  readonly shared: SharedCache | undefined;
  /** Undefined: values too large to carry are refused. */
  readonly blobs?: BlobStore | undefined;
  /** The largest value that the store is given. */
  readonly blobMaxBytes?: number | undefined;
  readonly records: ProviderRecords;
  readonly limits: Limits;
  /** What happened to values meanwhile. */
  readonly invalidations: Invalidations;
}

interface Query {
  readonly wanted: Wanted;
  /** Where invalidations were when it began. */
  readonly since: number;
  readonly land: (landed: Landed) => void;
  waiting: number;
  /** All of it is here; it may still be on its way into the blob store, or be examined. */
  arrived: boolean;
  done: boolean;
}

interface UpstreamBatch {
  readonly provider: ProviderVersion;
  readonly queries: Query[];
  readonly cancel: AbortController;
  readonly deadlineMs: number;
  readonly happened: string[];
}

/**
 * Makes the part of the router that fetches from providers. Over all callers there is one
 * flight for each key; of one call, the flights to a provider version that start in the same
 * turn of the event loop go in one upstream batch.
 */
export function createFlights(deps: FlightDeps) {
  const underWay = new TransientMap<
    string,
    { query: Query; batch: UpstreamBatch; flight: Flight }
  >();

  /** Stores an entry, if it is to be kept; returns it as it is from now on. */
  const store = (caller: Caller, flown: Query, entry: CacheEntry): CacheEntry => {
    const { key, offer, query, stale } = flown.wanted;
    if (offer.scope === 'none' || isOver(caller, flown)) return entry;
    const space = deps.memory.spaceOf(caller, offer);
    const keep = entry.ttlMs > 0;
    space.fleeting = keep ? 0 : space.fleeting + 1;
    if (keep && !entry.negative) {
      deps.shared?.set(key, entry, deps.invalidations.heard(caller.tenant, offer));
    }
    // What was held is not the value any more, not even for a while.
    else if (stale && !stale.negative) deps.shared?.delete(key);
    if (keep) return deps.memory.set(space, query.key, entry);
    deps.memory.delete(space, query.key);
    return entry;
  };

  /** Whether the value may be that from before an event. */
  const isOver = ({ tenant }: Caller, { wanted: { query, offer }, since }: Query): boolean =>
    deps.invalidations.since(since, tenant, offer, query.key);

  const depart = (batch: UpstreamBatch, caller: Caller) => {
    const land = (query: Query, landed: Landed) => {
      if (query.done) return;
      query.done = true;
      if (underWay.get(query.wanted.key)?.query === query) underWay.delete(query.wanted.key);
      deps.records.note(batch.provider, landed);
      if (landed.kind === 'missing') {
        store(caller, query, negativeEntry(query.wanted.offer, deps.clock.monotonicMs()));
      }
      query.land(
        landed.kind === 'found' ? { ...landed, entry: store(caller, query, landed.entry) } : landed,
      );
      endIfLeft(batch);
    };
    void flyBatch(deps, batch, caller, land);
  };

  const start = (wanted: Wanted, batch: UpstreamBatch): Flight => {
    const { promise, resolve } = Promise.withResolvers<Landed>();
    const since = deps.invalidations.now;
    const state = { waiting: 1, arrived: false, done: false };
    const query: Query = { wanted, since, land: resolve, ...state };
    batch.queries.push(query);
    const flight: Flight = {
      landed: promise,
      happened: batch.happened,
      leave() {
        query.waiting--;
        if (query.waiting > 0 || query.done) return;
        // Nobody may join what may be cancelled.
        if (underWay.get(wanted.key)?.query === query) underWay.delete(wanted.key);
        endIfLeft(batch);
      },
    };
    underWay.set(wanted.key, { query, batch, flight });
    return flight;
  };

  /** Opens the departures of one call; what it starts ends by the call's deadline. */
  const openDepartures = (caller: Caller, deadlineMs: number): Departures => {
    const boarding = new Map<ProviderVersion, UpstreamBatch>();
    const boardingRefresh = new Map<ProviderVersion, UpstreamBatch>();
    const batchOf = (
      batches: Map<ProviderVersion, UpstreamBatch>,
      provider: ProviderVersion,
      endMs: number,
    ) => {
      const open = batches.get(provider);
      if (open) return open;
      const batch: UpstreamBatch = {
        provider,
        queries: [],
        cancel: new AbortController(),
        deadlineMs: Math.min(endMs, deps.clock.monotonicMs() + provider.timeoutMs),
        happened: [],
      };
      batches.set(provider, batch);
      // After all that is ready in this turn has boarded.
      process.nextTick(() => {
        batches.delete(provider);
        depart(batch, caller);
      });
      return batch;
    };

    return {
      fly(wanted) {
        const other = underWay.get(wanted.key);
        if (other && !isOver(caller, other.query)) {
          other.query.waiting++;
          return { flight: other.flight, started: false };
        }
        const batch = batchOf(boarding, wanted.offer.provider, deadlineMs);
        return { flight: start(wanted, batch), started: true };
      },
      refresh(wanted) {
        if (underWay.has(wanted.key)) return;
        const { provider } = wanted.offer;
        start(wanted, batchOf(boardingRefresh, provider, Number.POSITIVE_INFINITY));
      },
    };
  };

  return {
    openDepartures,
    /** Values on their way. */
    get size() {
      return underWay.size;
    },
  };
}

/** The flights of a router. */
export type Flights = ReturnType<typeof createFlights>;

/** Cancels the upstream call when nobody waits for what is still open in it. */
function endIfLeft({ queries, cancel }: UpstreamBatch): void {
  const left = queries.every((query) => query.done || query.waiting <= 0);
  if (left && queries.some((query) => !query.done)) cancel.abort();
}

async function flyBatch(
  deps: FlightDeps,
  batch: UpstreamBatch,
  caller: Caller,
  land: (query: Query, landed: Landed) => void,
): Promise<void> {
  const { provider, queries, cancel } = batch;
  const timeoutMs = batch.deadlineMs - deps.clock.monotonicMs();
  const shortened = timeoutMs < provider.timeoutMs - 1;
  const landRest = (rest: Refused) => {
    const ofStarter = shortened && rest.refusal.reason === Reason.DEADLINE_EXCEEDED;
    for (const query of queries) if (!query.arrived) land(query, { ...rest, ofStarter });
  };
  if (timeoutMs <= 0) {
    landRest(refused(Reason.DEADLINE_EXCEEDED, 'no time was left to ask the provider'));
    return;
  }
  const asked = queries.slice(0, takeFrom(deps.limits, batch, land));
  if (asked.length === 0) return;
  await using arrivals = openArrivals({
    tenant: caller.tenant,
    provider: provider.name,
    blobs: deps.blobs,
    maxBytes: deps.blobMaxBytes ?? MAX_ASSEMBLED_BYTES,
  });
  try {
    const request = requestOf(provider, asked, caller);
    let open = asked.length;
    const note = (text: string) => void batch.happened.push(text);
    const limits = { signal: cancel.signal, timeoutMs, note };
    for await (const { results } of deps.upstream.fetch(provider, request, limits)) {
      for (const result of results) {
        arrivals.count(result);
        deps.limits.spendFrom(provider, bytesOf(result));
        const query = asked[result.index];
        if (!query || query.arrived) continue;
        const arrived = arrive(deps, arrivals, query, result);
        const landing = arrived instanceof Promise ? await arrived : arrived;
        if (!landing) continue;
        query.arrived = true;
        open--;
        // What is on its way into the blob store, or is being examined, holds up no other.
        if (landing.later) void landing.later.then((landed) => land(query, landed));
        else land(query, landing.landed);
      }
      // All are answered, whatever it still says.
      if (open === 0) break;
    }
    if (open === 0) return;
    landRest(
      refused(
        Reason.PROVIDER_GARBAGE,
        `provider ${provider.name} answered ${asked.length - open} of ${asked.length} queries`,
      ),
    );
  } catch (error) {
    landRest(refusedByUpstream(error, provider));
  }
}

/** How many of the queries the provider's rates let through; the rest are refused. */
function takeFrom(
  limits: Limits,
  { provider, queries }: UpstreamBatch,
  land: (query: Query, landed: Landed) => void,
): number {
  const { items, refusal } = limits.takeFrom(provider, queries.length);
  if (!refusal) return items;
  const { reason, message, retryDelayMs } = refusal;
  const more = retryDelayMs === undefined ? {} : { retryDelayMs };
  for (const query of queries.slice(items)) {
    query.arrived = true;
    land(query, { ...refused(reason, message, more), ofStarter: false });
  }
  return items;
}

function bytesOf({ outcome }: FetchResult): number {
  if (outcome.case === 'content') return outcome.value.payload.length;
  return outcome.case === 'part' ? outcome.value.data.length : 0;
}

type Landing =
  | { readonly landed: Landed; readonly later?: never }
  | { readonly later: Promise<Landed> };

/** Takes a result of a query; at once, unless it is one of parts. Undefined: there is more to come. */
function arrive(
  deps: LandDeps,
  arrivals: Arrivals,
  { wanted }: Query,
  result: FetchResult,
): Landing | undefined | Promise<Landing | undefined> {
  try {
    const taken = arrivals.take(result);
    return taken instanceof Promise
      ? taken.then(
          (all) => landingOf(deps, wanted, all),
          (error: unknown) => ({ landed: failed(wanted, error) }),
        )
      : landingOf(deps, wanted, taken);
  } catch (error) {
    return { landed: failed(wanted, error) };
  }
}

function landingOf(deps: LandDeps, wanted: Wanted, taken: Taken): Landing | undefined {
  if (!taken) return undefined;
  const { arrived } = taken;
  const land = (all: Arrived) => landedOf(deps, wanted, all.result, all.blob);
  const fail = (error: unknown) => failed(wanted, error);
  try {
    if (arrived instanceof Promise) return { later: arrived.then(land).catch(fail) };
    const landed = land(arrived);
    return landed instanceof Promise ? { later: landed.catch(fail) } : { landed };
  } catch (error) {
    return { landed: fail(error) };
  }
}

function failed({ offer }: Wanted, error: unknown): Landed {
  return { ...refusedByUpstream(error, offer.provider), ofStarter: false };
}

function requestOf(
  provider: ProviderVersion,
  asked: readonly Query[],
  caller: Caller,
): FetchRequest {
  return {
    $typeName: 'weir.provider.v1.FetchRequest',
    queries: asked.map(({ wanted }) => queryOf(wanted)),
    caller: { $typeName: 'weir.provider.v1.Caller', ...told(provider, caller) },
  };
}

function queryOf({ offer, query, stale }: Wanted): FetchQuery {
  const knownEtag = stale && !stale.negative ? stale.etag : '';
  const { type, key } = query;
  const { typeVersion } = offer;
  return { $typeName: 'weir.provider.v1.FetchQuery', type, typeVersion, key, knownEtag };
}
