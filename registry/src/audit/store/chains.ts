import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { hashEntry } from '@weir/journal';
import { type Chain, ChainSchema } from '@weir/sdk/gen/weir/audit/v1/journal_pb';
import { and, desc, eq, lte } from 'drizzle-orm';
import type { Database } from '../../store/driver.ts';
import { auditChains, auditFaults, auditHeaders } from '../../store/schema.ts';
import { dateOf } from '../../store/tables/time.ts';
import { unpackHeaders } from '../chunk.ts';
import type { Sealed } from '../seals.ts';

/** A chain as it is held. */
export type ChainRow = typeof auditChains.$inferSelect;

/** The kind of the seals of chains. */
export const CHAIN_SEAL = 'chain';

/** The chain of a row, as its router told it. */
export function chainOf(row: ChainRow): Chain {
  return create(ChainSchema, {
    id: row.id,
    writer: row.writer,
    publicKey: new Uint8Array(row.publicKey),
    createTime: timestampFromDate(row.createTime),
    previousId: row.previousId,
    previousHead: new Uint8Array(row.previousHead),
    previousLength: BigInt(row.previousLength),
  });
}

/** What is sealed of a chain: all that its router told of it. */
export function sealedChain(chain: Chain): Sealed {
  const { id, writer, publicKey, previousId, previousHead, previousLength } = chain;
  const createMs = dateOf(chain.createTime).getTime();
  return [id, writer, publicKey, createMs, previousId, previousHead, Number(previousLength)];
}

/** Reads a chain; with `lock`, nobody else adds to it until the transaction ends. */
export async function readChain(
  db: Database,
  id: string,
  lock: 'lock' | 'look',
): Promise<ChainRow | undefined> {
  const query = db.select().from(auditChains).where(eq(auditChains.id, id));
  const [row] = await (lock === 'lock' ? query.for('update') : query);
  return row;
}

/** The hash of an entry that is held; undefined: it is not, or somebody altered what is. */
export async function hashAt(
  db: Database,
  chain: string,
  position: number,
): Promise<Uint8Array | undefined> {
  const [row] = await db
    .select()
    .from(auditHeaders)
    .where(and(eq(auditHeaders.chain, chain), lte(auditHeaders.first, position)))
    .orderBy(desc(auditHeaders.first))
    .limit(1);
  if (!row || row.last < position) return undefined;
  return hashesOf(row)[position - row.first];
}

/** The hashes of the entries of a row of headers. */
export function hashesOf(row: Pick<typeof auditHeaders.$inferSelect, 'before' | 'headers'>) {
  const hashes: Uint8Array[] = [];
  let hash: Uint8Array = row.before;
  for (const { header } of unpackHeaders(row.headers)) {
    hash = hashEntry(hash, header);
    hashes.push(hash);
  }
  return hashes;
}

/** Something of a chain that contradicts what is held. */
export interface Contradiction {
  readonly chain: string;
  readonly position: number;
  /** In a sentence; nothing of it comes from a record. */
  readonly text: string;
}

/** What became of something that a router sent. */
export type Taken =
  | {
      readonly kind: 'taken';
      /** How many entries of the chain are held, with those that are lost. */
      readonly shipped: number;
      /** What was found to be lost. */
      readonly lost?: Lost | undefined;
    }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'contradicts'; readonly fault: Contradiction };

/** Entries that neither the registry nor their router has any more. */
export interface Lost {
  readonly chain: string;
  readonly first: number;
  readonly count: number;
}

/** Says that something contradicts what is held. */
export function contradicts(chain: string, position: number, text: string): Taken {
  return { kind: 'contradicts', fault: { chain, position, text } };
}

/** Whether two hashes are the same. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** As many contradictions of one chain are kept; one is enough to doubt it. */
const FAULTS_MAX = 1000;

/** Keeps a contradiction; the same one is kept once. */
export async function noteFault(db: Database, fault: Contradiction, nowMs: number): Promise<void> {
  const held = await db.$count(auditFaults, eq(auditFaults.chain, fault.chain));
  if (held >= FAULTS_MAX) return;
  await db
    .insert(auditFaults)
    .values({ ...fault, findTime: new Date(nowMs) })
    .onConflictDoNothing();
}
