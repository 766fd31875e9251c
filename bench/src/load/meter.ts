import type { Generator } from '../model.ts';
import { Latencies } from './latencies.ts';

/** Measures the generator itself. */
export class Meter {
  readonly lag = new Latencies(3);
  /** Turns of the loop in which it only waited for the next call's time. */
  spunMs = 0;
  #cpu = process.cpuUsage();
  #fromMs = 0;
  #bytesFrom = 0;
  cpuShare = 0;
  bytesRead = 0;

  /** The measured time begins. */
  begin(bytesRead: number): void {
    this.#cpu = process.cpuUsage();
    this.#fromMs = performance.now();
    this.#bytesFrom = bytesRead;
    this.spunMs = 0;
  }

  /** The measured time is over. */
  end(bytesRead: number): void {
    const { user, system } = process.cpuUsage(this.#cpu);
    const wallMs = performance.now() - this.#fromMs;
    const busyMs = (user + system) / 1_000 - this.spunMs;
    this.cpuShare = Math.min(1, Math.max(0, busyMs / wallMs));
    this.bytesRead = bytesRead - this.#bytesFrom;
  }

  result(): Generator {
    return {
      cpuShare: this.cpuShare,
      sendLagP99Ms: this.lag.at(99),
      sendLagMaxMs: this.lag.maxMs,
    };
  }
}
