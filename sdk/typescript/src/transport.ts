import type { Transport } from '@connectrpc/connect';

/** How calls are written on the wire. */
export type Protocol = 'grpc' | 'grpc-web' | 'connect';

/** What a platform needs to open a transport to Weir. */
export interface TransportOptions {
  readonly url: string;
  readonly protocol: Protocol | undefined;
}

/** A transport with the connections it holds. */
export interface OpenTransport {
  readonly transport: Transport;
  /** Ends its connections; calls under way fail. */
  close(): void;
}

/** Messages larger than this are refused on arrival: a full response budget and its envelope. */
export const readMaxBytes = 8 * 1024 * 1024;
