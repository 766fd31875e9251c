import type { JsonObject } from '@bufbuild/protobuf';
import type { EventStream } from './event-stream.ts';

/** What is kept of one stream, for a client that was cut off from it; its last message in any case. */
const KEPT_MAX_MESSAGES = 256;
const KEPT_MAX_BYTES = 1024 * 1024;

/** A message of a stream that is kept. */
export interface KeptMessage {
  /** Its number in the stream, from 1. */
  readonly at: number;
  readonly message: JsonObject;
  readonly bytes: number;
  /** It may be left out where too much waits. */
  readonly mayBeLost: boolean;
}

/**
 * The messages of one stream of events. A client that was cut off from it goes on from the last event
 * that it has heard; what came meanwhile is kept, as far as there is room.
 */
export class MessageLog {
  readonly id: string;
  readonly #kept: KeptMessage[] = [];
  readonly #cutOff: (log: MessageLog) => void;
  #bytes = 0;
  #next = 1;
  #stream: EventStream | undefined;
  #isOver = false;
  #onMore: () => void = () => {};

  /** `cutOff` is called when a client left before it had everything. */
  constructor(id: string, cutOff: (log: MessageLog) => void) {
    this.id = id;
    this.#cutOff = cutOff;
  }

  /** Whether its last message was sent. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether somebody reads it. */
  get isRead(): boolean {
    return this.#stream !== undefined && !this.#stream.isClosed;
  }

  /** Has messages go to a stream from now on; whoever read it before reads it no more. */
  attach(stream: EventStream, after?: number): void {
    this.leave();
    this.#stream = stream;
    void stream.closed.then((isWhole) => {
      if (this.#stream === stream && !(isWhole && this.#isOver)) this.#cutOff(this);
    });
    if (after === undefined) stream.prime(eventIdOf(this.id, 0));
    else
      for (const { at, message } of this.keptAfter(after))
        stream.send(message, eventIdOf(this.id, at));
    if (this.#isOver) stream.end();
  }

  /** Nobody reads it here any more. */
  leave(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.end();
  }

  /** What is kept of it after a message. */
  keptAfter(after: number): readonly KeptMessage[] {
    return this.#kept.filter(({ at }) => at > after);
  }

  /** Who is told that there is more, or that it is over; there is one. */
  onMore(listener: () => void): void {
    this.#onMore = listener;
  }

  /** Sends a message; one that may be left out is left out where too much waits. */
  send(message: JsonObject, { mayBeLost = false } = {}): void {
    if (this.#isOver || (mayBeLost && this.#stream?.isFull)) return;
    const at = this.#next++;
    this.#keep({ at, message, bytes: JSON.stringify(message).length, mayBeLost });
    this.#stream?.send(message, eventIdOf(this.id, at));
    this.#onMore();
  }

  /** Ends it; who was cut off can still read it. */
  end(): void {
    this.#isOver = true;
    this.#stream?.end();
    this.#onMore();
  }

  #keep(kept: KeptMessage): void {
    this.#kept.push(kept);
    this.#bytes += kept.bytes;
    while (
      this.#kept.length > 1 &&
      (this.#kept.length > KEPT_MAX_MESSAGES || this.#bytes > KEPT_MAX_BYTES)
    ) {
      this.#bytes -= this.#kept.shift()?.bytes ?? 0;
    }
  }
}

/** The id of an event that is a message of a stream. */
export function eventIdOf(log: string, at: number): string {
  return `${log}_${at}`;
}

/** The stream and the place in it that an event's id names; undefined: it is none of ours. */
export function parseEventId(
  id: string,
): { readonly log: string; readonly at: number } | undefined {
  const [, log, at] = /^([\w.-]{1,512})_(\d{1,15})$/.exec(id) ?? [];
  return log === undefined ? undefined : { log, at: Number(at) };
}
