import { type IncomingMessage, ServerResponse } from 'node:http';
import { type Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { HttpResponse } from './http.ts';

/**
 * Responses that count what is written to them, for the watch over their readers. Classes: V8 would keep each response
 * whose own property takes the place of a method until the next full collection
 * (docs/decisions/transient-collections.md).
 */
export class CountedHttp1Response<
  Request extends IncomingMessage = IncomingMessage,
> extends ServerResponse<Request> {
  givenBytes = 0;

  override write(...written: unknown[]): boolean {
    this.givenBytes += bytesOf(written[0]);
    return super.write(...(written as Parameters<ServerResponse['write']>));
  }
}

/** The same over HTTP/2. */
export class CountedHttp2Response<
  Request extends Http2ServerRequest = Http2ServerRequest,
> extends Http2ServerResponse<Request> {
  givenBytes = 0;

  override write(...written: unknown[]): boolean {
    this.givenBytes += bytesOf(written[0]);
    return super.write(...(written as Parameters<Http2ServerResponse['write']>));
  }
}

/** All that was written to a response, in bytes; what it was ended with is not. */
export function givenBytes(response: HttpResponse): number {
  return 'givenBytes' in response ? Number(response.givenBytes) : 0;
}

function bytesOf(chunk: unknown): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk);
  return chunk instanceof Uint8Array ? chunk.byteLength : 0;
}
