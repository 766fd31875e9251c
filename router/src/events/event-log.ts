import type { Transport } from '@connectrpc/connect';
import { createClient } from '@connectrpc/connect';
import type { Event } from '@weir/sdk/gen/weir/events/v1/events_pb';
import { EventLogService, type StoredEvent } from '@weir/sdk/gen/weir/events/v1/log_pb';

/** Where events are kept: one log for each tenant, in the order of positions without gaps. */
export interface EventLog {
  /** Commits events; what was committed under the same idempotency key is told again. */
  append(appending: Appending, signal: AbortSignal): Promise<Appended>;
  /** What is kept of a log. */
  state(tenant: string, signal: AbortSignal): Promise<LogState>;
  /** What is in a log after a position, then what comes. Throws CURSOR_TOO_OLD when the next one is gone. */
  follow(tenant: string, after: bigint, signal: AbortSignal): AsyncIterable<Followed>;
}

/** Events to commit. */
export interface Appending {
  readonly tenant: string;
  /** The principal. */
  readonly publisher: string;
  /** Checked and complete, with names and times. */
  readonly events: Event[];
  /** Empty: none. */
  readonly idempotencyKey: string;
  /** Tells the request from another one under the same key. */
  readonly fingerprint: Uint8Array<ArrayBuffer>;
}

/** Events committed. */
export interface Appended {
  /** Of the last one. */
  readonly position: bigint;
  readonly ids: readonly string[];
  readonly epoch: string;
}

/** What is kept of a log. */
export interface LogState {
  /** The position of the oldest event that is kept; the next one to come when there is none. */
  readonly first: bigint;
  /** The position of the last event; 0: there has been none. */
  readonly head: bigint;
  /** The installation whose log it is. */
  readonly epoch: string;
}

/** The next events of a log, or none. */
export interface Followed {
  readonly events: readonly StoredEvent[];
  readonly head: bigint;
  readonly epoch: string;
}

/** Ways to the registry: streams that last have a connection of their own. */
export interface RegistryWays {
  readonly appending: Transport;
  readonly following: Transport;
}

/** The logs in the registry's database. */
export function createRegistryLog({ appending, following }: RegistryWays): EventLog {
  const client = createClient(EventLogService, appending);
  const { followEvents } = createClient(EventLogService, following);
  return {
    append: (appending, signal) => client.appendEvents({ ...appending }, { signal }),
    state: (tenant, signal) => client.getEventLog({ tenant }, { signal }),
    follow: (tenant, after, signal) => followEvents({ tenant, after }, { signal }),
  };
}
