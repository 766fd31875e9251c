import type { Socket } from 'node:net';

/** A stream of HTTP/2 that carries a call of the fast lane: one of node:http2, or our own. */
export interface LaneStream {
  readonly session: { readonly destroyed: boolean; readonly socket: Socket } | undefined;
  /** Nothing more can be sent. */
  readonly closed: boolean;
  /** It is over. */
  readonly destroyed: boolean;
  readonly readableEnded: boolean;
  /** What of the answer has not left, in bytes. */
  readonly writableLength: number;
  on(event: 'data', listener: (piece: Buffer) => void): unknown;
  on(event: 'end' | 'close' | 'error', listener: () => void): unknown;
  /** Reads the body away, where nobody listens. */
  resume(): unknown;
  /** Resets it; without an error, when the answer has left. */
  close(code: number): void;
}
