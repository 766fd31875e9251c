import { Code, ConnectError } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { createSha256, type Digest } from './sha256.ts';
import type { OpenTransport, TransportOptions } from './transport.ts';

/**
 * Opens a transport over fetch for browsers; gRPC-Web unless Connect is asked for.
 *
 * @throws {TypeError} when plain gRPC is asked for, which browsers cannot speak.
 */
export function openTransport({ url, protocol }: TransportOptions): OpenTransport {
  if (protocol === 'grpc') {
    throw new TypeError('browsers cannot speak plain gRPC: choose "grpc-web" or "connect"');
  }
  const options = { baseUrl: url, fetch: reachingFetch };
  const transport =
    protocol === 'connect' ? createConnectTransport(options) : createGrpcWebTransport(options);
  return { transport, close: () => {} };
}

/** Browsers say "TypeError" for a server that cannot be reached; callers retry UNAVAILABLE. */
async function reachingFetch(...request: Parameters<typeof fetch>): Promise<Response> {
  try {
    return await fetch(...request);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const text = 'Weir cannot be reached, or does not allow this origin';
    throw new ConnectError(text, Code.Unavailable, undefined, undefined, error);
  }
}

/** Begins a SHA-256. */
export const createDigest: () => Digest = createSha256;
