import type { Clock } from '@weir/kit';
import { noObligations, type Verdict } from '@weir/policy';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { hidden, type Slot } from '../authorise.ts';
import type { Batch } from '../batch.ts';
import type { Call } from '../call.ts';
import type { Invalidations } from '../events/invalidations.ts';
import { type GiveDeps, give, isTooOld } from '../give.ts';
import { type Found, type Outcome, refused, refusedAtOnce } from '../outcome.ts';
import type { ProviderRecords } from '../quality/record.ts';
import { partsOf, qualityOf } from '../quality/score.ts';
import type { Offer, ProviderVersion } from '../snapshot/catalogue.ts';
import { createBatcher } from './batcher.ts';
import { type CacheSpace, isFleeting } from './cache-space.ts';
import type { CacheEntry } from './entry.ts';
import type { Departures, Flights } from './flights.ts';
import type { Landed, Wanted } from './land.ts';
import { type LinkDeps, mayNeedLink, withLink } from './link.ts';
import {
  describe,
  describeCached,
  isOver,
  late,
  tellable,
  tellsOfAnItem,
  tooLow,
} from './words.ts';

/** What gathering needs. */
export interface GatherDeps extends LinkDeps, GiveDeps {
  readonly flights: Flights;
  readonly records: ProviderRecords;
  readonly clock: Clock;
  readonly invalidations: Invalidations;
}

/** The outcome of a slot; a promise only when something had to be waited for. */
export type Gathered = Outcome | Promise<Outcome>;

/** What a cached entry serves; undefined: there is no such item for the caller. */
type Served = Outcome | undefined | 'expired';

/** What is remembered during the gathering of one call; what a hit in memory has no use for is made late. */
class Gathering {
  /** Tells it from every other under way. */
  readonly id = nextGathering();
  readonly deps: GatherDeps;
  readonly call: Call;
  readonly batch: Batch;
  /** The provider that was asked last, and its record then. */
  provider: ProviderVersion | undefined = undefined;
  record = 1;
  /** The time of this turn of the event loop; 0: it is to be asked for. */
  nowMs: number;
  #departures: Departures | undefined;
  #lookUpShared: ((key: string) => Promise<CacheEntry | undefined>) | undefined;

  constructor(deps: GatherDeps, call: Call, batch: Batch) {
    this.deps = deps;
    this.call = call;
    this.batch = batch;
    this.nowMs = deps.clock.monotonicMs();
  }

  get departures(): Departures {
    const { deps, call } = this;
    this.#departures ??= deps.flights.openDepartures(call.caller, call.deadlineMs);
    return this.#departures;
  }

  lookUpShared(key: string): Promise<CacheEntry | undefined> {
    const { deps, call } = this;
    this.#lookUpShared ??= createBatcher((keys) =>
      // A slow cache is a miss: the time of the call is not its to spend.
      Promise.race([deps.shared?.getMany(keys) ?? [], call.stopped().then(() => [])]),
    );
    return this.#lookUpShared(key);
  }
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
  const gathering = new Gathering(deps, call, batch);
  const gathered: Gathered[] = [];
  for (const slot of slots) gathered.push(gatherWhole(gathering, slot));
  // Whatever comes later comes in another turn.
  gathering.provider = undefined;
  gathering.nowMs = 0;
  return gathered;
}

function gatherWhole(gathering: Gathering, slot: Slot): Gathered {
  const gathered = gatherSlot(gathering, slot, 0);
  return mayNeedLink(gathered) ? linked(gathering, slot, gathered) : gathered;
}

// Closures stand in functions of their own: what they hold is made where such a function begins, also
// when nothing is waited for.

function linked(gathering: Gathering, slot: Slot, gathered: Gathered): Gathered {
  const again = () => gatherSlot(gathering, slot, 0);
  return withLink(gathering.deps, gathering.call, { slot, gathered, again });
}

function timeOf({ nowMs, deps }: Gathering): number {
  return nowMs === 0 ? deps.clock.monotonicMs() : nowMs;
}

function recordOf(gathering: Gathering, provider: ProviderVersion): number {
  if (provider === gathering.provider) return gathering.record;
  const record = gathering.deps.records.of(provider);
  if (gathering.nowMs !== 0) {
    gathering.provider = provider;
    gathering.record = record;
  }
  return record;
}

/** Asks the routes of a slot from one on, each when the one before has no such key. */
function gatherSlot(gathering: Gathering, slot: Slot, from: number): Gathered {
  if (slot.refused) return refusedAtOnce(slot.refused);
  for (let at = from; at < slot.routes.length; at++) {
    slot.tried = at + 1;
    const outcome = gatherRoute(gathering, slot, slot.routes[at] as Offer);
    if (outcome instanceof Promise) return orNext(outcome, gathering, slot);
    if (outcome) return outcome;
  }
  // Who may not know what is forbidden may not know what is missing either.
  if (slot.conditional) return refusedAtOnce(hidden(slot.ref));
  const text = `${slot.ref.type} has no ${JSON.stringify(slot.ref.key)}`;
  return { ...refused(Reason.KEY_NOT_FOUND, text), cache: CacheStatus.MISS };
}

async function orNext(
  outcome: Promise<Outcome | undefined>,
  gathering: Gathering,
  slot: Slot,
): Promise<Outcome> {
  const { tried } = slot;
  return (await outcome) ?? gatherSlot(gathering, slot, tried);
}

/** Asks one route. Undefined: it has no such key. */
function gatherRoute(
  gathering: Gathering,
  slot: Slot,
  offer: Offer,
): Outcome | undefined | Promise<Outcome | undefined> {
  const { call, deps } = gathering;
  const space = deps.memory.spaceOf(call.caller, offer);
  slot.space = space;
  if (offer.scope === 'none') return fetchRoute(gathering, slot, wantedOf(gathering, slot, space));
  const entry = deps.memory.get(space, slot.ref.key);
  if (!entry) {
    call.note?.(slot.index, 'gather', 'memory: not there');
    return askBeyondMemory(gathering, slot, space);
  }
  slot.cache = CacheStatus.HIT_MEMORY;
  const served = serve(gathering, slot, entry);
  call.note?.(slot.index, 'gather', describeCached('memory', entry, served));
  if (served instanceof Promise) return orBeyond(served, gathering, slot, entry);
  return served === 'expired' ? askBeyondMemory(gathering, slot, space, entry) : served;
}

async function orBeyond(
  served: Promise<Served>,
  gathering: Gathering,
  slot: Slot,
  entry: CacheEntry,
): Promise<Outcome | undefined> {
  const space = slot.space as CacheSpace;
  const late = await served;
  return late === 'expired' ? askBeyondMemory(gathering, slot, space, entry) : late;
}

/** What is to be fetched for a slot; `stale` is what is held, out of date. */
function wantedOf(
  { id }: Gathering,
  { ref }: Slot,
  { offer, prefix }: CacheSpace,
  stale?: CacheEntry,
): Wanted {
  return {
    // What may not be shared is shared by the duplicates of one call only.
    key: prefix + ref.key + (offer.scope === 'none' ? `\0${id}` : ''),
    offer,
    query: { type: offer.type, key: ref.key },
    stale,
  };
}

/** Serves a slot from a cache, as far as the entry may be served. */
function serve(gathering: Gathering, slot: Slot, entry: CacheEntry): Served | Promise<Served> {
  const { offer } = slot.space as CacheSpace;
  // A whole number is no object of its own.
  const ageMs = Math.round(timeOf(gathering) - entry.confirmedAtMs);
  const state = freshness(entry, ageMs, gathering.batch.maxAgeMs);
  if (state === 'expired') return 'expired';
  if (entry.negative) {
    if (state === 'stale') refresh(gathering, slot, entry);
    return undefined;
  }
  const verdict = decideOn(gathering, slot, entry);
  // What is forbidden is passed over for as long as what is missing would be, and then asked for
  // again: so that a time that runs out, or a provider that is down, does not tell that it is there.
  if (verdict.effect === 'deny') return ageMs < offer.negativeTtlMs ? undefined : 'expired';
  if (isTooOld(verdict, ageMs)) return 'expired';
  if (state === 'fresh') return found(gathering, slot, entry, ageMs);
  slot.cache = CacheStatus.STALE;
  return refreshing(found(gathering, slot, entry, ageMs), gathering, slot, entry);
}

/** What is served while it is refreshed. */
function refreshing(
  gathered: Gathered,
  gathering: Gathering,
  slot: Slot,
  entry: CacheEntry,
): Served | Promise<Served> {
  const judged = (outcome: Outcome): Served => {
    // Anew, it may be good enough.
    if (outcome.kind === 'refused' && !isOver(outcome)) return 'expired';
    refresh(gathering, slot, entry);
    return outcome;
  };
  return gathered instanceof Promise ? gathered.then(judged) : judged(gathered);
}

function refresh(gathering: Gathering, slot: Slot, entry: CacheEntry): void {
  const wanted = wantedOf(gathering, slot, slot.space as CacheSpace, entry);
  gathering.departures.refresh(wanted);
}

/** Asks the shared cache, if there is one, then the provider. */
function askBeyondMemory(
  gathering: Gathering,
  slot: Slot,
  space: CacheSpace,
  inMemory?: CacheEntry,
): Promise<Outcome | undefined> {
  const { call, deps } = gathering;
  const fetchAs = (stale: CacheEntry | undefined) =>
    fetchRoute(gathering, slot, wantedOf(gathering, slot, space, stale));
  if (!deps.shared) return fetchAs(inMemory);
  if (isFleeting(space)) {
    call.note?.(slot.index, 'gather', 'shared cache: not asked, for such values are not kept');
    return fetchAs(inMemory);
  }
  const { invalidations } = deps;
  const { now } = invalidations;
  return gathering.lookUpShared(space.prefix + slot.ref.key).then((found) => {
    const { tenant } = call.caller;
    // What was forgotten meanwhile may have been read before.
    const isOver = invalidations.since(now, tenant, space.offer, slot.ref.key);
    const shared = isOver ? undefined : found;
    if (!shared) {
      call.note?.(slot.index, 'gather', 'shared cache: not there');
      return fetchAs(inMemory);
    }
    const take = (served: Served) => (served === 'expired' ? fetchAs(shared) : served);
    slot.cache = CacheStatus.HIT_SHARED;
    const served = serve(gathering, slot, shared);
    call.note?.(slot.index, 'gather', describeCached('shared cache', shared, served));
    space.fleeting = 0;
    if (served !== 'expired') deps.memory.set(space, slot.ref.key, shared);
    return served instanceof Promise ? served.then(take) : take(served);
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
  const { redactions } = gathering.deps;
  const to = { redactions, tenant: call.caller.tenant };
  const told =
    landed.kind === 'refused' ? tellable(to, slot, { offer: wanted.offer, landed }) : landed;
  call.note?.(slot.index, 'gather', `${provider.name} ${provider.version}: ${describe(told)}`);
  switch (told.kind) {
    case 'missing':
      return undefined;
    case 'refused':
      // The one who began it ran out of time; this caller may have more.
      if (!started && told.ofStarter && hasTime(call, gathering.deps.clock)) {
        return fetchRoute(gathering, slot, wanted);
      }
      if (slot.conditional && tellsOfAnItem(told)) return refusedAtOnce(hidden(slot.ref));
      return { ...told, cache: started ? CacheStatus.MISS : CacheStatus.COALESCED };
    case 'found':
      if (decideOn(gathering, slot, told.entry).effect === 'deny') return undefined;
      slot.cache = howFetched(told, started, wanted.offer);
      return found(gathering, slot, told.entry, 0);
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

/** Decides on an item that is there; what is forbidden is then as if it were missing. */
function decideOn({ call }: Gathering, slot: Slot, entry: CacheEntry): Verdict {
  const { offer } = slot.space as CacheSpace;
  slot.offer = offer;
  slot.entry = entry;
  if (!slot.conditional) {
    const before = slot.verdicts?.[slot.tried - 1];
    if (before) slot.verdict = before;
    return slot.verdict;
  }
  const verdict = slot.access.decide(offer.provider, slot.ref.key, entry.facts);
  slot.verdict = verdict;
  call.note?.(slot.index, 'decide', `${verdict.effect}, by the item itself`);
  return verdict;
}

/** An item that is there, if it is good enough for the caller, as the caller may have it. */
function found(gathering: Gathering, slot: Slot, entry: CacheEntry, ageMs: number): Gathered {
  const { batch, deps, call } = gathering;
  const { cache } = slot;
  const { offer } = slot.space as CacheSpace;
  const record = recordOf(gathering, offer.provider);
  const quality = qualityOf(entry, ageMs, record);
  if (quality < batch.minQuality) {
    const parts = partsOf(entry, ageMs, record);
    return { ...refused(Reason.QUALITY_TOO_LOW, tooLow(quality, parts, batch)), cache };
  }
  const whole: Found & Outcome = {
    kind: 'found',
    entry,
    ageMs,
    record,
    quality,
    redactions: none,
    cache,
  };
  if (slot.verdict.obligations === noObligations) return whole;
  return give(deps, whole, { slot, offer, call, caller: call.caller, purpose: batch.purpose });
}

const none: readonly string[] = [];

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

function hasTime(call: Call, clock: Clock): boolean {
  return call.deadlineMs > clock.monotonicMs();
}

let gatherings = 0;
function nextGathering(): number {
  gatherings = (gatherings + 1) % Number.MAX_SAFE_INTEGER;
  return gatherings;
}
