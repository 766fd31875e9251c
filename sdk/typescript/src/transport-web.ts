import { Code, ConnectError } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { createSha256, type Digest } from './sha256.ts';
import type { OpenTransport, TransportOptions } from './transport.ts';
import { createWebSocketTransport } from './websocket/transport.ts';

const idleSocketMs = 60_000;

/**
 * Opens a transport over fetch for browsers; gRPC-Web unless Connect is asked for.
 *
 * @throws {TypeError} when plain gRPC or certificates are asked for, which browsers cannot give.
 */
export function openTransport({ url, protocol, tls, sign }: TransportOptions): OpenTransport {
  if (protocol === 'grpc') {
    throw new TypeError('browsers cannot speak plain gRPC: choose "grpc-web" or "connect"');
  }
  if (tls) throw new TypeError('browsers choose their certificates themselves: leave out `tls`');
  if (protocol === 'websocket') {
    const signing = sign && { interceptors: [sign(protocol)] };
    const transport = createWebSocketTransport({ url, idleMs: idleSocketMs, ...signing });
    return { transport, close: () => transport.close() };
  }
  const interceptors = sign ? [sign(protocol ?? 'grpc-web')] : [];
  const binary = sign !== undefined && { useBinaryFormat: true };
  const options = { baseUrl: url, fetch: reachingFetch, interceptors, ...binary };
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
