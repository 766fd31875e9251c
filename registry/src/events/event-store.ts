import { fromBinary } from '@bufbuild/protobuf';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { AppendEventsRequest, StoredEvent } from '@weir/sdk/gen/weir/events/v1/log_pb';
import { StoredEventSchema } from '@weir/sdk/gen/weir/events/v1/log_pb';
import { and, asc, eq, gt, lt, sql } from 'drizzle-orm';
import type { Database } from '../store/driver.ts';
import { eventLogs, events, installation } from '../store/schema.ts';
import { appendAll } from './append.ts';
import {
  forgetGroups,
  type GroupWritten,
  readGroup,
  type StoredGroup,
  writeGroup,
} from './groups.ts';
import { forgetInternal } from './internal.ts';
import { beyond, forgetPublications, prune } from './prune.ts';
import { createWatchDuties, type WatchDuties } from './watches.ts';

/** What of a log is kept, and whose installation it is of. */
export interface EventLogState {
  /** The position of the oldest event that is kept; the next one to come when there is none. */
  readonly first: bigint;
  /** The position of the last event; 0: there has been none. */
  readonly head: bigint;
  readonly epoch: string;
}

/** Events committed. */
export interface Appended {
  /** Of the last one. */
  readonly position: bigint;
  readonly ids: readonly string[];
  readonly epoch: string;
  /** What was written; 0: it had been committed before. */
  readonly bytes: number;
}

/** How much to read at once. */
export interface Part {
  readonly events: number;
  /** The last event may go beyond it. */
  readonly bytes: number;
}

/** How much of a log is kept. */
export interface Retention {
  readonly beforeMs: number;
  readonly maxBytes: number;
}

/** The logs of events: one for each tenant, in the order of positions without gaps. */
export interface EventStore {
  /**
   * Commits requests together: each whole or not at all, in their order. What was committed under the
   * same key of its publisher is told again. One that cannot be taken becomes an error, alone: no
   * events, text that cannot be kept, ALREADY_EXISTS for other events under a known key.
   */
  append(
    requests: readonly AppendEventsRequest[],
    nowMs: number,
  ): Promise<readonly (Appended | Error)[]>;
  state(tenant: string): Promise<EventLogState>;
  /** The next events after a position. Throws CURSOR_TOO_OLD when the next one is gone. */
  after(tenant: string, position: bigint, part: Part): Promise<readonly StoredEvent[]>;
  /** The tenants of whose logs something is beyond what is kept. */
  beyond(retention: Retention): Promise<readonly string[]>;
  /** Forgets the oldest beyond what is kept of a log, at most so many. Says how many. */
  prune(tenant: string, retention: Retention, limit: number): Promise<number>;
  /** Forgets what is old of the logs of routers, which have a retention of their own. */
  forgetInternal(nowMs: number, limit: number): Promise<void>;
  /** Forgets which requests were answered before a time, at most so many. Says how many. */
  forgetPublications(beforeMs: number, limit: number): Promise<number>;
  /** What routers keep of a group of workers. */
  readGroup(tenant: string, name: string): Promise<StoredGroup>;
  /**
   * Writes it over the version that was read; false: somebody else wrote since. Throws TOO_MANY when the
   * tenant has as many groups as it may.
   */
  writeGroup(tenant: string, name: string, write: GroupWritten): Promise<boolean>;
  /** Forgets groups that were not written since a time, at most so many. Says how many. */
  forgetGroups(beforeMs: number, limit: number): Promise<number>;
  /** Which routers watch which providers, and how far. */
  readonly watches: WatchDuties;
}

/** Opens the logs in a database. */
export function createEventStore(db: Database): EventStore {
  return {
    append: (requests, nowMs) => appendAll(db, requests, nowMs),
    state: (tenant) => readState(db, tenant),
    async after(tenant, position, part) {
      const rows = await readAfter(db, tenant, { ...part, after: position });
      // The state is read after the events: what is kept only begins later.
      if (rows[0]?.position !== position + 1n) requireKept(await readState(db, tenant), position);
      return rows.map(({ event }) => fromBinary(StoredEventSchema, event));
    },
    beyond: (retention) => beyond(db, retention),
    prune: (tenant, retention, limit) =>
      db.transaction((tx) => prune(tx, tenant, { ...retention, limit })),
    forgetInternal: (nowMs, limit) => forgetInternal(db, nowMs, limit),
    forgetPublications: (beforeMs, limit) => forgetPublications(db, beforeMs, limit),
    readGroup: (tenant, name) => readGroup(db, tenant, name),
    writeGroup: (tenant, name, write) => writeGroup(db, { tenant, name, ...write }),
    forgetGroups: (beforeMs, limit) => forgetGroups(db, beforeMs, limit),
    watches: createWatchDuties(db),
  };
}

async function readAfter(
  db: Database,
  tenant: string,
  { after, events: limit, bytes }: Part & { readonly after: bigint },
) {
  const { size } = events;
  const over = sql`order by ${events.position} rows unbounded preceding`;
  const next = db
    .select({
      position: events.position,
      event: events.event,
      before: sql<number>`sum(${size}) over (${over}) - ${size}`.as('before'),
    })
    .from(events)
    .where(and(eq(events.tenant, tenant), gt(events.position, after)))
    .orderBy(asc(events.position))
    .limit(limit)
    .as('next');
  return await db
    .select({ position: next.position, event: next.event })
    .from(next)
    .where(lt(next.before, bytes))
    .orderBy(asc(next.position));
}

async function readState(db: Database, tenant: string): Promise<EventLogState> {
  const [row] = await db
    .select({ epoch: installation.epoch, first: eventLogs.first, head: eventLogs.head })
    .from(installation)
    .leftJoin(eventLogs, eq(eventLogs.tenant, tenant))
    .where(eq(installation.id, 1));
  if (!row) throw new Error('the database has no installation row');
  return { first: row.first ?? 1n, head: row.head ?? 0n, epoch: row.epoch };
}

/** Throws unless the event after a position is kept, or is the next one to come. */
export function requireKept({ first, head }: EventLogState, position: bigint): void {
  if (position > head) {
    throw refuse(
      Reason.CURSOR_TOO_OLD,
      'the cursor is of events that the log does not have, as after a restore; begin anew without it',
    );
  }
  if (position + 1n >= first) return;
  throw refuse(
    Reason.CURSOR_TOO_OLD,
    'what came after the cursor is not kept any more; begin anew, with start: START_EARLIEST for all that is kept',
  );
}
