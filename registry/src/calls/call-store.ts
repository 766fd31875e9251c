import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { CacheStatus } from '@weir/sdk/gen/weir/context/v1/context_pb';
import { type ToolCall, ToolCallSchema } from '@weir/sdk/gen/weir/tools/v1/calls_pb';
import { and, desc, eq, gte, inArray, lt, or, sql } from 'drizzle-orm';
import type { Database } from '../store/driver.ts';
import { toolCalls } from '../store/schema.ts';
import type { Page, Paged } from '../store/store.ts';
import { pageOf, rowsFor } from '../store/tables/page.ts';

/** Which calls are wanted; empty: whichever. */
export interface CallFilter {
  readonly group: string;
  readonly tool: string;
  readonly principal: string;
  readonly onlyFailed: boolean;
  readonly sinceMs: number | undefined;
}

/** The calls of a tool, counted; times in milliseconds. */
export interface CallCounts {
  readonly tool: string;
  readonly calls: number;
  readonly failed: number;
  readonly refused: number;
  readonly kept: number;
  readonly principals: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly lastMs: number;
}

/** The calls of tools. */
export interface CallStore {
  /** Keeps calls; one that is kept already is not kept twice. */
  add(calls: readonly ToolCall[]): Promise<void>;
  /** Newest first. */
  list(tenant: string, filter: CallFilter, page: Page): Promise<Paged<ToolCall>>;
  /** By tool, most often called first, at most so many. */
  count(tenant: string, filter: CallFilter, limit: number): Promise<readonly CallCounts[]>;
  /** Forgets those of before a time, at most so many. Says how many. */
  forget(beforeMs: number, limit: number): Promise<number>;
}

/** Opens the calls in a database. */
export function createCallStore(db: Database): CallStore {
  return {
    async add(calls) {
      if (calls.length === 0) return;
      await db.insert(toolCalls).values(calls.map(rowOf)).onConflictDoNothing();
    },
    async list(tenant, filter, page) {
      const rows = await db
        .select()
        .from(toolCalls)
        .where(and(wanted(tenant, filter), beforeCall(page.after)))
        .orderBy(desc(toolCalls.time), desc(toolCalls.id))
        .limit(rowsFor(page));
      return pageOf(rows, page, {
        item: ({ call }) => fromBinary(ToolCallSchema, call),
        place: ({ time, id }) => [time.toISOString(), id],
      });
    },
    count: (tenant, filter, limit) => count(db, wanted(tenant, filter), limit),
    async forget(beforeMs, limit) {
      const old = db
        .select({ id: toolCalls.id })
        .from(toolCalls)
        .where(lt(toolCalls.time, new Date(beforeMs)))
        .limit(limit);
      const gone = await db
        .delete(toolCalls)
        .where(inArray(toolCalls.id, old))
        .returning({ id: toolCalls.id });
      return gone.length;
    },
  };
}

async function count(db: Database, where: ReturnType<typeof wanted>, limit: number) {
  const { durationMs, failed, code, cache, principal, time } = toolCalls;
  const calls = sql<number>`count(*)::int`;
  const within = (share: number) =>
    sql<number>`percentile_cont(${share}::float8) within group (order by ${durationMs})`;
  const rows = await db
    .select({
      tool: toolCalls.tool,
      calls,
      failed: sql<number>`(count(*) filter (where ${failed}))::int`,
      refused: sql<number>`(count(*) filter (where ${code} <> 0))::int`,
      kept: sql<number>`(count(*) filter (where ${cache} = ${CacheStatus.HIT_MEMORY}))::int`,
      principals: sql<number>`count(distinct ${principal})::int`,
      p50: within(0.5),
      p95: within(0.95),
      p99: within(0.99),
      lastMs: sql<number>`(extract(epoch from max(${time})) * 1000)::float8`,
    })
    .from(toolCalls)
    .where(where)
    .groupBy(toolCalls.tool)
    .orderBy(desc(calls), toolCalls.tool)
    .limit(limit);
  return rows.map((row) => ({ ...row, lastMs: Math.round(row.lastMs) }));
}

function wanted(tenant: string, filter: CallFilter) {
  const { group, tool, principal, onlyFailed, sinceMs } = filter;
  return and(
    eq(toolCalls.tenant, tenant),
    group ? eq(toolCalls.group, group) : undefined,
    tool ? eq(toolCalls.tool, tool) : undefined,
    principal ? eq(toolCalls.principal, principal) : undefined,
    onlyFailed ? or(eq(toolCalls.failed, true), sql`${toolCalls.code} <> 0`) : undefined,
    sinceMs === undefined ? undefined : gte(toolCalls.time, new Date(sinceMs)),
  );
}

function beforeCall(after: readonly string[] | undefined) {
  const [time, id] = after ?? [];
  if (time === undefined || id === undefined) return undefined;
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return undefined;
  return or(lt(toolCalls.time, date), and(eq(toolCalls.time, date), lt(toolCalls.id, id)));
}

function rowOf(call: ToolCall): typeof toolCalls.$inferInsert {
  const { requestId: id, tenant, group, tool, principal, code, cache, isError: failed } = call;
  const { seconds = 0n, nanos = 0 } = call.duration ?? {};
  return {
    ...{ id, tenant, group, tool, principal, code, cache, failed },
    time: new Date(call.time ? timestampMs(call.time) : 0),
    durationMs: Number(seconds) * 1000 + nanos / 1e6,
    call: toBinary(ToolCallSchema, call),
  };
}
