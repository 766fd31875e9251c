import { create } from '@bufbuild/protobuf';
import type { Clock } from '@weir/kit';
import {
  type ExportChainsResponse,
  type FoundRecord,
  FoundRecordSchema,
} from '@weir/sdk/gen/weir/audit/v1/audit_pb';
import type { SubjectRecord } from '@weir/sdk/gen/weir/audit/v1/record_pb';
import { and, eq, sql } from 'drizzle-orm';
import type { Database } from '../store/driver.ts';
import { auditChains, auditHeaders } from '../store/schema.ts';
import { type FindQuery, type Found, type FoundPart, findRecords } from './find.ts';
import type { Seals } from './seals.ts';
import { hashesOf } from './store/chains.ts';
import { dropOlder, pruneChain } from './store/drop.ts';
import { eraseCalls } from './store/erase.ts';
import { type ChainsQuery, readChains } from './store/export.ts';
import { createIntake, type Intake } from './store/intake.ts';
import { mergeRows } from './store/merge.ts';
import { findSubject, type SubjectQuery } from './store/subjects.ts';

/** Whose records to erase. */
export interface Erased {
  readonly tenant: string;
  readonly principal: string;
  /** Calls that came before this time (wall, ms). */
  readonly beforeMs: number;
}

/** The records of all calls, beside the store of all else. */
export interface AuditStore extends Intake {
  /** Finds a part of the records that match; see findRecords. */
  find(query: FindQuery, signal: AbortSignal): Promise<FoundPart>;
  /** What was found, with the hashes of its entries. */
  withHashes(found: readonly Found[]): Promise<FoundRecord[]>;
  /** The attributes that a subject had; undefined: they were dropped. */
  subject(query: SubjectQuery): Promise<SubjectRecord | undefined>;
  /** Chains with what proves them, oldest first. */
  chains(query: ChainsQuery): AsyncIterable<ExportChainsResponse>;
  /** Drops bodies of calls of a tenant that came before a time, some at once. Says how many chunks. */
  dropOlder(tenant: string, beforeMs: number): Promise<number>;
  /** Forgets the beginnings of chains that no body is left of and that are older than a time. */
  prune(beforeMs: number): Promise<void>;
  /** Drops the bodies of calls of a principal. Says of how many. */
  erase(of: Erased, signal: AbortSignal): Promise<number>;
  /** Makes few rows of many. Says how many are gone. */
  merge(signal: AbortSignal): Promise<number>;
  /** Makes room for new rows where old ones were. */
  vacuum(): Promise<void>;
}

/** Creates the store of records over a database that somebody else owns. */
export function createAuditStore(db: Database, seals: Seals, clock: Clock): AuditStore {
  const deps = { db, seals, wallMs: () => clock.wallMs() };
  return {
    ...createIntake(db, seals, deps.wallMs),
    find: (query, signal) => findRecords(db, query, signal),
    withHashes: (found) => withHashes(db, found),
    subject: (query) => findSubject(db, query),
    chains: (query) => readChains(db, seals, query),
    dropOlder: (tenant, beforeMs) => dropOlder(deps, tenant, beforeMs),
    async prune(beforeMs) {
      const chains = await db.select({ id: auditChains.id }).from(auditChains);
      for (const { id } of chains) await pruneChain(deps, id, beforeMs);
    },
    erase: (of, signal) => eraseCalls(deps, of, signal),
    merge: (signal) => mergeRows(db, clock.wallMs(), signal),
    async vacuum() {
      await db.execute(sql`vacuum audit_chunks`);
      await db.execute(sql`vacuum audit_headers`);
    },
  };
}

/** Entries of one row of headers come together, so one row is held at a time for each chain. */
async function withHashes(db: Database, found: readonly Found[]): Promise<FoundRecord[]> {
  const rows = new Map<string, { first: number; hashes: readonly Uint8Array[] }>();
  const records: FoundRecord[] = [];
  for (const { record, chain, position } of found) {
    const held = rows.get(chain);
    let hash = held?.hashes[position - held.first];
    if (hash === undefined) {
      const read = await readHashes(db, chain, position);
      if (read) rows.set(chain, read);
      hash = read?.hashes[position - read.first];
    }
    const place = { chain, position: BigInt(position), hash: new Uint8Array(hash ?? []) };
    records.push(create(FoundRecordSchema, { record, ...place }));
  }
  return records;
}

async function readHashes(db: Database, chain: string, position: number) {
  const { first, last } = auditHeaders;
  const [row] = await db
    .select()
    .from(auditHeaders)
    .where(
      and(eq(auditHeaders.chain, chain), sql`${first} <= ${position}`, sql`${last} >= ${position}`),
    )
    .limit(1);
  return row && { first: row.first, hashes: hashesOf(row) };
}
