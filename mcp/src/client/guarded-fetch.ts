import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { type Readable, Transform } from 'node:stream';
import type { FetchLike } from '@modelcontextprotocol/client';
import type { OutboundGuard } from '@weir/kit';

/** What `fetch` is to the SDK, over connections that pass the guard. */
export interface GuardedFetch extends Disposable {
  readonly fetch: FetchLike;
}

const connectionsMax = 64;
const headersMaxBytes = 32 * 1024;

/**
 * Fetches from one origin, over connections that are kept and shared. Where the address leads is
 * judged with each connection; no redirect is followed, for who may be called was decided by the
 * operator. Clear text goes only to addresses that the operator has allowed. A message of more than
 * `maxBytes` ends the answer it came in.
 */
export function openGuardedFetch(
  outbound: OutboundGuard,
  origin: URL,
  maxBytes: number,
): GuardedFetch {
  const isClear = origin.protocol === 'http:';
  const request = isClear ? requestHttp : requestHttps;
  const options = { keepAlive: true, maxSockets: connectionsMax };
  const agent = isClear ? new HttpAgent(options) : new HttpsAgent(options);
  agent.createConnection = () => outbound.connect(origin, { allowedOnly: isClear });

  const fetch: FetchLike = async (target, init = {}) => {
    const url = new URL(target);
    if (url.origin !== origin.origin) throw new TypeError('an upstream has one origin only');
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const sent = request(url, {
      agent,
      method: init.method ?? 'GET',
      headers: { ...headersOf(init.headers), 'accept-encoding': 'identity' },
      maxHeaderSize: headersMaxBytes,
      ...(init.signal && { signal: init.signal }),
    });
    sent.once('error', reject);
    sent.once('response', (answer) => {
      const status = answer.statusCode ?? 0;
      const hasBody = ![204, 205, 304].includes(status);
      if (!hasBody) answer.resume();
      const headers = Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
        values.map((value): [string, string] => [name, value]),
      );
      resolve(new Response(hasBody ? bounded(answer, maxBytes) : null, { status, headers }));
    });
    sent.end(typeof init.body === 'string' ? init.body : undefined);
    return await promise;
  };
  return { fetch, [Symbol.dispose]: () => agent.destroy() };
}

function headersOf(headers: RequestInit['headers']): Record<string, string> {
  return Object.fromEntries(new Headers(headers ?? {}));
}

const lineFeed = 0x0a;

/** Of a stream of events each may be so large, of anything else the whole. */
function bounded(
  answer: Readable & { readonly headers: { 'content-type'?: string | undefined } },
  maxBytes: number,
): ReadableStream<Uint8Array> {
  const isEvents = /^text\/event-stream\b/i.test(answer.headers['content-type'] ?? '');
  let size = 0;
  let last = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _, done) {
      const from = isEvents ? lastBlankLine(chunk, last) : 0;
      last = chunk.at(-1) ?? last;
      size = from > 0 ? chunk.length - from : size + chunk.length;
      if (size <= maxBytes) return done(null, chunk);
      done(new RangeError(`the upstream sent a message of more than ${maxBytes} bytes`));
    },
  });
  answer.once('error', (error) => counted.destroy(error));
  counted.once('close', () => answer.destroy());
  // Not by `Readable.toWeb`: what comes after a reader has cancelled would end the process.
  return ReadableStream.from<Uint8Array>(answer.pipe(counted));
}

/** Where in the chunk the last event ends; 0 when none does. */
function lastBlankLine(chunk: Buffer, before: number): number {
  const crlf = chunk.lastIndexOf('\n\r\n');
  const lf = chunk.lastIndexOf('\n\n');
  if (crlf >= 0 || lf >= 0) return Math.max(crlf + 3, lf + 2);
  return before === lineFeed && chunk[0] === lineFeed ? 1 : 0;
}
