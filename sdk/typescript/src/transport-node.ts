import { createHash } from 'node:crypto';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import type { Digest } from './sha256.ts';
import { type OpenTransport, readMaxBytes, type TransportOptions } from './transport.ts';

/** The HTTP/2 default of 64 KiB costs a quarter of the throughput, even on loopback. */
const streamWindowBytes = 1024 * 1024;
const connectionWindowBytes = 8 * streamWindowBytes;

/** Opens a transport over HTTP/2 for Node; gRPC unless another protocol is asked for. */
export function openTransport({ url, protocol }: TransportOptions): OpenTransport {
  const connections = new Http2SessionManager(
    url,
    { pingIntervalMs: 30_000, pingTimeoutMs: 10_000 },
    { settings: { initialWindowSize: streamWindowBytes, enablePush: false } },
  );
  const sessionManager = withWideWindow(connections);
  // Compressing costs a router more time than small answers save on the way.
  const acceptCompression: [] = [];
  const options = { baseUrl: url, readMaxBytes, sessionManager, acceptCompression };
  const open = {
    grpc: () => createGrpcTransport(options),
    'grpc-web': () => createGrpcWebTransport({ ...options, httpVersion: '2' }),
    connect: () => createConnectTransport({ ...options, httpVersion: '2' }),
  }[protocol ?? 'grpc'];
  return { transport: open(), close: () => connections.abort() };
}

/** The window of a connection can only be set on the live session, which a stream leads to. */
function withWideWindow(
  connections: Http2SessionManager,
): Pick<Http2SessionManager, 'authority' | 'request' | 'notifyResponseByteRead'> {
  const seen = new WeakSet();
  return {
    authority: connections.authority,
    notifyResponseByteRead: (stream) => connections.notifyResponseByteRead(stream),
    async request(...call) {
      const stream = await connections.request(...call);
      const session = stream.session;
      if (session !== undefined && !seen.has(session)) {
        seen.add(session);
        session.setLocalWindowSize(connectionWindowBytes);
      }
      return stream;
    },
  };
}

/** Begins a SHA-256. */
export function createDigest(): Digest {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
}
