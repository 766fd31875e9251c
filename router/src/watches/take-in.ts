import type { Journal } from '@weir/journal';
import { type Caller, type Clock, type Logger, reasonName, reasonOf } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Event } from '@weir/sdk/gen/weir/events/v1/events_pb';
import { ProviderService } from '@weir/sdk/gen/weir/provider/v1/provider_pb';
import type { RecordedItem } from '../audit/recorded.ts';
import type { Recorder } from '../audit/recorder.ts';
import { createAuthority } from '../authorise.ts';
import { decidePublish, type PublishDecision } from '../events/decide-publish.ts';
import type { EventLog } from '../events/event-log.ts';
import type { EventCounts } from '../events/event-metrics.ts';
import { parseEvent } from '../events/parse-events.ts';
import type { ProviderVersion } from '../snapshot/catalogue.ts';
import type { SnapshotHolder } from '../snapshot/holder.ts';
import { subjectOf } from '../subject.ts';
import type { Part } from './parts.ts';
import type { Refusals } from './refusals.ts';
import type { WatchCounts } from './watch-metrics.ts';

/** What taking in needs. */
export interface TakeInDeps {
  readonly eventLog: Pick<EventLog, 'appendInOrder'>;
  readonly holder: SnapshotHolder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly recorder: Pick<Recorder, 'record'>;
  readonly journal: Pick<Journal, 'refusal'>;
  readonly decided: (items: readonly RecordedItem[]) => void;
  readonly eventCounts: EventCounts;
  readonly counts: WatchCounts;
}

/** Who told it, and on whose behalf. */
export interface Teller {
  readonly provider: ProviderVersion;
  readonly caller: Caller;
  /** Names what this router heard of one call. */
  readonly requestId: string;
  /** Numbers what is recorded of it, from 0. */
  readonly nextPart: () => number;
  /** Says what is refused, once. */
  readonly refusals: Refusals;
}

/** Parts whose events are as events have to be. */
type Sound = readonly { readonly part: Part; readonly events: readonly Event[] }[];

const METHOD = `${ProviderService.typeName}/${ProviderService.method.watch.name}`;

/**
 * Takes in what a provider told: decides on each event as of a publish, commits those that may be, and
 * records it. One that is faulty or forbidden is left out. What it returns may be done again when it
 * fails, and commits nothing twice; it says how many events were taken.
 */
export function takingIn(deps: TakeInDeps, teller: Teller, parts: readonly Part[]) {
  const sound = parts.map((part) => ({ part, events: soundOf(deps, teller, part) }));
  return async (signal: AbortSignal): Promise<number> => {
    const { clock, eventLog, journal } = deps;
    const refusal = journal.refusal();
    if (refusal) throw refusal;
    const start = { startWallMs: clock.wallMs(), startMonotonicMs: clock.monotonicMs() };
    const { appendings, items } = decide(deps, teller, sound);
    if (appendings.length > 0) await eventLog.appendInOrder(appendings, signal);
    await record(deps, teller, { ...start, items });
    return count(deps, teller, { told: parts, appendings });
  };
}

function soundOf({ clock }: TakeInDeps, { refusals }: Teller, { events, from }: Part) {
  const nowMs = clock.wallMs();
  return events.flatMap((event, index) => {
    try {
      return [parseEvent(`events[${from + index}]`, event, nowMs)];
    } catch (error) {
      const reason = reasonName(reasonOf(error) ?? Reason.UNSPECIFIED);
      const text = error instanceof Error ? error.message : String(error);
      refusals.tell(event.topic, { reason, text });
      return [];
    }
  });
}

function decide({ holder, clock }: TakeInDeps, teller: Teller, sound: Sound) {
  const { caller, provider } = teller;
  const { tenant, principal: publisher } = caller;
  const circumstances = { purpose: '', nowMs: clock.wallMs() };
  const authority = createAuthority(holder.current, caller, circumstances);
  const items: RecordedItem[] = [];
  const own = { tenant: '', name: provider.name, version: provider.version };
  const mayBe = (event: Event): boolean => {
    const decision = decidePublish(authority, tenant, event);
    items.push({ ...decision.item, kind: { ...decision.item.kind, provider: own } });
    if (!decision.mayBe) tellDenied(teller, event, decision);
    return decision.mayBe;
  };
  const appendings = sound.flatMap(({ part, events: all }) => {
    const events = all.filter(mayBe);
    const idempotencyKey = `watch/${provider.name}/${part.name}`;
    const { fingerprint } = part;
    return events.length > 0 ? [{ tenant, publisher, events, idempotencyKey, fingerprint }] : [];
  });
  return { appendings, items };
}

function tellDenied({ refusals, caller }: Teller, { topic }: Event, { item }: PublishDecision) {
  const text = `the tenant's policy does not let ${caller.principal} publish ${topic}`;
  refusals.tell(topic, { reason: reasonName(item.kind.reason), text });
}

interface Taken {
  readonly startWallMs: number;
  readonly startMonotonicMs: number;
  readonly items: readonly RecordedItem[];
}

async function record(
  { holder, recorder, decided }: TakeInDeps,
  { caller, provider, requestId, nextPart }: Teller,
  taken: Taken,
): Promise<void> {
  const { current } = holder;
  decided(taken.items);
  await recorder.record({
    ...{ requestId, caller, method: METHOD, purpose: '', target: provider.name, ...taken },
    ...{ subject: subjectOf(current, caller), revision: current.revision },
    ...{ code: 0, reason: Reason.UNSPECIFIED, part: nextPart() },
  });
}

function count(
  { eventCounts, counts }: TakeInDeps,
  { provider }: Teller,
  { told, appendings }: { told: readonly Part[]; appendings: readonly { events: Event[] }[] },
): number {
  const sumOf = (all: readonly { readonly events: readonly Event[] }[]) =>
    all.reduce((sum, { events }) => sum + events.length, 0);
  const taken = sumOf(appendings);
  eventCounts.count('published', taken);
  counts.told(provider, 'taken', taken);
  counts.told(provider, 'refused', sumOf(told) - taken);
  return taken;
}
