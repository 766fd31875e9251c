import { Code, type Transport } from '@connectrpc/connect';
import type { OpenTransport } from '../transport.ts';
import { callErrorOf } from './resilience.ts';

/** The most addresses of a client. */
const addressesMax = 16;

/** A way to Weir over one of several addresses. */
export interface Addresses extends OpenTransport {
  /** The address that calls go to now. */
  current(): string;
}

/**
 * Carries calls to the first of some addresses until it is UNAVAILABLE, then to the next one, and
 * after the last one to the first again.
 */
export function openAddresses(
  urls: readonly string[],
  open: (url: string) => OpenTransport,
): Addresses {
  const ways = urls.map((given) => {
    const url = given.replace(/\/+$/, '');
    return { url, ...open(url) };
  });
  let at = 0;
  const here = () => ways[at] as (typeof ways)[number];
  /** Calls that failed together move on once. */
  const leave = (way: object, error: unknown, signal: AbortSignal | undefined): unknown => {
    const isAway = callErrorOf(error, signal).code === Code.Unavailable;
    if (isAway && way === here()) at = (at + 1) % ways.length;
    return error;
  };
  async function* watched<T>(
    messages: AsyncIterable<T>,
    way: object,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<T> {
    try {
      yield* messages;
    } catch (error) {
      throw leave(way, error, signal);
    }
  }
  const transport: Transport = {
    async unary(method, signal, ...call) {
      const way = here();
      try {
        return await way.transport.unary(method, signal, ...call);
      } catch (error) {
        throw leave(way, error, signal);
      }
    },
    async stream(method, signal, ...call) {
      const way = here();
      try {
        const response = await way.transport.stream(method, signal, ...call);
        return { ...response, message: watched(response.message, way, signal) };
      } catch (error) {
        throw leave(way, error, signal);
      }
    },
  };
  return {
    transport,
    current: () => here().url,
    close: () => {
      for (const way of ways) way.close();
    },
  };
}

/**
 * The addresses that somebody gave.
 *
 * @throws {TypeError} when one cannot be right, or there are none or too many.
 */
export function checkUrls(given: string | readonly string[]): string[] {
  const urls = [given].flat();
  for (const url of urls) checkUrl(url);
  if (urls.length > 0 && urls.length <= addressesMax) return urls;
  throw new TypeError(`url has ${urls.length} addresses: give 1 to ${addressesMax}`);
}

function checkUrl(text: string): void {
  const fault = (why: string): TypeError =>
    new TypeError(`url "${text}" ${why}: write it like http://127.0.0.1:7070`);
  if (!URL.canParse(text)) throw fault('is no URL');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw fault('is not http or https');
  if (url.username || url.password) {
    throw new TypeError('url holds user info: drop it and give the key as `key`');
  }
}
