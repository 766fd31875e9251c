import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Guard } from './guard.ts';

/** A request as it goes out. */
export interface Outgoing {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
}

/** What came back. */
export interface Incoming {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
}

/** The bounds of a request. */
export interface SendOptions {
  readonly guard: Guard;
  readonly signal: AbortSignal;
  /** The largest body read, in bytes, once it is unpacked. */
  readonly maxBytes: number;
}

/** The answer holds more than may be read. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge';
}

/** The request may not be made, or the answer not be followed. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

const redirectsMax = 3;
const headersMaxBytes = 32 * 1024;

/**
 * Sends a request and reads the answer whole. A redirect is followed to the same host only, and for
 * GET only.
 *
 * @throws {Refused} where the address may not be called, and for a redirect to another host.
 * @throws {TooLarge} when the answer has more than `maxBytes`.
 */
export async function send(outgoing: Outgoing, options: SendOptions): Promise<Incoming> {
  let { url } = outgoing;
  for (let redirects = 0; redirects <= redirectsMax; redirects += 1) {
    const incoming = await sendOnce({ ...outgoing, url }, options);
    const { location } = incoming.headers;
    const isRedirect = incoming.status >= 301 && incoming.status <= 308 && incoming.status !== 304;
    if (!isRedirect || location === undefined || outgoing.method !== 'GET') return incoming;
    const next = URL.parse(location, url.href);
    if (next?.origin !== url.origin) {
      throw new Refused(
        `the API redirects from ${url.host} to another host, which is not followed`,
      );
    }
    url = next;
  }
  throw new Refused(`the API redirects more than ${redirectsMax} times`);
}

async function sendOnce(
  { method, url, headers, body }: Outgoing,
  { guard, signal, maxBytes }: SendOptions,
): Promise<Incoming> {
  const request = { 'http:': requestHttp, 'https:': requestHttps }[url.protocol];
  const fault = request ? guard.faultOf(url) : 'only http and https are spoken';
  if (!request || fault) throw new Refused(fault);
  const answered = Promise.withResolvers<Incoming>();
  const sent = request(url, {
    method,
    headers: { 'accept-encoding': 'gzip, deflate, br', ...headers },
    lookup: guard.lookupFor(url),
    maxHeaderSize: headersMaxBytes,
    signal,
  });
  sent.once('error', answered.reject);
  sent.once('upgrade', (_, socket) => {
    socket.destroy();
    answered.reject(new Error('the API switches to another protocol, which nobody asked for'));
  });
  const rejectSilence = () => answered.reject(new Error('the API ended without an answer'));
  sent.once('close', rejectSilence);
  sent.once('response', (response) => {
    sent.off('close', rejectSilence);
    readBody(unpacked(response, response.headers['content-encoding']), maxBytes).then(
      (read) => {
        const flat = Object.entries(response.headers).map(([name, value]) => {
          return [name, Array.isArray(value) ? value.join(', ') : value];
        });
        const status = response.statusCode ?? 0;
        answered.resolve({ status, headers: Object.fromEntries(flat), body: read });
      },
      (error) => {
        sent.destroy();
        answered.reject(error);
      },
    );
  });
  sent.end(body);
  return answered.promise;
}

/** What unpacks an encoding. No plain object, of which an answer could name the inherited members. */
const unpackers: ReadonlyMap<string, () => Transform> = new Map([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

function unpacked(response: Readable, encoding: string | undefined): Readable {
  const unpack = unpackers.get(encoding?.toLowerCase() ?? '');
  if (!unpack) return response;
  const plain = unpack();
  response.on('error', (error) => plain.destroy(error));
  return response.pipe(plain);
}

async function readBody(body: Readable, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new TooLarge(`the answer has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
