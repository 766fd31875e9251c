import type { ConnectError } from '@connectrpc/connect';
import { Exchange, type Opening } from './exchange.ts';
import type { Lane } from './lane.ts';
import type { LaneStream } from './lane-stream.ts';
import type { LeanCall, LeanMethod } from './lean-method.ts';
import { headroomOf, sendAnswer, sendError } from './lean-reply.ts';

/** A call that is answered with one message. */
export class UnaryExchange extends Exchange implements LeanCall {
  readonly #lean: LeanMethod;
  #afterCall: (() => void)[] | undefined;

  constructor(lane: Lane, stream: LaneStream, lean: LeanMethod, opening: Opening) {
    super(lane, stream, opening);
    this.#lean = lean;
  }

  get headroom(): number {
    return headroomOf(this.protocol);
  }

  afterCall(done: () => void): void {
    if (this.stream.destroyed) done();
    else if (this.#afterCall) this.#afterCall.push(done);
    else this.#afterCall = [done];
  }

  protected answer(message: Buffer): void {
    const answer = this.#lean.answer(this, message);
    if (answer instanceof Promise) {
      this.lane.waits(this);
      answer.then(this.#answered, this.failed);
    } else this.#answered(answer);
  }

  readonly #answered = (bytes: Uint8Array): void => {
    if (this.isOver) return;
    this.end();
    if (this.stream.destroyed || this.stream.closed) return;
    sendAnswer(this.stream, this.protocol, { requestId: this.requestId, bytes });
  };

  protected sendError(error: ConnectError): void {
    sendError(this.stream, this.protocol, { requestId: this.requestId, error });
  }

  protected override closed(): void {
    super.closed();
    if (this.#afterCall) for (const done of this.#afterCall) done();
  }
}
