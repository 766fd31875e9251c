import { createHash } from 'node:crypto';

/**
 * The part that one entry has in the digest of a snapshot: the first 8 bytes of
 * SHA-256(id + "@" + revision). The digest of a set is the exclusive or of its parts, so
 * it can be kept up to date entry by entry (see SnapshotEntry in watch.proto).
 */
export function entryDigest(id: string, revision: bigint): bigint {
  return createHash('sha256').update(`${id}@${revision}`).digest().readBigUInt64BE(0);
}
