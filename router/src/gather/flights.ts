import { create } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Caller, Clock } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type FetchQuery,
  FetchRequestSchema,
  type FetchResult,
} from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import { type Refused, refused } from '../outcome.ts';
import type { Offer, ProviderVersion } from '../snapshot/catalogue.ts';
import { delayMsOf, plainText } from './bounds.ts';
import { admit, type CacheEntry, confirm, negativeEntry } from './entry.ts';
import type { MemoryCache } from './memory-cache.ts';
import type { SharedCache } from './shared-cache.ts';
import { told } from './told.ts';
import type { Upstream } from './upstream.ts';
import { refusedByUpstream } from './upstream-errors.ts';

/** How a flight ended. */
export type Landed =
  | { readonly kind: 'found'; readonly entry: CacheEntry; readonly revalidated: boolean }
  | { readonly kind: 'missing' }
  | (Refused & {
      /** The deadline that ran out was the starter's, not the provider's. */ readonly ofStarter: boolean;
    });

/** One value on its way from a provider; shared by all who wait for it. */
export interface Flight {
  readonly landed: Promise<Landed>;
  /** Stops waiting. When nobody waits for a batch any more, its upstream call is cancelled. */
  leave(): void;
}

/** What is to be fetched. */
export interface Wanted {
  readonly key: string;
  readonly offer: Offer;
  readonly query: { readonly type: string; readonly key: string };
  /** The value held, out of date. */
  readonly stale: CacheEntry | undefined;
}

/** Starts flights for one call. */
export interface Departures {
  /** Joins the flight of this key, or starts one. `started`: this one did. */
  fly(wanted: Wanted): { flight: Flight; started: boolean };
  /** Starts a flight that nobody waits for, unless one is under way. */
  refresh(wanted: Wanted): void;
}

/** What flights need. */
export interface FlightDeps {
  readonly upstream: Upstream;
  readonly memory: MemoryCache;
  readonly shared: SharedCache | undefined;
  readonly clock: Clock;
}

/** The largest payload; a message of 4 MiB must hold it with what stands beside it. */
export const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024 - 64 * 1024;
/** An item with all that stands beside its payload: no more than an answer may hold. */
const MAX_ITEM_BYTES = MAX_PAYLOAD_BYTES + 32 * 1024;
/** Each costs on every answer that is decoded. */
const MAX_LABELS = 128;

interface Query {
  readonly wanted: Wanted;
  readonly land: (landed: Landed) => void;
  waiting: number;
  done: boolean;
}

interface UpstreamBatch {
  readonly provider: ProviderVersion;
  readonly queries: Query[];
  readonly cancel: AbortController;
  readonly deadlineMs: number;
}

/**
 * Makes the part of the router that fetches from providers. Over all callers there is one
 * flight for each key; of one call, the flights to a provider version that start in the same
 * turn of the event loop go in one upstream batch.
 */
export function createFlights(deps: FlightDeps) {
  const underWay = new Map<string, { query: Query; batch: UpstreamBatch; flight: Flight }>();

  const store = (wanted: Wanted, entry: CacheEntry) => {
    const { key, offer, stale } = wanted;
    if (offer.scope === 'none') return;
    const kept = entry.ttlMs > 0;
    if (kept) deps.memory.set(key, entry);
    else deps.memory.delete(key);
    if (kept && !entry.negative) deps.shared?.set(key, entry);
    // What was held is not the value any more, not even for a while.
    else if (stale && !stale.negative) deps.shared?.delete(key);
  };

  const depart = (batch: UpstreamBatch, caller: Caller) => {
    const land = (query: Query, landed: Landed) => {
      if (query.done) return;
      query.done = true;
      if (underWay.get(query.wanted.key)?.query === query) underWay.delete(query.wanted.key);
      if (landed.kind === 'found') store(query.wanted, landed.entry);
      if (landed.kind === 'missing') {
        store(query.wanted, negativeEntry(query.wanted.offer, deps.clock.monotonicMs()));
      }
      query.land(landed);
      endIfLeft(batch);
    };
    void flyBatch(deps, batch, caller, land);
  };

  const start = (wanted: Wanted, batch: UpstreamBatch): Flight => {
    const { promise, resolve } = Promise.withResolvers<Landed>();
    const query: Query = { wanted, land: resolve, waiting: 1, done: false };
    batch.queries.push(query);
    const flight: Flight = {
      landed: promise,
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
        if (other) {
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
    for (const query of queries) land(query, { ...rest, ofStarter });
  };
  if (timeoutMs <= 0) {
    landRest(refused(Reason.DEADLINE_EXCEEDED, 'no time was left to ask the provider'));
    return;
  }
  try {
    const request = create(FetchRequestSchema, {
      queries: queries.map(({ wanted }) => queryOf(wanted)),
      caller: told(provider, caller),
    });
    let open = queries.length;
    const limits = { signal: cancel.signal, timeoutMs };
    for await (const { results } of deps.upstream.fetch(provider, request, limits)) {
      // All are answered, and it still talks.
      if (open === 0) break;
      for (const result of results) {
        const query = queries[result.index];
        if (!query || query.done) continue;
        land(query, landedOf(deps.clock, query.wanted, result));
        open--;
      }
    }
    landRest(
      refused(
        Reason.PROVIDER_GARBAGE,
        `provider ${provider.name} answered ${queries.length - open} of ${queries.length} queries`,
      ),
    );
  } catch (error) {
    landRest(refusedByUpstream(error, provider));
  }
}

function queryOf({ offer, query, stale }: Wanted): Omit<FetchQuery, '$typeName'> {
  const knownEtag = stale && !stale.negative ? stale.etag : '';
  return { ...query, typeVersion: offer.typeVersion, knownEtag };
}

function landedOf(clock: Clock, wanted: Wanted, { outcome }: FetchResult): Landed {
  const { offer, stale } = wanted;
  const name = offer.provider.name;
  const refusedWith = (refusal: Refused): Landed => ({ ...refusal, ofStarter: false });
  switch (outcome.case) {
    case 'content': {
      const bytes = outcome.value.payload.byteLength;
      if (bytes > MAX_PAYLOAD_BYTES) {
        const text = `the item has ${bytes} bytes; at most ${MAX_PAYLOAD_BYTES} can be carried`;
        return refusedWith(refused(Reason.ITEM_TOO_LARGE, text));
      }
      const labels = Object.keys(outcome.value.labels).length;
      if (labels > MAX_LABELS) {
        const text = `provider ${name} sent an item with ${labels} labels; at most ${MAX_LABELS} are carried`;
        return refusedWith(refused(Reason.PROVIDER_GARBAGE, text));
      }
      const at = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
      const entry = admit(outcome.value, offer, at);
      if (entry.field.length > MAX_ITEM_BYTES) {
        const text = `the item with its labels and source has ${entry.field.length} bytes; at most ${MAX_ITEM_BYTES} can be carried`;
        return refusedWith(refused(Reason.ITEM_TOO_LARGE, text));
      }
      return { kind: 'found', entry, revalidated: false };
    }
    case 'notModified': {
      if (!stale || stale.negative) {
        const text = `provider ${name} says not modified of a value that nobody holds`;
        return refusedWith(refused(Reason.PROVIDER_GARBAGE, text));
      }
      const { ttl } = outcome.value;
      const ttlMs = ttl ? durationMs(ttl) : offer.ttlMs;
      const entry = confirm(stale, ttlMs, clock.monotonicMs());
      return { kind: 'found', entry, revalidated: true };
    }
    case 'notFound':
      return { kind: 'missing' };
    case 'failure': {
      const { code, text, retryDelay } = outcome.value;
      return refusedWith(
        refused(Reason.PROVIDER_FAILED, `provider ${name}: ${plainText(text, MAX_TEXT_LENGTH)}`, {
          ...(code >= 1 && code <= MAX_CODE ? { code } : {}),
          ...(retryDelay ? { retryDelayMs: delayMsOf(retryDelay) } : {}),
        }),
      );
    }
    case undefined:
      return refusedWith(
        refused(Reason.PROVIDER_GARBAGE, `provider ${name} sent a result without an outcome`),
      );
  }
}

const MAX_TEXT_LENGTH = 500;
const MAX_CODE = 16;
