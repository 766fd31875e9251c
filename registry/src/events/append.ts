import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { AppendEventsRequest } from '@weir/sdk/gen/weir/events/v1/log_pb';
import { StoredEventSchema } from '@weir/sdk/gen/weir/events/v1/log_pb';
import { asc, eq, inArray, sql } from 'drizzle-orm';
import type { Database } from '../store/driver.ts';
import { eventLogs, eventPublications, events, installation } from '../store/schema.ts';
import type { Appended } from './event-store.ts';

/** On which channel registries tell each other of which tenants events were committed. */
export const EVENTS_CHANNEL = 'weir_events';

/** Of one statement: a statement has 65,535 parameters at most, and a row takes five. */
const ROWS_MAX = 1_000;

/** A log whose row this transaction holds. */
interface HeldLog {
  readonly tenant: string;
  readonly epoch: string;
  readonly first: bigint;
  head: bigint;
  size: number;
}

type Publication = typeof eventPublications.$inferInsert;

/** What a transaction knows, and what it will write. */
interface Appending {
  readonly nowMs: number;
  readonly logs: ReadonlyMap<string, HeldLog>;
  readonly known: Map<string, Publication>;
  readonly events: (typeof events.$inferInsert)[];
  readonly publications: Publication[];
}

/** Commits requests in one transaction; the number of statements hardly depends on theirs. */
export async function appendAll(
  db: Database,
  requests: readonly AppendEventsRequest[],
  nowMs: number,
): Promise<readonly (Appended | Error)[]> {
  const faults = requests.map(faultOf);
  const sound = requests.filter((_, index) => !faults[index]);
  const done = sound.length === 0 ? [] : await commit(db, sound, nowMs);
  const results = done.values();
  return faults.map((fault) => fault ?? results.next().value ?? new Error('it was not answered'));
}

/** What the database would refuse, and with it what others append. */
function faultOf(request: AppendEventsRequest): Error | undefined {
  const { tenant, publisher, idempotencyKey, events } = request;
  if (events.length === 0) return refuse(Reason.BATCH_EMPTY, 'events is empty; give 1 or more');
  const texts = [tenant, publisher, idempotencyKey, ...events.map(({ id }) => id)];
  if (!texts.some((text) => text.includes('\0'))) return undefined;
  return refuse(Reason.MALFORMED_REQUEST, 'a name or key holds the character U+0000; leave it out');
}

async function commit(db: Database, requests: readonly AppendEventsRequest[], nowMs: number) {
  const tenants = [...new Set(requests.map(({ tenant }) => tenant))].sort();
  const attempt = () => db.transaction((tx) => appendIn(tx, { requests, tenants, nowMs }));
  const done = await attempt();
  if (done) return done;
  // In a transaction of its own: rows that are opened while others are held could lock each other out.
  const logs = tenants.map((tenant) => ({ tenant, head: 0n, first: 1n, size: 0 }));
  await db.insert(eventLogs).values(logs).onConflictDoNothing();
  const again = await attempt();
  if (!again) throw new Error('a log that was just opened is not there');
  return again;
}

interface Requested {
  readonly requests: readonly AppendEventsRequest[];
  readonly tenants: readonly string[];
  readonly nowMs: number;
}

/** Undefined: a log has no row yet. */
async function appendIn(db: Database, { requests, tenants, nowMs }: Requested) {
  const held = await holdLogs(db, tenants);
  if (held.length < tenants.length) return undefined;
  const appending: Appending = {
    nowMs,
    logs: new Map(held.map((log) => [log.tenant, log])),
    known: await knownPublications(db, requests),
    events: [],
    publications: [],
  };
  const results = requests.map((request) => take(appending, request));
  await write(db, appending);
  return results;
}

/**
 * Whoever appends to a log waits until those before have committed, so that positions commit in
 * order. All take the rows in one order.
 */
export async function holdLogs(db: Database, tenants: readonly string[]): Promise<HeldLog[]> {
  const { tenant, head, first, size } = eventLogs;
  return await db
    .select({ tenant, head, first, size, epoch: installation.epoch })
    .from(eventLogs)
    .innerJoin(installation, eq(installation.id, 1))
    .where(inArray(tenant, [...tenants]))
    .orderBy(asc(tenant))
    .for('update', { of: eventLogs });
}

/** Read once the logs are held: nobody else publishes under these keys until this is committed. */
async function knownPublications(db: Database, requests: readonly AppendEventsRequest[]) {
  const keyed = requests.filter(({ idempotencyKey }) => idempotencyKey !== '');
  if (keyed.length === 0) return new Map<string, Publication>();
  const { tenant, publisher, key } = eventPublications;
  // A join with them as rows looks each up in the index; a condition for each takes much longer.
  const named = sql`select * from unnest(
    ${sql.param(keyed.map((one) => one.tenant))}::text[],
    ${sql.param(keyed.map((one) => one.publisher))}::text[],
    ${sql.param(keyed.map((one) => one.idempotencyKey))}::text[])`;
  const rows: Publication[] = await db
    .select()
    .from(eventPublications)
    .where(sql`(${tenant}, ${publisher}, ${key}) in (${named})`);
  return new Map(rows.map((row) => [nameOf(row.tenant, row.publisher, row.key), row]));
}

function nameOf(...names: readonly string[]): string {
  return JSON.stringify(names);
}

function take(appending: Appending, request: AppendEventsRequest): Appended | Error {
  const { tenant, publisher, idempotencyKey: key, fingerprint } = request;
  const log = appending.logs.get(tenant);
  if (!log) return new Error('the log is not held');
  const name = nameOf(tenant, publisher, key);
  const before = key === '' ? undefined : appending.known.get(name);
  if (before) return toldAgain(before, request, log);
  const bytes = addEvents(appending, log, request);
  const ids = request.events.map(({ id }) => id);
  const position = log.head;
  if (key !== '') {
    const createTime = new Date(appending.nowMs);
    const made = { tenant, publisher, key, fingerprint, position, ids, createTime };
    appending.publications.push(made);
    appending.known.set(name, made);
  }
  return { position, ids, epoch: log.epoch, bytes };
}

function toldAgain(
  { fingerprint, position, ids }: Publication,
  request: AppendEventsRequest,
  { epoch }: HeldLog,
): Appended | Error {
  if (Buffer.compare(fingerprint, request.fingerprint) === 0) {
    return { position, ids, epoch, bytes: 0 };
  }
  return refuse(
    Reason.ALREADY_EXISTS,
    'idempotency_key was used for other events within the last day; give another one',
  );
}

/** Gives events their positions. Returns what they take. */
function addEvents(appending: Appending, log: HeldLog, request: AppendEventsRequest): number {
  const { tenant, publisher } = request;
  const publishTime = timestampFromMs(appending.nowMs);
  const createTime = new Date(appending.nowMs);
  const before = log.size;
  for (const event of request.events) {
    log.head += 1n;
    const position = log.head;
    const stored = create(StoredEventSchema, { position, publishTime, publisher, event });
    const encoded = toBinary(StoredEventSchema, stored);
    log.size += encoded.length;
    const size = encoded.length;
    appending.events.push({ tenant, position, event: encoded, size, createTime });
  }
  return log.size - before;
}

async function write(db: Database, appending: Appending): Promise<void> {
  if (appending.events.length === 0) return;
  for (let at = 0; at < appending.events.length; at += ROWS_MAX) {
    await db.insert(events).values(appending.events.slice(at, at + ROWS_MAX));
  }
  const { publications } = appending;
  if (publications.length > 0) await db.insert(eventPublications).values(publications);
  const logs = [...appending.logs.values()];
  // The rows are there; this is one statement for all of them, which also tells other registries.
  await db
    .insert(eventLogs)
    .values(logs.map(({ tenant, head, first, size }) => ({ tenant, head, first, size })))
    .onConflictDoUpdate({
      target: eventLogs.tenant,
      set: { head: sql`excluded.head`, size: sql`excluded.size` },
    })
    .returning({ told: sql`pg_notify(${EVENTS_CHANNEL}, ${eventLogs.tenant})` });
}
