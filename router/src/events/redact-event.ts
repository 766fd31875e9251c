import { create, toBinary } from '@bufbuild/protobuf';
import { WeirError } from '@weir/kit';
import type { Obligations } from '@weir/policy';
import { ItemSchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { type Event, EventSchema } from '@weir/sdk/gen/weir/events/v1/events_pb';
import type { Stopped } from '../call.ts';
import { type CacheEntry, encodeField, itemOf } from '../gather/entry.ts';
import { unjudged } from '../quality/judged.ts';
import type { Redactions } from '../redactions.ts';

/** An event as it may be shown. */
export interface ShownEvent {
  readonly event: Event;
  /** What was hidden, as records tell it. */
  readonly redactions: readonly string[];
  /** Data, labels and owner are left out: what is to be hidden in them could not be. */
  readonly withheld: boolean;
}

/** Hides of events what obligations ask for. */
export type RedactEvent = (
  event: Event,
  obligations: Obligations,
  to: { readonly tenant: string; readonly stopped: () => Promise<Stopped> },
) => Promise<ShownEvent>;

const untagged = { schema: undefined };
const nothingDone: readonly string[] = [];

/** Makes what hides parts of events; what was made of one is kept for the other subscribers. */
export function createEventRedaction(redactions: Redactions): RedactEvent {
  /** What is redacted is known by its bytes, so that of one event there may be one entry only. */
  const entries = new WeakMap<Event, CacheEntry>();
  const entryOf = (event: Event): CacheEntry => {
    const entry = entries.get(event) ?? asEntry(event);
    entries.set(event, entry);
    return entry;
  };
  return async (event, obligations, { tenant, stopped }) => {
    const entry = entryOf(event);
    const how = { obligations, offer: untagged, tenant };
    const made = await redactions.of(entry, how, stopped);
    if (typeof made !== 'object' || made instanceof WeirError) return withheld(event);
    if (made.entry === entry) return { event, redactions: nothingDone, withheld: false };
    const { body, labels, owner } = itemOf(made.entry);
    const data = body.case === 'payload' ? body.value : new Uint8Array();
    const shown = create(EventSchema, { ...event, data, labels, owner });
    return { event: shown, redactions: made.redactions, withheld: false };
  };
}

function withheld(event: Event): ShownEvent {
  const shown = create(EventSchema, { ...event, data: new Uint8Array(), labels: {}, owner: '' });
  return { event: shown, redactions: nothingDone, withheld: true };
}

/** What redactions work on: the data of an event as the value of an item. */
function asEntry({ data, contentType, labels, owner, sensitivity }: Event): CacheEntry {
  const body = { case: 'payload', value: data } as const;
  const item = create(ItemSchema, { body, contentType, labels, owner, sensitivity });
  return {
    ...encodeField(toBinary(ItemSchema, item)),
    ...{ negative: false, large: false, etag: '', judged: unjudged },
    facts: { sensitivity, labels, owner },
    ...{ confirmedAtMs: 0, ttlMs: 0, staleMs: 0 },
  };
}
