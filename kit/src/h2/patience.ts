import { FrameFault, h2Error } from './frames.ts';

/** As nghttp2 has it: so many in a burst, and so many a second. */
const BURST = 1_000;
const PER_SECOND = 33;

/** Bears what peers send without need, until it is too much: streams that are reset, frames that say nothing. */
export class Patience {
  #left = BURST;
  #sinceMs = performance.now();

  /** Throws FrameFault when it is over. */
  tax(): void {
    this.#left -= 1;
    if (this.#left >= 0) return;
    const nowMs = performance.now();
    this.#left += Math.min(BURST, ((nowMs - this.#sinceMs) / 1_000) * PER_SECOND);
    this.#sinceMs = nowMs;
    if (this.#left < 0) throw new FrameFault(h2Error.calm, 'too much that asks for nothing');
  }
}
