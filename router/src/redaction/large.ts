import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ItemSchema } from '@weir/sdk/gen/weir/context/v1/context_pb';
import type { BlobId, BlobStore } from '../blobs/blob-store.ts';
import { type CacheEntry, encodeField, itemOf } from '../gather/entry.ts';
import type { RemadeItem } from './redact-item.ts';

/** How much is written at once: the hash of it is made on the event loop. */
const WRITE_BYTES = 256 * 1024;

/** Where the value of an entry lies, when it is too large to carry. */
export function blobOf(entry: CacheEntry, tenant: string): BlobId {
  const { sha256, sizeBytes } = itemOf(entry);
  return {
    tenant,
    sha256: Buffer.from(sha256).toString('hex'),
    sizeBytes: Number(sizeBytes),
  };
}

/** Reads a value into memory that threads share. Undefined: it is not there any more. */
export async function readValue(
  blobs: BlobStore,
  blob: BlobId,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const value = new Uint8Array(new SharedArrayBuffer(blob.sizeBytes));
  return (await blobs.read(blob, value, signal)) ? value : undefined;
}

/** Keeps the redacted value of an item, and has the item tell of that one. */
export async function keepValue(
  blobs: BlobStore,
  tenant: string,
  { value, ...remade }: RemadeItem,
): Promise<RemadeItem> {
  if (value === undefined) return remade;
  const sha256 = await store(blobs, tenant, value);
  const item = fromBinary(ItemSchema, remade.field.subarray(remade.itemOffset));
  const other = create(ItemSchema, {
    ...item,
    sha256: Buffer.from(sha256, 'hex'),
    sizeBytes: BigInt(value.length),
  });
  return { ...remade, ...encodeField(toBinary(ItemSchema, other)) };
}

async function store(blobs: BlobStore, tenant: string, value: Uint8Array): Promise<string> {
  const writer = await blobs.begin(tenant, value.length);
  try {
    for (let from = 0; from < value.length; from += WRITE_BYTES) {
      await writer.write(value.subarray(from, from + WRITE_BYTES));
    }
    return await writer.commit();
  } finally {
    await writer.discard();
  }
}
