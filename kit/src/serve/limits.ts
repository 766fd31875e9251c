/** The limits of a server. */
export interface ServeLimits {
  /** The greatest message read, in bytes. */
  readonly readMaxBytes: number;
  /** The greatest message written, in bytes. */
  readonly writeMaxBytes: number;
  /** Messages smaller than this are sent uncompressed, whatever the client accepts, in bytes. */
  readonly compressMinBytes: number;
  /** The deadline of a unary call that brings none. */
  readonly defaultTimeoutMs: number;
  /** The longest deadline of a unary call; a longer one is shortened to it. */
  readonly maxTimeoutMs: number;
  /** Streams that are open at once on one HTTP/2 connection. */
  readonly streamsPerConnection: number;
  /** The greatest size of the headers of a request, in bytes. */
  readonly headersMaxBytes: number;
  /** How long a connection may say nothing before its first request can be read. */
  readonly silentSocketMs: number;
  /** Connections that are open at once. */
  readonly maxConnections: number;
}

/** The limits of a server that is told none. */
export const defaultLimits: ServeLimits = {
  readMaxBytes: 4 * 1024 * 1024,
  writeMaxBytes: 16 * 1024 * 1024,
  compressMinBytes: 64 * 1024,
  defaultTimeoutMs: 10_000,
  maxTimeoutMs: 60_000,
  streamsPerConnection: 100,
  headersMaxBytes: 16 * 1024,
  silentSocketMs: 10_000,
  maxConnections: 10_000,
};
