import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Caller, refuse } from '@weir/kit';
import type { Verdict } from '@weir/policy';
import {
  CacheStatus,
  type ContextRef,
  type ItemResult,
} from '@weir/sdk/gen/weir/context/v1/context_pb';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type DeliveredEvent,
  DeliveredEventSchema,
  type Event,
} from '@weir/sdk/gen/weir/events/v1/events_pb';
import { type AnswerDeps, answer } from '../answer.ts';
import type { RecordedItem } from '../audit/recorded.ts';
import { type Authority, type Circumstances, createAuthority } from '../authorise.ts';
import { type Call, createCall } from '../call.ts';
import { presentItem, withinBudget } from '../present.ts';
import { fetchedItems } from '../rpc/record.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { EventDeps } from './events.ts';
import type { ShownEvent } from './redact-event.ts';
import type { KeptEvent, Tail } from './tails.ts';
import type { TopicFilter } from './topics.ts';

/** How long the items of events are waited for; a late one is refused in its place. */
const FETCH_MS = 5_000;
/** How long is waited for what is to be hidden of events. */
const REDACT_MS = 5_000;
/** The most refs of events that are fetched together; others are left to be fetched. */
export const FETCH_REFS_MAX = 256;

/** What a subscriber wants. */
export interface Wants {
  readonly topics: TopicFilter;
  readonly fetch: boolean;
  readonly latestOnly: boolean;
  readonly purpose: string;
}

/** What a subscriber gets, and what is recorded of it. */
export interface Delivery {
  readonly events: readonly DeliveredEvent[];
  readonly items: readonly RecordedItem[];
}

/** An event that its subscriber may see. */
export interface Allowed {
  readonly event: Event;
  readonly kept: KeptEvent;
  readonly verdict: Verdict;
  replaced: number;
}

/** To whom events are delivered. */
export interface DeliverTo {
  readonly caller: Caller;
  readonly tail: Tail;
  readonly signal: AbortSignal;
}

/** Decides on events for a subscriber, and makes them ready: at once, where nothing has to be waited for. */
export function deliver(
  deps: EventDeps & AnswerDeps,
  batch: readonly KeptEvent[],
  wants: Wants,
  to: DeliverTo,
): Delivery | Promise<Delivery> {
  const allowed = decide(deps, batch, wants, to.caller);
  return makeReady(deps, wants.latestOnly ? latestOnly(allowed) : allowed, wants, to);
}

/** Of events, those that a subscriber wants and may see. Throws PURPOSE_REQUIRED. */
export function decide(
  { holder, clock }: EventDeps,
  batch: readonly KeptEvent[],
  wants: Wants,
  caller: Caller,
): Allowed[] {
  const allowed: Allowed[] = [];
  if (batch.length === 0) return allowed;
  const nowMs = clock.wallMs();
  const authority = authorityOf(holder.current, caller, { purpose: wants.purpose, nowMs });
  for (const kept of batch) {
    const { event } = kept.stored;
    if (!event || !wants.topics(event.topic)) continue;
    const verdict = verdictOf(authority, kept, event);
    if (verdict.effect !== 'allow' || !isInForce(verdict, kept, { nowMs, wants })) continue;
    allowed.push({ event, kept, verdict, replaced: 0 });
  }
  return allowed;
}

/** Makes events ready that were decided on: hides what is to be hidden, and fetches their items. */
export function makeReady(
  deps: EventDeps & AnswerDeps,
  allowed: readonly Allowed[],
  wants: Pick<Wants, 'fetch' | 'purpose'>,
  to: DeliverTo,
): Delivery | Promise<Delivery> {
  const waits = wants.fetch || allowed.some(({ verdict }) => verdict.obligations.changesValues);
  if (waits) return makeReadyLater(deps, allowed, wants, to);
  return {
    events: allowed.map((one) => presentPlain(deps, one, to.tail)),
    items: allowed.map(recordedPlain),
  };
}

async function makeReadyLater(
  deps: EventDeps & AnswerDeps,
  allowed: readonly Allowed[],
  wants: Pick<Wants, 'fetch' | 'purpose'>,
  to: DeliverTo,
): Promise<Delivery> {
  using call = createCall(to, {
    clock: deps.clock,
    timeoutMs: REDACT_MS,
    itemTimeoutMs: undefined,
  });
  const shown = await Promise.all(allowed.map((one) => show(deps, one, call)));
  const items = allowed.map((one, index) => deliveredItem(one, shown[index] as ShownEvent));
  const events = allowed.map((one, index) =>
    present(deps, one, shown[index] as ShownEvent, to.tail),
  );
  if (!wants.fetch || allowed.length === 0) return { events, items };
  const fetched = await fetchRefs(deps, allowed, wants.purpose, to);
  for (const [index, results] of fetched.results.entries()) {
    (events[index] as DeliveredEvent).items = results;
  }
  return { events, items: [...items, ...fetched.items] };
}

/** The authorities of this millisecond: its subscribers come one right after the other, and many are one caller's. */
let authorities = new Map<Caller, { readonly purpose: string; readonly authority: Authority }>();
let authoritiesOf: { readonly snapshot: Snapshot; readonly nowMs: number } | undefined;

function authorityOf(snapshot: Snapshot, caller: Caller, of: Circumstances): Authority {
  if (authoritiesOf?.snapshot !== snapshot || authoritiesOf.nowMs !== of.nowMs) {
    authorities = new Map();
    authoritiesOf = { snapshot, nowMs: of.nowMs };
  }
  const known = authorities.get(caller);
  if (known?.purpose === of.purpose) return known.authority;
  const authority = createAuthority(snapshot, caller, of);
  authorities.set(caller, { purpose: of.purpose, authority });
  return authority;
}

/** One authority decides alike: it is one caller, purpose, snapshot and time. */
function verdictOf(authority: Authority, { made }: KeptEvent, event: Event): Verdict {
  if (made.decided?.by === authority) return made.decided.verdict;
  const { topic, key, sensitivity, labels, owner } = event;
  const own = { tenant: authority.caller.tenant, name: '' };
  const facts = { sensitivity, labels, owner };
  const verdict = authority.access('subscribe', topic).decide(own, key, facts);
  made.decided = { by: authority, verdict };
  return verdict;
}

/** Whether what is allowed is, for this purpose and at this age. Throws PURPOSE_REQUIRED. */
function isInForce(
  { obligations: { purposes, maxAgeMs } }: Verdict,
  { stored: { event, publishTime } }: KeptEvent,
  { nowMs, wants }: { readonly nowMs: number; readonly wants: Wants },
): boolean {
  const missing = purposes.find((allowed) => !allowed.includes(wants.purpose));
  if (missing) {
    const text = `the policy asks what events of ${event?.topic} are for; state one of these purposes: ${missing.join(', ')}`;
    throw refuse(Reason.PURPOSE_REQUIRED, text);
  }
  const ageMs = publishTime ? nowMs - timestampMs(publishTime) : 0;
  return maxAgeMs === undefined || ageMs <= maxAgeMs;
}

/** Of each topic and key the last one, in its place. */
function latestOnly(allowed: readonly Allowed[]): Allowed[] {
  const last = new Map<string, Allowed>();
  const kept = new Set<Allowed>();
  for (const one of allowed) {
    const { topic, key } = one.event;
    const name = `${topic}\0${key}`;
    const before = key === '' ? undefined : last.get(name);
    if (before) {
      one.replaced = before.replaced + 1;
      kept.delete(before);
    }
    last.set(name, one);
    kept.add(one);
  }
  return [...kept];
}

/** The event as its subscriber may see it. */
async function show(
  { redactEvent }: EventDeps,
  { event, verdict: { obligations } }: Allowed,
  call: Call,
): Promise<ShownEvent> {
  if (!obligations.changesValues) return { event, redactions: [], withheld: false };
  const { tenant } = call.caller;
  return await redactEvent(event, obligations, { tenant, stopped: () => call.stopped() });
}

function present(
  { tokens }: EventDeps,
  { kept, replaced }: Allowed,
  { event, withheld, redactions }: ShownEvent,
  { epoch }: Tail,
): DeliveredEvent {
  const { position, publishTime, publisher } = kept.stored;
  const { made } = kept;
  const consistencyToken =
    made.plain?.epoch === epoch
      ? made.plain.event.consistencyToken
      : tokens.mint({ epoch, revision: 0n, position });
  return create(DeliveredEventSchema, {
    ...{ event, publisher, position, withheld, replaced, redacted: redactions.length > 0 },
    ...(publishTime && { publishTime }),
    consistencyToken,
  });
}

/** The event for one from whom nothing is hidden: the same object for all of them, never to be changed. */
function presentPlain(deps: EventDeps, one: Allowed, tail: Tail): DeliveredEvent {
  const { made } = one.kept;
  if (made.plain?.epoch !== tail.epoch) {
    const shown = { event: one.event, redactions: [], withheld: false };
    const event = present(deps, { ...one, replaced: 0 }, shown, tail);
    made.plain = { epoch: tail.epoch, event };
  }
  const { event } = made.plain;
  return one.replaced === 0 ? event : { ...event, replaced: one.replaced };
}

function recordedPlain(one: Allowed): RecordedItem {
  const { made } = one.kept;
  if (made.recorded?.verdict !== one.verdict) {
    const shown = { event: one.event, redactions: [], withheld: false };
    made.recorded = { verdict: one.verdict, item: deliveredItem(one, shown) };
  }
  return made.recorded.item;
}

function deliveredItem(
  { event, verdict }: Allowed,
  { redactions, event: { data } }: ShownEvent,
): RecordedItem {
  const { topic, key, sensitivity, labels, owner } = event;
  return {
    kind: {
      ...{ action: 'subscribe', type: topic, effect: 'allow', rules: verdict.rules },
      ...{ redactions, facts: { sensitivity, labels, owner }, code: 0 },
      ...{ reason: Reason.UNSPECIFIED, cache: CacheStatus.UNSPECIFIED, known: true },
    },
    key,
    bytes: data.length,
  };
}

/** Fetches the items of events for their subscriber, in one batch; each ref once. */
async function fetchRefs(
  deps: AnswerDeps,
  events: readonly Allowed[],
  purpose: string,
  { caller, signal }: { readonly caller: Caller; readonly signal: AbortSignal },
): Promise<{ readonly results: ItemResult[][]; readonly items: readonly RecordedItem[] }> {
  const places = new Map<string, number>();
  const refs: ContextRef[] = [];
  for (const { event } of events) {
    for (const ref of event.refs) {
      const name = nameOf(ref);
      if (places.has(name) || refs.length === FETCH_REFS_MAX) continue;
      places.set(name, refs.push(ref) - 1);
    }
  }
  if (refs.length === 0) return { results: events.map(() => []), items: [] };
  const asked = {
    ...{ refs, refCount: refs.length, itemTimeout: undefined, minQuality: 0 },
    ...{ maxAge: undefined, consistencyToken: '', purpose },
  };
  const { slots, outcomes } = await answer(deps, asked, { caller, signal, timeoutMs: FETCH_MS });
  const eventBytes = events.reduce((sum, { kept }) => sum + kept.bytes, 0);
  const sent = withinBudget(outcomes, eventBytes);
  const results = events.map(({ event }) =>
    event.refs.flatMap((ref, index) => {
      const place = places.get(nameOf(ref));
      const outcome = place === undefined ? undefined : sent[place];
      return outcome ? [presentItem(outcome, index)] : [];
    }),
  );
  return { results, items: fetchedItems(caller.tenant, slots, outcomes, sent) };
}

function nameOf({ type, versionRange, key, provider }: ContextRef): string {
  return JSON.stringify([type, versionRange, key, provider]);
}
