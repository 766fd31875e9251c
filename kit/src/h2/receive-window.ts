/** What a peer may send before we have read it (RFC 9113, 5.2). */
export class ReceiveWindow {
  readonly #bytes: number;
  #leftBytes: number;
  #readBytes = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#leftBytes = bytes;
  }

  /** Takes so many. False: they are more than may come. */
  take(bytes: number): boolean {
    this.#leftBytes -= bytes;
    return this.#leftBytes >= 0;
  }

  /** So many were read. Returns how many more the peer is to be allowed; it is told now and then. */
  read(bytes: number): number {
    this.#readBytes += bytes;
    if (this.#readBytes < this.#bytes / 4) return 0;
    const more = this.#readBytes;
    this.#leftBytes += more;
    this.#readBytes = 0;
    return more;
  }
}
