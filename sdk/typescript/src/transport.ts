import type { Interceptor, Transport } from '@connectrpc/connect';

/** How calls are written on the wire. */
export type Protocol = 'grpc' | 'grpc-web' | 'connect' | 'websocket';

/** What a platform needs to open a transport to Weir. */
export interface TransportOptions {
  readonly url: string;
  readonly protocol: Protocol | undefined;
  /** Certificates for https, in Node. */
  readonly tls?: TlsOptions | undefined;
  /** Makes what signs every call, sent with a protocol. Left out: none is signed. */
  readonly sign?: ((protocol: Protocol) => Interceptor) | undefined;
}

/** The certificates of a connection, in PEM. Only in Node: browsers have their own. */
export interface TlsOptions {
  /** The authorities of Weir's certificate. Default: those of the system. */
  readonly ca?: string | undefined;
  /** The certificate to show. Default: none. */
  readonly cert?: string | undefined;
  /** Its private key. */
  readonly key?: string | undefined;
}

/** A transport with the connections it holds. */
export interface OpenTransport {
  readonly transport: Transport;
  /** Ends its connections; calls under way fail. */
  close(): void;
}

/** Messages larger than this are refused on arrival: a full response budget and its envelope. */
export const readMaxBytes = 8 * 1024 * 1024;
