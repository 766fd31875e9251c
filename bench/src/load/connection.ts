import { connect, type Socket } from 'node:net';
import { Call, CallTable } from './calls.ts';
import { type FrameHead, FrameReader, type FrameSink } from './frame-reader.ts';
import {
  byteAt,
  cancelCode,
  errorName,
  frameFlag,
  frameHeadBytes,
  frameOf,
  frameType,
  goaway,
  greeting,
  PeerFault,
  readUint32,
  rstStream,
  setting,
  windowUpdate,
  writeUint32,
} from './frames.ts';
import { emptyTable } from './header-block.ts';
import { type Block, HeaderFrames } from './header-frames.ts';
import { countData, type Judge, type Judgement } from './judge.ts';
import { Outbox, type Room } from './outbox.ts';
import type { Requests } from './requests.ts';
import { SendFlow } from './send-flow.ts';
import type { Verdict, Verdicts } from './verdicts.ts';

/** What is told of a connection. */
export interface ConnectionEvents {
  /** A call has ended; it is used again afterwards. */
  ended(call: Call, judgement: Judgement, nowMs: number): void;
  /** A piece was read to its end: calls may be begun, and are sent when this returns. */
  turn(connection: Connection): void;
  /** It takes no more calls. Those under way end by themselves. */
  left(connection: Connection): void;
}

/** Where bytes are read to. All connections may share it. */
export interface Intake {
  readonly buffer: Uint8Array;
  bytesRead: number;
}

/** What a connection needs. */
export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly judge: Judge;
  readonly verdicts: Verdicts;
  readonly intake: Intake;
  readonly events: ConnectionEvents;
}

const openTimeoutMs = 10_000;
const closeTimeoutMs = 1_000;
const defaultHeaderTableBytes = 4_096;
/** After so many bytes the connection's window is opened again. */
const topUpBytes = 2 ** 29;
/** No more streams fit into a connection (RFC 9113, section 5.1.1). */
const lastStreamId = 2 ** 31 - 3;

/** Opens a connection and waits for the peer's settings. Throws when they do not come. */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const opened = Promise.withResolvers<void>();
  const connection = new Connection(options, opened);
  const timer = setTimeout(() => connection.fail('no settings came'), openTimeoutMs);
  try {
    await opened.promise;
  } finally {
    clearTimeout(timer);
  }
  return connection;
}

/** A connection with prior knowledge of HTTP/2, without TLS. */
export class Connection implements FrameSink {
  readonly #options: ConnectionOptions;
  readonly #opened: PromiseWithResolvers<void>;
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #reader = new FrameReader(this);
  readonly #flow = new SendFlow();
  readonly #calls = new CallTable();
  readonly #unused: Call[] = [];
  #state: 'opening' | 'open' | 'leaving' | 'closing' | 'closed' = 'opening';
  #maxCalls = Number.POSITIVE_INFINITY;
  /** The peer's table is smaller than usual, and the next block must say that it stays empty. */
  #mustEmptyTable = false;
  readonly #headerFrames = new HeaderFrames((block, bytes, from, to) =>
    this.#block(block, bytes, from, to),
  );
  #takenBytes = 0;
  #nowMs = 0;
  /** Streams under way. */
  active = 0;
  /** So many calls a closed loop keeps under way here. */
  share = 0;

  constructor(options: ConnectionOptions, opened: PromiseWithResolvers<void>) {
    this.#options = options;
    this.#opened = opened;
    this.#socket = connect({
      host: options.host,
      port: options.port,
      noDelay: true,
      onread: {
        buffer: options.intake.buffer,
        callback: (count, bytes) => this.#read(bytes, count),
      },
    });
    this.#socket.on('error', (error) => this.fail(`connection: ${codeOf(error)}`));
    this.#socket.on('close', () => this.fail('connection closed'));
    this.#outbox = new Outbox(this.#socket);
    this.#outbox.add(greeting());
    this.flush();
  }

  /** Whether a call can be begun: the peer's limit of streams is not reached. */
  get hasRoom(): boolean {
    return this.#state === 'open' && this.active < this.#maxCalls;
  }

  /** Whether it takes no more calls. */
  get leaving(): boolean {
    return this.#state !== 'opening' && this.#state !== 'open';
  }

  get closed(): boolean {
    return this.#state === 'closed';
  }

  /** Begins the next call; its bytes are sent with the next flush, or as the peer takes them. */
  begin(requests: Requests, intendedMs: number): Call {
    const call = this.#unused.pop() ?? new Call();
    call.begin(this.#calls.nextId, intendedMs);
    this.#calls.add(call);
    this.active++;
    if (call.id >= lastStreamId) this.#leave();
    const { head, body } = requests;
    if (!this.#mustEmptyTable && this.#flow.take(body.length - frameHeadBytes)) {
      this.#put(head, call.id);
      const { bytes, usedBytes } = this.#put(body, call.id);
      requests.finish(bytes, usedBytes - body.length);
    } else this.#beginSlowly(call.id, requests);
    return call;
  }

  /** Sends what was begun. */
  flush(): void {
    if (this.#state !== 'closing' && this.#state !== 'closed') this.#outbox.flush();
  }

  /**
   * Counts the calls that were to be sent before this as lost. Their streams stay open until the peer
   * ends them: thousands of streams cancelled at once are an attack, which servers ward off.
   */
  expire(beforeMs: number): void {
    for (let call = this.#calls.oldest(); call; call = this.#calls.oldest()) {
      if (call.intendedMs >= beforeMs) return;
      this.#calls.passOldest();
      call.lost = true;
      this.#options.events.ended(call, bad('no answer'), performance.now());
    }
  }

  /** Says good-bye, and waits for the end. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    const closed = new Promise((resolve) => this.#socket.once('close', resolve));
    if (this.#state !== 'closing') {
      this.#outbox.add(goaway());
      this.flush();
      this.#state = 'closing';
      this.#socket.end();
    }
    const timer = setTimeout(() => this.#socket.destroy(), closeTimeoutMs);
    await closed;
    clearTimeout(timer);
  }

  /** Ends the connection and all of its calls. */
  fail(fault: string): void {
    if (this.#state === 'closed') return;
    const nowMs = performance.now();
    this.#leave();
    this.#state = 'closed';
    this.#socket.destroy();
    for (const call of this.#calls.above(0)) this.#end(call, { fault, refused: false }, nowMs);
    this.#opened.reject(new Error(fault));
  }

  #leave(): void {
    if (this.#state !== 'open') return;
    this.#state = 'leaving';
    this.#options.events.left(this);
  }

  #put(frame: Uint8Array, id: number): Room {
    const room = this.#outbox.room(frame.length);
    room.bytes.set(frame, room.usedBytes);
    writeUint32(room.bytes, room.usedBytes + 5, id);
    room.usedBytes += frame.length;
    return room;
  }

  #beginSlowly(id: number, requests: Requests): void {
    const block = requests.head.subarray(frameHeadBytes);
    const content = this.#mustEmptyTable
      ? Buffer.concat([Uint8Array.of(emptyTable), block])
      : block;
    this.#mustEmptyTable = false;
    const flags = frameFlag.endHeaders;
    this.#outbox.add(frameOf(frameType.headers, { flags, id, content }));
    const body = new Uint8Array(requests.body);
    requests.finish(body, 0);
    this.#flow.wait(id, body.subarray(frameHeadBytes));
    this.#flow.write(this.#outbox);
  }

  #read(bytes: Uint8Array, count: number): boolean {
    if (this.#state === 'closing') return true;
    this.#nowMs = performance.now();
    this.#options.intake.bytesRead += count;
    try {
      this.#reader.read(bytes, count);
    } catch (error) {
      if (!(error instanceof PeerFault)) throw error;
      this.fail(`broken HTTP/2: ${error.message}`);
      return false;
    }
    if (this.#takenBytes > topUpBytes) {
      this.#outbox.add(windowUpdate(this.#takenBytes));
      this.#takenBytes = 0;
    }
    if (this.#state === 'open') this.#options.events.turn(this);
    this.flush();
    if (this.#state === 'leaving' && this.active === 0) void this.close();
    return true;
  }

  data(id: number, bytes: Uint8Array, from: number, to: number, ends: boolean): void {
    this.#takenBytes += to - from;
    const call = this.#calls.get(id);
    if (call === undefined) return;
    countData(call, bytes, from, to);
    if (call.kept !== undefined) call.kept.push(new Uint8Array(bytes.subarray(from, to)));
    if (ends) this.#judge(call, undefined);
  }

  frame(head: Readonly<FrameHead>, bytes: Uint8Array, from: number, to: number): void {
    if (this.#state === 'opening' && head.type !== frameType.settings) {
      throw new PeerFault('it does not begin with its settings');
    }
    if (this.#headerFrames.unfinished && head.type !== frameType.continuation) {
      throw new PeerFault('a block of headers without an end');
    }
    if (head.type === frameType.headers) this.#headerFrames.headers(head, bytes, from, to);
    else if (head.type === frameType.data) this.#paddedData(head, bytes, from, to);
    else this.#control(head, bytes.subarray(from, to));
  }

  #control(head: Readonly<FrameHead>, content: Uint8Array): void {
    switch (head.type) {
      case frameType.continuation:
        this.#headerFrames.continuation(head, content);
        break;
      case frameType.settings:
        this.#settings(head, content);
        break;
      case frameType.windowUpdate:
        this.#flow.widen(head.id, readUint32(content, 0) & 0x7fffffff);
        this.#flow.write(this.#outbox);
        break;
      case frameType.ping:
        this.#ping(head, content);
        break;
      case frameType.rstStream:
        this.#reset(head.id, readUint32(content, 0));
        break;
      case frameType.goaway:
        this.#goaway(readUint32(content, 0) & 0x7fffffff, readUint32(content, 4));
        break;
      case frameType.pushPromise:
        throw new PeerFault('a push that we do not want');
    }
  }

  #paddedData(head: FrameHead, bytes: Uint8Array, from: number, to: number): void {
    const padding = byteAt(bytes, from);
    if (padding >= to - from) throw new PeerFault('more padding than content');
    this.#takenBytes += padding + 1;
    this.data(head.id, bytes, from + 1, to - padding, (head.flags & frameFlag.endStream) !== 0);
  }

  #block({ id, ends }: Block, bytes: Uint8Array, from: number, to: number): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    const verdict = this.#verdict(ends ? 1 : 0, bytes, from, to);
    if (ends) {
      this.#judge(call, verdict);
      return;
    }
    if (call.head !== undefined) throw new PeerFault('headers between the parts of a message');
    // Those below 200 are told before the answer.
    const { status = 200 } = verdict;
    if (status >= 200) call.head = verdict;
  }

  #verdict(kind: 0 | 1, bytes: Uint8Array, from: number, to: number): Verdict {
    try {
      return this.#options.verdicts.of(kind, bytes, from, to);
    } catch {
      throw new PeerFault('a block of headers that cannot be read');
    }
  }

  #settings({ flags }: FrameHead, content: Uint8Array): void {
    if ((flags & frameFlag.ack) !== 0) return;
    for (let at = 0; at + 6 <= content.length; at += 6) {
      const id = (byteAt(content, at) << 8) | byteAt(content, at + 1);
      this.#setting(id, readUint32(content, at + 2));
    }
    this.#outbox.add(frameOf(frameType.settings, { flags: frameFlag.ack, content: Buffer.of() }));
    this.#flow.write(this.#outbox);
    if (this.#state !== 'opening') return;
    this.#state = 'open';
    this.#opened.resolve();
  }

  #setting(id: number, value: number): void {
    if (id === setting.maxConcurrentStreams) this.#maxCalls = value;
    if (id === setting.initialWindowSize) this.#flow.initialWindowBytes = value;
    if (id === setting.maxFrameSize) this.#flow.maxFrameBytes = value;
    if (id === setting.headerTableSize && value < defaultHeaderTableBytes) {
      this.#mustEmptyTable = true;
    }
  }

  #ping({ flags }: FrameHead, content: Uint8Array): void {
    if ((flags & frameFlag.ack) !== 0) return;
    this.#outbox.add(frameOf(frameType.ping, { flags: frameFlag.ack, content }));
  }

  #reset(id: number, code: number): void {
    const call = this.#calls.get(id);
    if (call) this.#end(call, bad(`RST_STREAM ${errorName(code)}`), this.#nowMs);
  }

  #goaway(lastId: number, code: number): void {
    this.#leave();
    for (const call of this.#calls.above(lastId)) {
      this.#end(call, bad(`GOAWAY ${errorName(code)}`), this.#nowMs);
    }
  }

  #judge(call: Call, trailers: Verdict | undefined): void {
    this.#end(call, this.#options.judge(call, trailers), this.#nowMs);
  }

  #end(call: Call, judgement: Judgement, nowMs: number): void {
    this.#calls.delete(call.id);
    this.active--;
    // The peer waits for the rest of what it has answered already.
    if (this.#flow.forget(call.id)) this.#outbox.add(rstStream(call.id, cancelCode));
    if (!call.lost) this.#options.events.ended(call, judgement, nowMs);
    this.#unused.push(call);
  }
}

function bad(fault: string): Judgement {
  return { fault, refused: false };
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.message;
}
