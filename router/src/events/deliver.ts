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
import { type Authority, createAuthority } from '../authorise.ts';
import { type Call, createCall } from '../call.ts';
import { presentItem, withinBudget } from '../present.ts';
import { fetchedItems } from '../rpc/record.ts';
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

/** Decides on events for a subscriber, and makes them ready. */
export async function deliver(
  deps: EventDeps & AnswerDeps,
  batch: readonly KeptEvent[],
  wants: Wants,
  to: DeliverTo,
): Promise<Delivery> {
  const allowed = decide(deps, batch, wants, to.caller);
  return await makeReady(deps, wants.latestOnly ? latestOnly(allowed) : allowed, wants, to);
}

/** Of events, those that a subscriber wants and may see. Throws PURPOSE_REQUIRED. */
export function decide(
  { holder, clock }: EventDeps,
  batch: readonly KeptEvent[],
  wants: Wants,
  caller: Caller,
): Allowed[] {
  const nowMs = clock.wallMs();
  const circumstances = { purpose: wants.purpose, nowMs };
  const authority = createAuthority(holder.current, caller, circumstances);
  const wanted = batch.filter(({ stored }) => wants.topics(stored.event?.topic ?? ''));
  return wanted.flatMap((kept) => allow(authority, kept, { caller, nowMs, wants }));
}

/** Makes events ready that were decided on: hides what is to be hidden, and fetches their items. */
export async function makeReady(
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

function allow(
  authority: Authority,
  kept: KeptEvent,
  { caller, nowMs, wants }: { caller: Caller; nowMs: number; wants: Wants },
): Allowed[] {
  const { event, publishTime } = kept.stored;
  if (!event) return [];
  const { topic, key, sensitivity, labels, owner } = event;
  const own = { tenant: caller.tenant, name: '' };
  const facts = { sensitivity, labels, owner };
  const verdict = authority.access('subscribe', topic).decide(own, key, facts);
  if (verdict.effect !== 'allow') return [];
  const { purposes, maxAgeMs } = verdict.obligations;
  const missing = purposes.find((allowed) => !allowed.includes(wants.purpose));
  if (missing) {
    const text = `the policy asks what events of ${topic} are for; state one of these purposes: ${missing.join(', ')}`;
    throw refuse(Reason.PURPOSE_REQUIRED, text);
  }
  const ageMs = publishTime ? nowMs - timestampMs(publishTime) : 0;
  return maxAgeMs !== undefined && ageMs > maxAgeMs ? [] : [{ event, kept, verdict, replaced: 0 }];
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
  return create(DeliveredEventSchema, {
    ...{ event, publisher, position, withheld, replaced, redacted: redactions.length > 0 },
    ...(publishTime && { publishTime }),
    consistencyToken: tokenOf(tokens, kept, epoch),
  });
}

function tokenOf(tokens: EventDeps['tokens'], kept: KeptEvent, epoch: string): string {
  if (kept.token?.epoch === epoch) return kept.token.text;
  const text = tokens.mint({ epoch, revision: 0n, position: kept.stored.position });
  kept.token = { epoch, text };
  return text;
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
