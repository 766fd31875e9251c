import { Code } from '@connectrpc/connect';
import { createDigest } from '#transport';
import { WeirCallError } from '../errors.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';

/** Where a value lies that is too large to carry, and what it must be. */
export interface ValueLink {
  /** Absolute, or beginning with "/": then it stands at the address of Weir. */
  readonly url: string;
  /** SHA-256, in hexadecimal. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/**
 * Reads what a link leads to, and checks size and hash on the way. Nothing of the caller's goes
 * along: no key, no cookie, no referrer. The last bytes come before the hash is known to be right:
 * what was read counts only once the reading has ended without an error.
 *
 * @throws {WeirCallError} when the value cannot be read (UNAVAILABLE), or is another (DATA_LOSS).
 */
export async function* readLink(
  { url, sha256, sizeBytes }: ValueLink,
  { base, signal }: { readonly base: string; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const digest = createDigest();
  let readBytes = 0;
  try {
    for await (const bytes of bodyOf(await open(absolute(url, base), signal))) {
      readBytes += bytes.length;
      if (readBytes > sizeBytes)
        throw otherValue(`is longer than the ${sizeBytes} bytes announced`);
      digest.update(bytes);
      yield bytes;
    }
  } catch (error) {
    throw error instanceof WeirCallError ? error : broken(error, signal);
  }
  if (readBytes < sizeBytes) {
    throw unavailable(`the value broke off after ${readBytes} of ${sizeBytes} bytes`);
  }
  if (digest.hex() !== sha256) throw otherValue('does not have the hash announced');
}

/** A link that begins with "/" cannot leave the address, whatever follows. */
function absolute(url: string, base: string): string {
  if (url.startsWith('/')) return `${base}${url}`;
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return url;
  throw unavailable('the link is no address of http or https');
}

async function open(url: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array> | null> {
  const response = await fetch(url, {
    signal,
    redirect: 'error',
    credentials: 'omit',
    cache: 'no-store',
    referrerPolicy: 'no-referrer',
  });
  if (response.status === 200) return response.body;
  await response.body?.cancel();
  if (response.status === 403 || response.status === 404) {
    throw unavailable('the link holds no more: fetch the item again for a new one');
  }
  throw unavailable(`the link is answered with status ${response.status}`);
}

/** Not every browser can iterate over a body. */
async function* bodyOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  try {
    for (;;) {
      const step = await reader?.read();
      if (step?.value === undefined) return;
      yield step.value;
    }
  } finally {
    // Ends the transfer of who stops reading; nobody waits for how.
    reader?.cancel().catch(() => {});
  }
}

function unavailable(text: string, cause?: unknown): WeirCallError {
  const [code, reason] = [Code.Unavailable, Reason.BLOB_STORE_UNAVAILABLE];
  return new WeirCallError({ code, reason, text, retryDelayMs: 0, cause });
}

function otherValue(what: string): WeirCallError {
  const [code, reason] = [Code.DataLoss, Reason.BLOB_STORE_UNAVAILABLE];
  return new WeirCallError({ code, reason, text: `the value at the link ${what}` });
}

function broken(cause: unknown, signal: AbortSignal): WeirCallError {
  if (!signal.aborted) return unavailable('the value at the link cannot be read', cause);
  const late = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
  return late
    ? new WeirCallError({
        ...{ code: Code.DeadlineExceeded, reason: Reason.DEADLINE_EXCEEDED, cause },
        text: 'the value at the link did not come in time',
      })
    : new WeirCallError({
        ...{ code: Code.Canceled, reason: Reason.CANCELLED, cause },
        text: 'cancelled by the caller',
      });
}
