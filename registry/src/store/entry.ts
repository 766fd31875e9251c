import { createHash } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type SnapshotEntry, SnapshotEntrySchema } from '@weir/sdk/gen/weir/registry/v1/watch_pb';

/**
 * The kinds of entries, in an order in which nothing dangles. A kind's place is kept with every
 * entry: one more in the middle needs a migration.
 */
const KINDS = [
  'tenant',
  'type',
  'provider',
  'endpoint',
  'grant',
  'policy',
  'consumer',
  'principal',
  'issuer',
  'certificate',
  'key',
  'toolgroup',
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

/**
 * How many things of a kind one tenant may have: every router holds all of them in memory. Of
 * tenants: how many there may be.
 */
const entriesMax: Readonly<Record<EntryKind, number>> = {
  tenant: 10_000,
  type: 1_000,
  provider: 20_000,
  endpoint: 20_000,
  grant: 20_000,
  policy: 100,
  consumer: 20_000,
  principal: 100_000,
  issuer: 50,
  certificate: 10_000,
  key: 100_000,
  toolgroup: 1_000,
};

/** What one more entry counts among, and how many of those there may be. */
export function entryBounds(id: string): { kind: EntryKind; prefix: string; max: number } {
  const [kind = '', tenant = ''] = id.split('/');
  const known = kind as EntryKind;
  const prefix = known === 'tenant' ? 'tenant/' : `${kind}/${tenant}/`;
  return { kind: known, prefix, max: entriesMax[known] };
}

/** An entry, as watch.proto describes it. */
export function createEntry(id: string, revision: bigint, body?: EntryBody): SnapshotEntry {
  return create(SnapshotEntrySchema, body ? { id, revision, body } : { id, revision });
}

/** What one entry contributes to the digest of a set of entries. */
export function entryDigest(id: string, revision: bigint): bigint {
  return createHash('sha256').update(`${id}@${revision}`).digest().readBigUInt64BE(0);
}
