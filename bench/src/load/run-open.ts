import type { Pool } from './pool.ts';
import type { Sender } from './sender.ts';

/**
 * An open loop: calls begin at fixed times, whatever became of those before. While a rate is on, the
 * loop never sleeps, so that calls are sent within microseconds of their times. Calls that the peer
 * takes no streams for wait here, and their time counts.
 */
export async function runOpen(sender: Sender, pool: Pool, rate: number): Promise<void> {
  const sent = Promise.withResolvers<void>();
  const loop = new OpenLoop(sender, pool, rate);
  const turn = () => {
    loop.turn();
    if (loop.over) sent.resolve();
    else setImmediate(turn);
  };
  turn();
  await sent.promise;
}

/** An idle turn takes microseconds; one that took longer was not ours all the time. */
const longestIdleTurnMs = 0.02;

class OpenLoop {
  readonly #sender: Sender;
  readonly #pool: Pool;
  readonly #spacingMs: number;
  readonly #startMs = performance.now();
  /** Calls of the warm-up, and all calls. */
  readonly #warmup: number;
  readonly #total: number;
  /** Calls that were begun, or lost. Those due after them wait for the peer. */
  #begun = 0;
  /** Calls before this one had to wait for the peer. */
  #held = 0;
  #lastTurnMs = this.#startMs;
  #lastBytesRead = 0;
  #sentInLastTurn = false;
  #metering: 'before' | 'on' | 'after' = 'before';

  constructor(sender: Sender, pool: Pool, rate: number) {
    const { warmupMs, durationMs } = sender.job;
    this.#sender = sender;
    this.#pool = pool;
    this.#spacingMs = 1_000 / rate;
    this.#warmup = Math.round((warmupMs * rate) / 1_000);
    this.#total = this.#warmup + Math.round((durationMs * rate) / 1_000);
    sender.measure({
      fromMs: this.#intendedMs(this.#warmup),
      toMs: this.#intendedMs(this.#total),
    });
  }

  /** Whether all calls were begun, or lost. */
  get over(): boolean {
    return this.#begun >= this.#total;
  }

  turn(): void {
    const nowMs = performance.now();
    this.#countIdleness(nowMs);
    const due = Math.floor((nowMs - this.#startMs) / this.#spacingMs) + 1;
    this.#meter(due);
    const first = this.#begun;
    this.#beginUntil(Math.min(due, this.#total), nowMs);
    this.#sentInLastTurn = this.#begun > first;
    if (!this.#sentInLastTurn) return;
    this.#pool.flush();
    this.#recordLag(first);
  }

  #beginUntil(due: number, nowMs: number): void {
    const expiredMs = nowMs - this.#sender.job.timeoutMs;
    for (; this.#begun < due; this.#begun++) {
      const intendedMs = this.#intendedMs(this.#begun);
      if (intendedMs < expiredMs) {
        this.#sender.tally.lost(intendedMs);
        continue;
      }
      const connection = this.#pool.leastLoaded();
      if (!connection) {
        this.#held = due;
        return;
      }
      this.#sender.begin(connection, intendedMs);
    }
  }

  /** How late the calls from the first one on were given to their sockets, by our own fault. */
  #recordLag(first: number): void {
    const nowMs = performance.now();
    for (let n = Math.max(first, this.#held, this.#warmup); n < this.#begun; n++) {
      this.#sender.meter.lag.record(nowMs - this.#intendedMs(n));
    }
  }

  /** The last turn was idle when nothing was sent in it and nothing read after it. */
  #countIdleness(nowMs: number): void {
    const { bytesRead } = this.#sender.intake;
    const idle = !this.#sentInLastTurn && bytesRead === this.#lastBytesRead;
    if (idle) this.#sender.meter.spunMs += Math.min(nowMs - this.#lastTurnMs, longestIdleTurnMs);
    this.#lastTurnMs = nowMs;
    this.#lastBytesRead = bytesRead;
  }

  #meter(due: number): void {
    const { meter, intake } = this.#sender;
    if (this.#metering === 'before' && due > this.#warmup) {
      this.#metering = 'on';
      meter.begin(intake.bytesRead);
    }
    if (this.#metering === 'on' && due >= this.#total) {
      this.#metering = 'after';
      meter.end(intake.bytesRead);
    }
  }

  #intendedMs(n: number): number {
    return this.#startMs + n * this.#spacingMs;
  }
}
