import { createHash } from 'node:crypto';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { sturdy } from './node-sessions.ts';
import { withLeanStreams } from './node-streams.ts';
import type { Digest } from './sha256.ts';
import {
  type OpenTransport,
  type Protocol,
  readMaxBytes,
  type TlsOptions,
  type TransportOptions,
} from './transport.ts';
import { createWebSocketTransport } from './websocket/transport.ts';

/** The HTTP/2 default of 64 KiB costs a quarter of the throughput, even on loopback. */
const streamWindowBytes = 1024 * 1024;
const connectionWindowBytes = 8 * streamWindowBytes;

const idleSocketMs = 1_000;

/** Opens a transport for Node: over HTTP/2, gRPC unless another protocol is asked for. */
export function openTransport(options: TransportOptions): OpenTransport {
  const { protocol, ...rest } = options;
  return protocol === 'websocket' ? openSockets(rest) : openHttp2({ ...rest, protocol });
}

function openSockets({ url, tls, sign }: Omit<TransportOptions, 'protocol'>): OpenTransport {
  if (tls) {
    const text = 'certificates are not given to WebSockets: leave out `tls`';
    throw new TypeError(`${text}, and name authorities in NODE_EXTRA_CA_CERTS`);
  }
  // An open connection would hold up the exit of a client that is not closed.
  const transport = createWebSocketTransport({
    ...{ url, idleMs: idleSocketMs },
    ...(sign && { interceptors: [sign('websocket')] }),
  });
  return { transport, close: () => transport.close() };
}

type Http2Options = Omit<TransportOptions, 'protocol'> & {
  readonly protocol: Exclude<Protocol, 'websocket'> | undefined;
};

function openHttp2({ url, protocol, tls, sign }: Http2Options): OpenTransport {
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
    grpc: () => {
      const grpc = createGrpcTransport(options);
      // What signs is called by the library.
      return sign ? grpc : withLeanStreams(grpc, { baseUrl: url, readMaxBytes, sessionManager });
    },
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
