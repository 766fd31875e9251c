import { refuse, type WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';

/** A value in the store. The tenant comes first: no tenant's bytes serve another. */
export interface BlobId {
  readonly tenant: string;
  /** SHA-256 of the bytes, in lower-case hexadecimal. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Where a value can be got without a credential. */
export interface BlobLink {
  /** Absolute, or beginning with "/": at the address that was called. */
  readonly url: string;
  /** Wall time; when it stops working. */
  readonly expireMs: number;
}

/** Keeps values that are too large to carry, makes links to them, and reads them back. */
export interface BlobStore {
  /** Begins to take a value of a known size. Throws BLOB_STORE_UNAVAILABLE. */
  begin(tenant: string, sizeBytes: number): Promise<BlobWriter>;
  /**
   * Makes a link, and keeps the bytes at least as long as it holds. Undefined: the bytes are not
   * there any more. Throws BLOB_STORE_UNAVAILABLE.
   */
  link(blob: BlobId, contentType: string): Promise<BlobLink | undefined>;
  /**
   * Reads a value back into bytes of exactly its size. False: it is not there any more, or not of
   * that size. Throws BLOB_STORE_UNAVAILABLE, and the signal's reason.
   */
  read(blob: BlobId, into: Uint8Array, signal: AbortSignal): Promise<boolean>;
}

/** A value on its way into the store: not seen by anybody before it is committed. */
export interface BlobWriter {
  /** Takes the next bytes; to be awaited before the next. Throws BLOB_STORE_UNAVAILABLE. */
  write(chunk: Uint8Array): Promise<void>;
  /** Keeps what was written and tells its SHA-256. Throws BLOB_STORE_UNAVAILABLE. */
  commit(): Promise<string>;
  /** Forgets what was written; after a commit, nothing. */
  discard(): Promise<void>;
}

const RETRY_MS = 5_000;

/** The refusal of a store that cannot do what it should. The text names no address. */
export function unavailable(text: string, cause?: unknown): WeirError {
  return refuse(Reason.BLOB_STORE_UNAVAILABLE, text, { retryDelayMs: RETRY_MS, cause });
}

/** The types that a header can carry; all others become bytes. */
export function headerType(contentType: string): string {
  return /^[\x20-\x7e]{1,200}$/.test(contentType) ? contentType : 'application/octet-stream';
}
