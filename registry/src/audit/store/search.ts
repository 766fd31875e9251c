import { and, asc, desc, eq, gte, lte, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../store/driver.ts';
import { auditChunks } from '../../store/schema.ts';
import { probesOf } from '../term-filter.ts';

/** A chunk that may hold what is looked for. */
export interface Candidate {
  readonly chain: string;
  readonly first: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Which chunks: of one tenant, with a record between two times (whole ms, both included). */
export interface ChunkQuery {
  readonly tenant: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Words that one chunk must all hold. */
  readonly terms: readonly string[];
  /** Newest: by the time of their last record, backwards. Oldest: by that of their first one. */
  readonly order: 'newest' | 'oldest';
  /** How many are looked at, whether or not they may hold it. */
  readonly limit: number;
  /** Those alone that begin at this time or later. Left out: all. */
  readonly beginMs?: number;
}

/** Chunks that were looked at. */
export interface Looked {
  readonly hits: readonly Candidate[];
  /** The time that orders the last one looked at; undefined: there are no more after it. */
  readonly untilMs: number | undefined;
}

/** Looks at chunks in their order, and tells those that may hold what is looked for. */
export async function lookAt(db: Database, query: ChunkQuery): Promise<Looked> {
  const { chain, first, fromTime, toTime } = auditChunks;
  const rows = await db
    .select({ chain, first, fromTime, toTime, hit: mayHoldAll(query.terms) })
    .from(auditChunks)
    .where(within(query))
    .orderBy(...ordered(query.order))
    .limit(query.limit);
  const all = rows.map((row) => ({
    chain: row.chain,
    first: row.first,
    fromMs: row.fromTime.getTime(),
    toMs: row.toTime.getTime(),
    hit: row.hit,
  }));
  const last = all.length === query.limit ? all.at(-1) : undefined;
  const untilMs = query.order === 'newest' ? last?.toMs : last?.fromMs;
  return { hits: all.filter(({ hit }) => hit), untilMs };
}

/** Chunks that are looked at for one word, newest first. */
const NEWEST_LOOKED_AT = 20_000;

/** Of the newest chunks of a tenant that begin before a time those that may hold a word. */
export async function newestWith(
  db: Database,
  query: {
    readonly tenant: string;
    readonly term: string;
    readonly limit: number;
    readonly beforeMs: number;
  },
): Promise<Pick<Candidate, 'chain' | 'first'>[]> {
  const { tenant, chain, first, filter, fromTime, toTime } = auditChunks;
  const newest = db
    .select({ chain, first, filter, toTime })
    .from(auditChunks)
    .where(and(eq(tenant, query.tenant), lte(fromTime, new Date(query.beforeMs))))
    .orderBy(desc(toTime))
    .limit(NEWEST_LOOKED_AT)
    .as('newest');
  return await db
    .select({ chain: newest.chain, first: newest.first })
    .from(newest)
    .where(mayHoldAll([query.term], sql`${newest.filter}`))
    .orderBy(desc(newest.toTime))
    .limit(query.limit);
}

/** The bodies of a chunk, packed; undefined: it is gone. */
export async function readBodies(
  db: Database,
  tenant: string,
  { chain, first }: Pick<Candidate, 'chain' | 'first'>,
): Promise<Uint8Array | undefined> {
  const [row] = await db
    .select({ bodies: auditChunks.bodies })
    .from(auditChunks)
    .where(
      and(
        eq(auditChunks.tenant, tenant),
        eq(auditChunks.chain, chain),
        eq(auditChunks.first, first),
      ),
    );
  return row?.bodies;
}

function within({ tenant, fromMs, toMs, beginMs }: ChunkQuery): SQL | undefined {
  return and(
    eq(auditChunks.tenant, tenant),
    gte(auditChunks.toTime, new Date(fromMs)),
    lte(auditChunks.fromTime, new Date(toMs)),
    beginMs === undefined ? undefined : gte(auditChunks.fromTime, new Date(beginMs)),
  );
}

function ordered(order: ChunkQuery['order']): SQL[] {
  const { chain, first, fromTime, toTime } = auditChunks;
  return order === 'newest'
    ? [desc(toTime), desc(chain), desc(first)]
    : [asc(fromTime), asc(chain), asc(first)];
}

/** What term-filter.ts `mayHold` is, in the database: bits are counted alike. */
function mayHoldAll(
  terms: readonly string[],
  filter: SQL = sql`${auditChunks.filter}`,
): SQL<boolean> {
  const bits = terms
    .flatMap(probesOf)
    .map(
      (probe) =>
        sql`get_bit(${filter}, ${probe}::bigint & (octet_length(${filter})::bigint * 8 - 1)) = 1`,
    );
  return bits.length === 0 ? sql<boolean>`true` : sql<boolean>`(${sql.join(bits, sql` and `)})`;
}
