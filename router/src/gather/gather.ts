import type { Clock } from '@weir/kit';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Batch, Ref } from '../batch.ts';
import type { Call } from '../call.ts';
import { type Outcome, refused, refusedAtOnce } from '../outcome.ts';
import type { Plan } from '../plan.ts';
import type { ProviderRecords } from '../quality/record.ts';
import { partsOf, type QualityParts, scoreOf, shareText, weakestOf } from '../quality/score.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import { createBatcher } from './batcher.ts';
import { cacheKey } from './cache-key.ts';
import type { CacheEntry } from './entry.ts';
import type { Departures, Flights } from './flights.ts';
import type { Landed, Wanted } from './land.ts';
import { type LinkDeps, withLink } from './link.ts';

/** What gathering needs. */
export interface GatherDeps extends LinkDeps {
  readonly flights: Flights;
  readonly records: ProviderRecords;
  readonly clock: Clock;
}

/** A ref with its plan. */
export interface Slot {
  readonly index: number;
  readonly ref: Ref;
  readonly plan: Plan;
  /** How many of its routes were asked. */
  tried: number;
}

/** The outcome of a slot; a promise only when something had to be waited for. */
export type Gathered = Outcome | Promise<Outcome>;

/** What is remembered during the gathering of one call. */
interface Gathering {
  /** Tells it from every other under way. */
  readonly id: number;
  readonly deps: GatherDeps;
  readonly call: Call;
  readonly batch: Batch;
  readonly departures: Departures;
  readonly lookUpShared: (key: string) => Promise<CacheEntry | undefined>;
}

/**
 * Gathers the items of a batch: memory, then the shared cache (one look-up for all), then the
 * providers (one upstream batch for each). The only stage that waits for others; what lies in
 * memory is answered without waiting.
 */
export function gather(
  deps: GatherDeps,
  call: Call,
  batch: Batch,
  slots: readonly Slot[],
): Gathered[] {
  const gathering: Gathering = {
    deps,
    call,
    batch,
    id: nextGathering(),
    departures: deps.flights.openDepartures(call.caller, call.deadlineMs),
    lookUpShared: createBatcher((keys) =>
      // A slow cache is a miss: the time of the call is not its to spend.
      Promise.race([deps.shared?.getMany(keys) ?? [], call.stopped().then(() => [])]),
    ),
  };
  return slots.map((slot) => withLink(deps, call, slot, () => gatherSlot(gathering, slot, 0)));
}

/** Asks the routes of a slot from one on, each when the one before has no such key. */
function gatherSlot(gathering: Gathering, slot: Slot, from: number): Gathered {
  if (slot.plan.refused) return refusedAtOnce(slot.plan.refused);
  for (let at = from; at < slot.plan.routes.length; at++) {
    slot.tried = at + 1;
    const outcome = gatherRoute(gathering, slot, at);
    if (outcome instanceof Promise) {
      return outcome.then((late) => late ?? gatherSlot(gathering, slot, at + 1));
    }
    if (outcome) return outcome;
  }
  const text = `${slot.ref.type} has no ${JSON.stringify(slot.ref.key)}`;
  return { ...refused(Reason.KEY_NOT_FOUND, text), cache: CacheStatus.MISS };
}

/** Asks one route. Undefined: it has no such key. */
function gatherRoute(
  gathering: Gathering,
  slot: Slot,
  at: number,
): Outcome | undefined | Promise<Outcome | undefined> {
  const { call, batch, deps } = gathering;
  const offer = slot.plan.routes[at] as Offer;
  const key = cacheKey(call.caller, offer, slot.ref.key);
  const wanted = (stale: CacheEntry | undefined): Wanted => ({
    // What may not be shared is shared by the duplicates of one call only.
    key: offer.scope === 'none' ? `${key}\0${gathering.id}` : key,
    offer,
    query: { type: offer.type, key: slot.ref.key },
    stale,
  });
  const serve = (entry: CacheEntry, from: CacheStatus): Outcome | undefined | 'expired' => {
    const ageMs = deps.clock.monotonicMs() - entry.confirmedAtMs;
    const state = freshness(entry, ageMs, batch.maxAgeMs);
    if (state === 'expired') return 'expired';
    if (entry.negative) {
      if (state === 'stale') gathering.departures.refresh(wanted(entry));
      return undefined;
    }
    const cache = state === 'stale' ? CacheStatus.STALE : from;
    const outcome = found(gathering, offer, { entry, ageMs, cache });
    if (state === 'fresh') return outcome;
    // Anew, it may be good enough.
    if (outcome.kind === 'refused') return 'expired';
    gathering.departures.refresh(wanted(entry));
    return outcome;
  };

  if (offer.scope === 'none') return fetchRoute(gathering, slot, wanted(undefined));
  const inMemory = deps.memory.get(key);
  if (inMemory) {
    const served = serve(inMemory, CacheStatus.HIT_MEMORY);
    call.note?.(slot.index, 'gather', describeCached('memory', inMemory, served));
    if (served !== 'expired') return served;
  } else call.note?.(slot.index, 'gather', 'memory: not there');
  if (!deps.shared) return fetchRoute(gathering, slot, wanted(inMemory));

  return gathering.lookUpShared(key).then((shared) => {
    if (!shared) {
      call.note?.(slot.index, 'gather', 'shared cache: not there');
      return fetchRoute(gathering, slot, wanted(inMemory));
    }
    const served = serve(shared, CacheStatus.HIT_SHARED);
    call.note?.(slot.index, 'gather', describeCached('shared cache', shared, served));
    if (served === 'expired') return fetchRoute(gathering, slot, wanted(shared));
    deps.memory.set(key, shared);
    return served;
  });
}

async function fetchRoute(
  gathering: Gathering,
  slot: Slot,
  wanted: Wanted,
): Promise<Outcome | undefined> {
  const { call, departures } = gathering;
  const { provider } = wanted.offer;
  const { flight, started } = departures.fly(wanted);
  const whose = started ? 'asking' : 'joining the question under way to';
  call.note?.(slot.index, 'gather', `${whose} ${provider.name} ${provider.version}`);
  const landed = await Promise.race([flight.landed, call.stopped()]);
  flight.leave();
  for (const text of flight.happened) call.note?.(slot.index, 'gather', text);
  if (landed === 'late') return late(provider.name);
  if (landed === 'gone') {
    return { ...refused(Reason.CANCELLED, 'the caller has gone'), cache: CacheStatus.MISS };
  }
  call.note?.(slot.index, 'gather', `${provider.name} ${provider.version}: ${describe(landed)}`);
  switch (landed.kind) {
    case 'missing':
      return undefined;
    case 'refused':
      // The one who began it ran out of time; this caller may have more.
      if (!started && landed.ofStarter && hasTime(call, gathering.deps.clock)) {
        return fetchRoute(gathering, slot, wanted);
      }
      return { ...landed, cache: started ? CacheStatus.MISS : CacheStatus.COALESCED };
    case 'found':
      return found(gathering, wanted.offer, {
        entry: landed.entry,
        ageMs: 0,
        cache: howFetched(landed, started, wanted.offer),
      });
  }
}

function howFetched(
  landed: Landed & { kind: 'found' },
  started: boolean,
  offer: Offer,
): CacheStatus {
  if (!started) return CacheStatus.COALESCED;
  if (landed.revalidated) return CacheStatus.REVALIDATED;
  return offer.scope === 'none' || landed.entry.ttlMs === 0 ? CacheStatus.BYPASS : CacheStatus.MISS;
}

/** An item that is there, if it is good enough for the caller. */
function found(
  { batch, deps }: Gathering,
  { provider }: Offer,
  { entry, ageMs, cache }: { entry: CacheEntry; ageMs: number; cache: CacheStatus },
): Outcome {
  const record = deps.records.of(provider);
  const parts = partsOf(entry, ageMs, record);
  const quality = scoreOf(parts);
  if (quality >= batch.minQuality) return { kind: 'found', entry, ageMs, record, quality, cache };
  return { ...refused(Reason.QUALITY_TOO_LOW, tooLow(quality, parts, batch)), cache };
}

function tooLow(quality: number, parts: QualityParts, { minQuality }: Batch): string {
  const weakest = weakestOf(parts);
  return `the item's quality is ${shareText(quality)}, and at least ${minQuality} was asked for; its weakest part is ${weakest.name}, ${shareText(weakest.value)}`;
}

/** Whether an entry can be served: as it is, while it is refreshed, or not at all. */
export function freshness(
  entry: CacheEntry,
  ageMs: number,
  maxAgeMs: number | undefined,
): 'fresh' | 'stale' | 'expired' {
  if (maxAgeMs !== undefined && ageMs > maxAgeMs) return 'expired';
  if (ageMs < entry.ttlMs) return 'fresh';
  return ageMs < entry.ttlMs + entry.staleMs ? 'stale' : 'expired';
}

function late(provider: string): Outcome {
  const text = `provider ${provider} did not answer within the time for the item`;
  const more = { retryDelayMs: 1_000 };
  return { ...refused(Reason.DEADLINE_EXCEEDED, text, more), cache: CacheStatus.MISS };
}

function hasTime(call: Call, clock: Clock): boolean {
  return call.deadlineMs > clock.monotonicMs();
}

function describe(landed: Landed): string {
  switch (landed.kind) {
    case 'found':
      return landed.revalidated ? 'not modified' : `found, ${landed.entry.field.length} bytes`;
    case 'missing':
      return 'no such key';
    case 'refused':
      return `refused: ${landed.refusal.text}`;
  }
}

function describeCached(where: string, entry: CacheEntry, served: unknown): string {
  if (served === 'expired') return `${where}: there, but out of date`;
  if (entry.negative) return `${where}: known to be missing`;
  return `${where}: there`;
}

let gatherings = 0;
function nextGathering(): number {
  gatherings = (gatherings + 1) % Number.MAX_SAFE_INTEGER;
  return gatherings;
}
