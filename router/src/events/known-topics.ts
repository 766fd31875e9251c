import type { StoredEvent } from '@weir/sdk/gen/weir/events/v1/log_pb';
import type { EventLog } from './event-log.ts';
import type { Forgetting } from './forget.ts';

/** The most topics of a tenant that a router remembers; those go first on which nothing came for longest. */
export const SEEN_TOPICS_MAX = 1_000;
/** How many events before the first that this router saw are looked through for their topics. */
export const LOOKED_BACK_EVENTS = 1_000;

/** The topics of events that came by, for each tenant. */
export interface KnownTopics {
  /** An event came by. */
  saw(tenant: string, stored: StoredEvent): void;
  /**
   * The topics that this router has seen, and those of the last events before: in their order.
   * Throws EVENTS_UNAVAILABLE when those could not be read yet.
   */
  of(tenant: string, signal: AbortSignal): Promise<readonly string[]>;
}

/** Remembers topics. */
export function createKnownTopics(log: Pick<EventLog, 'state' | 'follow'>): KnownTopics {
  /** The one on which something came last stands last. */
  const seen = new Map<string, Set<string>>();
  const lookedBack = new Set<string>();
  const topicsOf = (tenant: string): Set<string> => {
    const topics = seen.get(tenant) ?? new Set();
    seen.set(tenant, topics);
    return topics;
  };
  const lookBack = async (tenant: string, signal: AbortSignal): Promise<void> => {
    const earlier = new Set<string>();
    for await (const { event } of lastEvents(log, tenant, signal)) {
      if (event) remember(earlier, event.topic);
    }
    const since = topicsOf(tenant);
    for (const topic of since) remember(earlier, topic);
    seen.set(tenant, earlier);
    lookedBack.add(tenant);
  };
  return {
    saw: (tenant, { event }) => event && remember(topicsOf(tenant), event.topic),
    async of(tenant, signal) {
      if (!lookedBack.has(tenant)) await lookBack(tenant, signal);
      return [...topicsOf(tenant)].sort();
    },
  };
}

/** What forgets, as logs are taken in, and has the topics remembered. */
export function noting({ saw }: KnownTopics, forgetting: Forgetting): Forgetting {
  return {
    begun: (place) => forgetting.begun(place),
    event(stored, place) {
      forgetting.event(stored, place);
      saw(place.tenant, stored);
    },
  };
}

function remember(topics: Set<string>, topic: string): void {
  topics.delete(topic);
  topics.add(topic);
  if (topics.size <= SEEN_TOPICS_MAX) return;
  for (const longest of topics) {
    topics.delete(longest);
    return;
  }
}

async function* lastEvents(
  log: Pick<EventLog, 'state' | 'follow'>,
  tenant: string,
  signal: AbortSignal,
): AsyncGenerator<StoredEvent> {
  const { first, head } = await log.state(tenant, signal);
  const wanted = head - BigInt(LOOKED_BACK_EVENTS);
  let position = wanted < first ? first - 1n : wanted;
  if (position >= head) return;
  for await (const { events } of log.follow(tenant, position, signal)) {
    yield* events;
    position = events.at(-1)?.position ?? position;
    if (position >= head) return;
  }
}
