/** The connection is lost, or takes no more streams. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
  /** The error that the peer gave, as RFC 9113 numbers it (section 7). Undefined: it gave none. */
  readonly reason: number | undefined;

  constructor(text: string, reason?: number) {
    super(text);
    this.reason = reason;
  }
}

/** A stream was ended before it was whole, by the peer or for what the peer did. */
export class StreamReset extends Error {
  override readonly name = 'StreamReset';
  /** Why, as RFC 9113 numbers it (section 7). */
  readonly reset: number;

  constructor(reset: number) {
    super(`the stream was reset with ${reset}`);
    this.reset = reset;
  }
}
