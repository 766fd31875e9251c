import type { Clock, ConsistencyTokens } from '@weir/kit';
import type { SnapshotHolder } from '../snapshot/holder.ts';
import type { Cursors } from './cursors.ts';
import type { EventLog } from './event-log.ts';
import type { EventCounts } from './event-metrics.ts';
import type { AckIds } from './groups/ack-ids.ts';
import type { Groups } from './groups/groups.ts';
import type { KnownTopics } from './known-topics.ts';
import type { RedactEvent } from './redact-event.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { Tails } from './tails.ts';

/** What publishing and subscribing need. */
export interface EventDeps {
  readonly eventLog: EventLog;
  readonly tails: Tails;
  readonly cursors: Cursors;
  readonly groups: Groups;
  readonly ackIds: AckIds;
  readonly holder: SnapshotHolder;
  readonly clock: Clock;
  readonly tokens: ConsistencyTokens;
  readonly eventCounts: EventCounts;
  readonly subscriptions: Subscriptions;
  readonly redactEvent: RedactEvent;
  readonly knownTopics: KnownTopics;
}
