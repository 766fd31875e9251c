import { REDACTED_MAX_BYTES } from '@weir/policy';
import type { BlobStore } from '../blobs/blob-store.ts';
import type { CacheEntry } from '../gather/entry.ts';
import type { Prepared } from './instructions.ts';
import { blobOf, keepValue, readValue } from './large.ts';
import type { RedactedItem } from './redact-item.ts';
import type { RedactionThreads } from './threads.ts';

/** What redacting in threads needs. */
export interface RedactEntryDeps {
  readonly threads: RedactionThreads;
  /** Undefined: no value is large. */
  readonly blobs: BlobStore | undefined;
}

/** An entry, by what it is redacted, and for whom. */
export interface EntryToRedact {
  readonly entry: CacheEntry;
  readonly by: Prepared;
  readonly tenant: string;
}

/**
 * Redacts an entry in a thread. One whose value lies in the blob store is read from there, and
 * what is made of it is stored beside it. `stopped`: it took too much. `lost`: its bytes are not
 * there any more. Throws OVERLOADED and BLOB_STORE_UNAVAILABLE, and the reason of `recall` when
 * that comes before a thread has it.
 */
export async function redactEntry(
  { threads, blobs }: RedactEntryDeps,
  { entry, by, tenant }: EntryToRedact,
  recall: AbortSignal,
): Promise<RedactedItem | 'stopped' | 'lost'> {
  // A copy: with a part of the field the thread would be sent all of it.
  const item = new Uint8Array(entry.field.subarray(entry.itemOffset));
  if (!entry.large) {
    using _held = threads.hold(tenant, item.length);
    return await threads.redact({ item, by: by.instructions }, tenant, recall);
  }
  const blob = blobOf(entry, tenant);
  if (!blobs || blob.sizeBytes > REDACTED_MAX_BYTES) return 'refused';
  using _held = threads.hold(tenant, item.length + blob.sizeBytes);
  const value = await readValue(blobs, blob, recall);
  if (!value) return 'lost';
  const made = await threads.redact({ item, value, by: by.instructions }, tenant, recall);
  return typeof made === 'object' ? await keepValue(blobs, tenant, made) : made;
}
