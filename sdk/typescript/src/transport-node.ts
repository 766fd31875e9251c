import { createHash } from 'node:crypto';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { sturdy } from './node-sessions.ts';
import type { Digest } from './sha256.ts';
import {
  type OpenTransport,
  readMaxBytes,
  type TlsOptions,
  type TransportOptions,
} from './transport.ts';

/** The HTTP/2 default of 64 KiB costs a quarter of the throughput, even on loopback. */
const streamWindowBytes = 1024 * 1024;
const connectionWindowBytes = 8 * streamWindowBytes;

/** Opens a transport over HTTP/2 for Node; gRPC unless another protocol is asked for. */
export function openTransport({ url, protocol, tls, sign }: TransportOptions): OpenTransport {
  const connections = new Http2SessionManager(
    url,
    { pingIntervalMs: 30_000, pingTimeoutMs: 10_000 },
    { settings: { initialWindowSize: streamWindowBytes, enablePush: false }, ...certificates(tls) },
  );
  // The window of a connection can only be set on the live session.
  const sessionManager = sturdy(connections, (session) => {
    session.setLocalWindowSize(connectionWindowBytes);
  });
  // Compressing costs a router more time than small answers save on the way.
  const acceptCompression: [] = [];
  const interceptors = sign ? [sign(protocol ?? 'grpc')] : [];
  const options = { baseUrl: url, readMaxBytes, sessionManager, acceptCompression, interceptors };
  const open = {
    grpc: () => createGrpcTransport(options),
    'grpc-web': () => createGrpcWebTransport({ ...options, httpVersion: '2' }),
    connect: () => createConnectTransport({ ...options, httpVersion: '2' }),
  }[protocol ?? 'grpc'];
  return { transport: open(), close: () => connections.abort() };
}

function certificates({ ca, cert, key }: TlsOptions = {}) {
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

/** Begins a SHA-256. */
export function createDigest(): Digest {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
}
