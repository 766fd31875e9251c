import type { ConnectError, ContextValues } from '@connectrpc/connect';
import type { UniversalHandler, UniversalServerResponse } from '@connectrpc/connect/protocol';
import { findTrailerError } from '@connectrpc/connect/protocol-grpc';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Open } from '@weir/sdk/gen/weir/websocket/v1/frames_pb';
import { refuse, toConnectError, type WeirError } from '../../errors.ts';
import type { Door } from '../admit.ts';
import { callerLeft } from '../calls.ts';
import { checkedBody } from '../signed-body.ts';
import type { SlowReaders } from '../slow-reader.ts';
import type { CallEnd } from './frames.ts';

/** Flags and length, before a message in the framing of gRPC. */
const envelopeBytes = 5;
/** Counts of messages that may come are as good as endless from here on. */
const creditMax = 2 ** 31;
const nothing = new Uint8Array();

/** What a call is to its connection. */
export interface CallParts {
  readonly handler: UniversalHandler;
  readonly header: Headers;
  readonly requestId: string;
  /** What the handler finds in its context; those of the call itself are added. */
  values(own: CallHooks): ContextValues;
  readonly door: Pick<Door, 'enter'>;
  /** The watch over readers. */
  readonly readers: Pick<SlowReaders, 'enter' | 'leave'>;
}

/** What handlers ask of the call that they answer. */
export interface CallHooks {
  /** Has the body checked. */
  expectBody(sha256: Uint8Array): void;
  /** Runs what it is given when the answer has left, or cannot any more. */
  afterCall(done: () => void): void;
  /** Takes it that nobody reads. */
  cut(): void;
}

/** What a connection is to its calls. */
export interface Carrier {
  /** Where calls lead, as a URL without a path. */
  readonly base: string;
  readonly closed: boolean;
  /** Whether the connection takes more messages; calls are woken when it does again. */
  hasRoom(): boolean;
  message(call: WebSocketCall, message: Uint8Array): void;
  /** Sends the end of a call, whose place is free then. Calls back when it has left, or never can. */
  end(call: WebSocketCall, end: CallEnd, left: () => void): void;
  failed(error: unknown, requestId: string): void;
}

/** One call over a WebSocket, from the frame that opens it to its end. */
export class WebSocketCall {
  readonly number: number;
  readonly #carrier: Carrier;
  readonly #parts: CallParts;
  readonly #abort = new AbortController();
  /** The message, as gRPC frames it, until it is read. */
  #body: Uint8Array;
  /** How many messages may be sent. */
  #credit: number;
  /** The caller is not there any more, or does not read. */
  #deaf = false;
  #begun = false;
  #over = false;
  /** What it ends with, whatever its handler says. */
  #why: WeirError | undefined;
  #wake: (() => void) | undefined;
  #expected: Uint8Array | undefined;
  #afterCall: (() => void)[] | undefined = [];

  constructor(carrier: Carrier, parts: CallParts, { call, message, credit }: Open) {
    this.number = call;
    this.#carrier = carrier;
    this.#parts = parts;
    this.#credit = credit === 0 ? creditMax : credit;
    this.#body = inEnvelope(message);
  }

  /** Has it begin as soon as there is room for it. */
  arrive(): void {
    const { handler, door } = this.#parts;
    door.enter(handler.requestPath, {
      bytes: this.#body.length,
      gone: () => this.#over || this.#deaf,
      begin: (told) => void this.#run(told),
      refuse: (error) => this.#end(error),
    });
  }

  /** Lets more messages be sent. */
  grant(messages: number): void {
    if (this.#credit < creditMax) this.#credit = Math.min(creditMax, this.#credit + messages);
    this.wake();
  }

  /** Looks again whether something can be sent. */
  wake(): void {
    this.#wake?.();
  }

  /** Ends it, for its caller wants no more of it or is gone; or for what the caller did. */
  leave(why?: WeirError): void {
    this.#deaf = true;
    this.#why ??= why;
    this.#abort.abort();
    this.wake();
    // What still waits to begin never will.
    if (!this.#begun) this.#end(toConnectError(callerLeft(), this.#parts.requestId));
  }

  async #run(told: { read(): void; over(): void }): Promise<void> {
    this.#begun = true;
    try {
      const response = await this.#parts.handler({
        ...{ httpVersion: '2.0', method: 'POST', header: this.#parts.header },
        url: this.#carrier.base + this.#parts.handler.requestPath,
        body: this.#read(told.read),
        signal: this.#abort.signal,
        contextValues: this.#parts.values({
          expectBody: (sha256) => {
            this.#expected = sha256;
          },
          afterCall: (done) => this.#whenLeft(done),
          cut: () => this.#cut(),
        }),
      });
      await this.#answer(response);
    } catch (error) {
      this.#carrier.failed(error, this.#parts.requestId);
      this.#end(toConnectError(error, this.#parts.requestId));
    } finally {
      told.read();
      told.over();
    }
  }

  #read(done: () => void): AsyncIterable<Uint8Array> {
    const take = () => {
      const body = this.#body;
      this.#body = nothing;
      return body;
    };
    // What is expected of it is known only when it is read.
    const read = () => {
      const body = whole(take, done);
      return this.#expected ? checkedBody(body, this.#expected, this.#parts.requestId) : body;
    };
    return { [Symbol.asyncIterator]: () => read()[Symbol.asyncIterator]() };
  }

  async #answer({ status, header, body, trailer }: UniversalServerResponse): Promise<void> {
    if (status !== 200) throw new Error(`the RPC library answered with status ${status}`);
    let unheard = 0;
    for await (const chunk of body ?? []) {
      await this.#send(chunk.subarray(envelopeBytes));
      if (!this.#deaf) continue;
      // The handler is told by its own means, and gets as far as its next message to say why.
      unheard += 1;
      if (unheard > 1) this.#abort.abort();
    }
    const lost = unheard > 0 ? toConnectError(callerLeft(), this.#parts.requestId) : undefined;
    this.#end((trailer && findTrailerError(trailer)) ?? lost, [
      ...(header ?? []),
      ...(trailer ?? []),
    ]);
  }

  /** Sends a message when caller and connection take it; nobody takes it from a deaf call. */
  async #send(message: Uint8Array): Promise<void> {
    while (!this.#deaf) {
      if (this.#credit > 0 && this.#carrier.hasRoom()) {
        if (this.#credit < creditMax) this.#credit -= 1;
        this.#carrier.message(this, message);
        return;
      }
      await this.#woken(message.length);
    }
  }

  /** Waits for credit or room; who grants nothing for as long as nobody may not read is cut off. */
  async #woken(waiting: number): Promise<void> {
    const { readers } = this.#parts;
    const reading = {
      ...{ writableLength: waiting, waitingBytes: 0, waitingSinceMs: 0 },
      cutReader: () => this.leave(grantedNothing()),
    };
    // Whether the connection is read at all is watched over for all of its calls.
    if (this.#credit === 0) readers.enter(reading);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    readers.leave(reading);
  }

  /** What waits for its reader is given up, so that the handler comes to its end. */
  #cut(): void {
    this.#deaf = true;
    this.wake();
  }

  #whenLeft(done: () => void): void {
    if (this.#afterCall && !this.#carrier.closed) this.#afterCall.push(done);
    else done();
  }

  #end(given?: ConnectError, said: readonly (readonly [string, string])[] = []): void {
    if (this.#over) return;
    this.#over = true;
    const { requestId } = this.#parts;
    const error = this.#why ? toConnectError(this.#why, requestId) : given;
    const metadata = metadataOf([...said, ...(error?.metadata ?? [])], requestId);
    this.#carrier.end(this, { call: this.number, error, metadata }, () => {
      const waiting = this.#afterCall ?? [];
      this.#afterCall = undefined;
      for (const done of waiting) done();
    });
  }
}

function grantedNothing() {
  const text = 'no message was granted for long, and the call was cut off; go on from where it was';
  return refuse(Reason.SUBSCRIBER_SLOW, text);
}

/** The refusal of a call of which nobody has heard, or that cannot be made this way. */
export function checkHandler(handler: UniversalHandler | undefined, method: string) {
  const kind = handler?.method.methodKind;
  if (handler && (kind === 'unary' || kind === 'server_streaming')) return handler;
  const named = JSON.stringify(method.slice(0, 200));
  const text = handler
    ? `${named} takes several messages, which only gRPC can send: call it by gRPC`
    : `there is no method ${named}: name it as its path, such as "/weir.router.v1.RouterService/FetchContext"`;
  throw refuse(Reason.UNSUPPORTED, text);
}

/** What headers and trailers say, without the framing's part. */
function metadataOf(
  said: readonly (readonly [string, string])[],
  requestId: string,
): Record<string, string> {
  const own = said.filter(([name]) => !/^(grpc-|content-)/.test(name));
  return { 'x-request-id': requestId, ...Object.fromEntries(own) };
}

function inEnvelope(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(envelopeBytes + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, envelopeBytes);
  return bytes;
}

async function* whole(take: () => Uint8Array, done: () => void): AsyncGenerator<Uint8Array> {
  yield take();
  done();
}
