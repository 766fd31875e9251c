import { createHash, timingSafeEqual } from 'node:crypto';
import { type ContextKey, createContextKey } from '@connectrpc/connect';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { refuse, toConnectError } from '../errors.ts';
import type { HttpRequest } from './http.ts';
import { requestIdOf } from './request-id.ts';

/**
 * Where the gate finds what has the body of a call checked: given SHA-256 of its bytes as they are
 * sent, it fails a call with another body before its handler runs.
 */
export const expectBodyKey: ContextKey<(sha256: Uint8Array) => void> = createContextKey<
  (sha256: Uint8Array) => void
>(
  () => {
    throw new Error('no request to check');
  },
  { description: 'has the body of the call checked' },
);

/** Has the body of a request checked while it is read; its end is read before it is used. */
export function expectBody(request: HttpRequest, sha256: Uint8Array): void {
  const read = request[Symbol.asyncIterator].bind(request);
  Object.defineProperty(request, Symbol.asyncIterator, {
    value: () => checkedBody(read(), sha256, requestIdOf(request)),
  });
}

/** Passes a body on, and throws at its end when it is not the one that was signed. */
export async function* checkedBody(
  chunks: AsyncIterable<Uint8Array>,
  sha256: Uint8Array,
  requestId: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  const found = hash.digest();
  if (found.length === sha256.length && timingSafeEqual(found, sha256)) return;
  const text = 'the body of the call is not the one that was signed; sign each call anew';
  throw toConnectError(refuse(Reason.SIGNATURE_INVALID, text), requestId);
}
