import { Code, ConnectError } from '@connectrpc/connect';
import { Call, type CallRequest, type Receiver } from './call.ts';
import type { Decoder } from './client.ts';
import type { Sessions } from './sessions.ts';

/** Messages that wait for their reader before the peer has to. */
const MAX_WAITING = 16;
/** The same, by what they took on the wire. */
const MAX_WAITING_BYTES = 256 * 1024;

/** A reader that waits for the next message. */
interface Reader<T> {
  readonly resolve: (result: IteratorResult<T>) => void;
  readonly reject: (error: unknown) => void;
}

/** The messages of a call, read one after the other. */
export class Replies<T> implements Receiver {
  private readonly decoder: Decoder<T>;
  private readonly call: Call;
  private readonly waiting: T[] = [];
  private waitingBytes = 0;
  private reader: Reader<T> | undefined;
  private ended: { readonly error: unknown } | undefined;

  constructor(sessions: Sessions, request: CallRequest, decoder: Decoder<T>) {
    this.decoder = decoder;
    this.call = new Call(sessions, request, this);
  }

  /** The next message. Not to be called while another is awaited. */
  next(): Promise<IteratorResult<T>> {
    const value = this.ready();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (!this.ended) {
      return new Promise((resolve, reject) => {
        this.reader = { resolve, reject };
      });
    }
    const { error } = this.ended;
    return error === undefined ? Promise.resolve(over) : Promise.reject(error);
  }

  /** A message that has come and waits; undefined: there is none now. */
  ready(): T | undefined {
    const value = this.waiting.shift();
    if (value !== undefined && this.waiting.length === 0) {
      this.waitingBytes = 0;
      this.call.resume();
    }
    return value;
  }

  /** Ends the call unless it is over; a reader that waits learns why. */
  cancel(reason?: unknown): void {
    if (this.ended) return;
    this.call.cancel();
    this.onEnd(ConnectError.from(reason ?? 'the call was cancelled', Code.Canceled));
  }

  onMessage(bytes: Buffer): void {
    const value = this.decoder.decode(bytes);
    const { reader } = this;
    if (reader) {
      this.reader = undefined;
      reader.resolve({ done: false, value });
      return;
    }
    this.waiting.push(value);
    this.waitingBytes += bytes.length;
    if (this.waiting.length >= MAX_WAITING || this.waitingBytes >= MAX_WAITING_BYTES) {
      this.call.pause();
    }
  }

  onEnd(error: unknown): void {
    this.ended = { error };
    const { reader } = this;
    this.reader = undefined;
    if (!reader) return;
    if (error === undefined) reader.resolve(over);
    else reader.reject(error);
  }
}

const over: IteratorReturnResult<undefined> = { done: true, value: undefined };
