import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Readable } from 'node:stream';
import type { OutboundGuard } from './guard.ts';

/** The bounds of one request. */
export interface OutboundFetchOptions {
  /** Ends the request; give it a time. */
  readonly signal: AbortSignal;
  /** The greatest body read, in bytes. */
  readonly maxBytes: number;
}

/** What came back. */
export interface OutboundAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

/**
 * Gets a document. No redirect is followed: its status is the answer. Clear text goes only to
 * addresses that the operator has allowed. Rejects when nothing can be reached, when the answer is
 * too large, and with the signal's reason.
 */
export type OutboundFetch = (url: URL, options: OutboundFetchOptions) => Promise<OutboundAnswer>;

const headersMaxBytes = 16 * 1024;

/** Creates a bounded GET whose connections go through the guard. */
export function createOutboundFetch(guard: OutboundGuard): OutboundFetch {
  return async (url, { signal, maxBytes }) => {
    const request = { 'http:': requestHttp, 'https:': requestHttps }[url.protocol];
    if (!request || url.username !== '' || url.password !== '') {
      throw new TypeError('only http and https URLs without user info can be fetched');
    }
    signal.throwIfAborted();
    const answered = Promise.withResolvers<OutboundAnswer>();
    const allowedOnly = url.protocol === 'http:';
    const sent = request(url, {
      createConnection: () => guard.connect(url, { allowedOnly }),
      headers: { accept: 'application/json', 'accept-encoding': 'identity', connection: 'close' },
      maxHeaderSize: headersMaxBytes,
      signal,
    });
    sent.once('response', (response) => {
      const status = response.statusCode ?? 0;
      bodyOf(response, maxBytes).then(
        (body) => answered.resolve({ status, body }),
        answered.reject,
      );
    });
    sent.once('error', answered.reject);
    sent.end();
    try {
      return await answered.promise;
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      sent.destroy();
    }
  };
}

async function bodyOf(response: Readable, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new RangeError(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
