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
  /** Connections that are open at once from one address. */
  readonly maxConnectionsPerAddress: number;
  /** How long an HTTP/2 connection on which nothing is asked stays open. */
  readonly idleConnectionMs: number;
  /** How long an answer may wait for its reader without progress; see slow-reader.ts. */
  readonly slowReaderMs: number;
  /** A large piece of an answer may wait a second longer for each of so many bytes. */
  readonly slowestReaderBytes: number;
  /** Calls that are at work at once; more of them wait. */
  readonly callsAtWork: number;
  /** Waiting calls beyond which to be behind by `queueMs` is an overload; fewer are a burst. */
  readonly burstCalls: number;
  /** Waiting calls at most; more are refused at once. */
  readonly callsWaiting: number;
  /**
   * By how much work the process may be behind before there is an overload; and how long calls
   * wait when none can begin, for as many as may be are at work.
   */
  readonly queueMs: number;
  /** By how much work it may be behind a call that waits during an overload, when more than a burst does. */
  readonly overloadedQueueMs: number;
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
  maxConnectionsPerAddress: 1_000,
  idleConnectionMs: 300_000,
  slowReaderMs: 20_000,
  slowestReaderBytes: 64 * 1024,
  callsAtWork: 2_000,
  burstCalls: 128,
  callsWaiting: 4_000,
  queueMs: 20,
  overloadedQueueMs: 5,
};

/**
 * The greatest message that a registry reads, in bytes: room for the largest manifest. To read a
 * larger one would hold up the others.
 */
export const registryReadMaxBytes = 768 * 1024;
