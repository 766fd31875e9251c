import type { Latency, LoadJob, LoadResult } from '../model.ts';
import type { Call } from './calls.ts';
import type { Judgement } from './judge.ts';
import { Latencies, LatenciesOverTime } from './latencies.ts';
import { lookThrough } from './look-through.ts';

/** Of so many answers one is looked through; of the first ones all. */
const sampleEvery = 64;
const sampleFirst = 16;

/** When the measurement is: from inclusive to exclusive, by performance.now(). */
export interface MeasuredTime {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Counts what becomes of the calls of a job. */
export class Tally {
  readonly #job: LoadJob;
  readonly #time: MeasuredTime;
  readonly #latency = new Latencies(3);
  readonly #refused = new Latencies(3);
  readonly #overTime = new LatenciesOverTime();
  readonly #errors = new Map<string, number>();
  #begun = 0;
  #sent = 0;
  #ok = 0;
  #checked = 0;
  /** Good answers that came within the measured time, whenever their calls began. */
  #answered = 0;
  #firstMs = 0;
  #lastMs = 0;

  constructor(job: LoadJob, time: MeasuredTime) {
    this.#job = job;
    this.#time = time;
  }

  /** A call begins. */
  begun(call: Call): void {
    const number = this.#begun++;
    call.measured = this.#count(call.intendedMs);
    const first = number < sampleFirst || (call.measured && this.#sent <= sampleFirst);
    if (first || number % sampleEvery === 0) call.kept = [];
  }

  /** A call was not even begun before its time was up. */
  lost(intendedMs: number): void {
    if (this.#count(intendedMs)) this.#fault('no answer');
  }

  /** A call has ended. */
  ended(call: Call, { fault, refused }: Judgement, nowMs: number): void {
    const ms = nowMs - call.intendedMs;
    const wrong = fault === '' ? this.#look(call, ms) : fault;
    const { fromMs, toMs } = this.#time;
    if (wrong === '' && nowMs >= fromMs && nowMs < toMs) this.#answered++;
    if (!call.measured) return;
    if (wrong !== '') this.#fault(wrong);
    if (refused) this.#refused.record(ms);
    if (wrong !== '') return;
    this.#ok++;
    this.#latency.record(ms);
    this.#overTime.record(call.intendedMs - fromMs, ms);
  }

  /** What came of the job, but for what only others know. */
  result(): Omit<LoadResult, 'generator' | 'bytesRead' | 'freshNext'> {
    const { fromMs, toMs } = this.#time;
    return {
      sent: this.#sent,
      ok: this.#ok,
      errors: Object.fromEntries(this.#errors),
      checked: this.#checked,
      durationMs: this.#lastMs - this.#firstMs,
      callsPerSecond: (this.#answered / (toMs - fromMs)) * 1_000,
      latency: this.#latency.summary(),
      ...this.#refusedLatency(),
      overTime: this.#overTime.moments(),
    };
  }

  #refusedLatency(): { readonly refusedLatency?: Latency } {
    return this.#refused.count > 0 ? { refusedLatency: this.#refused.summary() } : {};
  }

  #look(call: Call, ms: number): string {
    if (ms > this.#job.timeoutMs) return 'no answer';
    if (call.kept === undefined) return '';
    if (call.measured) this.#checked++;
    return lookThrough(call.kept, this.#job.traffic);
  }

  #count(intendedMs: number): boolean {
    const { fromMs, toMs } = this.#time;
    if (intendedMs < fromMs || intendedMs >= toMs) return false;
    if (this.#sent === 0) this.#firstMs = intendedMs;
    this.#lastMs = intendedMs;
    this.#sent++;
    return true;
  }

  #fault(fault: string): void {
    this.#errors.set(fault, (this.#errors.get(fault) ?? 0) + 1);
  }
}
