import type { LoadJob } from '../model.ts';
import type { Call } from './calls.ts';
import type { Connection, Intake } from './connection.ts';
import type { Judgement } from './judge.ts';
import { Meter } from './meter.ts';
import type { PoolEvents } from './pool.ts';
import { Requests } from './requests.ts';
import { type MeasuredTime, Tally } from './tally.ts';

/** Who begins the calls of a job, and hears of their ends. */
export class Sender implements PoolEvents {
  readonly job: LoadJob;
  readonly requests: Requests;
  readonly intake: Intake;
  readonly meter = new Meter();
  tally: Tally;
  /** What is done when a connection has read a piece. */
  onTurn: (connection: Connection) => void = () => {};
  #underWay = 0;
  #last = false;
  readonly #drained = Promise.withResolvers<void>();

  constructor(job: LoadJob, intake: Intake) {
    this.job = job;
    this.intake = intake;
    this.requests = new Requests(job);
    this.tally = new Tally(job, { fromMs: 0, toMs: 0 });
  }

  /** Tells when the measurement is. */
  measure(time: MeasuredTime): void {
    this.tally = new Tally(this.job, time);
  }

  begin(connection: Connection, intendedMs: number): void {
    this.tally.begun(connection.begin(this.requests, intendedMs));
    this.#underWay++;
  }

  ended(call: Call, judgement: Judgement, nowMs: number): void {
    this.tally.ended(call, judgement, nowMs);
    this.#underWay--;
    if (this.#last && this.#underWay === 0) this.#drained.resolve();
  }

  turn(connection: Connection): void {
    this.onTurn(connection);
  }

  /** No more calls are begun: waits for those under way, each of which has its own time. */
  async drain(): Promise<void> {
    this.#last = true;
    if (this.#underWay > 0) await this.#drained.promise;
  }
}
