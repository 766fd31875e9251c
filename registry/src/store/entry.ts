import { createHash } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type SnapshotEntry, SnapshotEntrySchema } from '@weir/sdk/gen/weir/registry/v1/watch_pb';

/** The kinds of entries, in an order in which nothing dangles. */
const KINDS = [
  'tenant',
  'type',
  'provider',
  'endpoint',
  'grant',
  'consumer',
  'principal',
  'key',
] as const;

/** A kind of thing that routers hold. */
export type EntryKind = (typeof KINDS)[number];

/** What an entry holds; absent once it is removed. */
export type EntryBody = MessageInitShape<typeof SnapshotEntrySchema>['body'];

/** The form in which entries are written. In form 1, types had no schemas. */
export const ENTRY_FORM = 2;

/** The id of an entry: its kind, the tenant, and what names it there. */
export function entryId(kind: EntryKind, tenant: string, ...names: string[]): string {
  return [kind, tenant, ...names].join('/');
}

/** Where an entry stands in a snapshot. */
export function entryRank(id: string): number {
  return KINDS.findIndex((kind) => id.startsWith(`${kind}/`));
}

/** An entry, as watch.proto describes it. */
export function createEntry(id: string, revision: bigint, body?: EntryBody): SnapshotEntry {
  return create(SnapshotEntrySchema, body ? { id, revision, body } : { id, revision });
}

/** What one entry contributes to the digest of a set of entries. */
export function entryDigest(id: string, revision: bigint): bigint {
  return createHash('sha256').update(`${id}@${revision}`).digest().readBigUInt64BE(0);
}
