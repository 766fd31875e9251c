import { once } from 'node:events';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { fieldOf } from '../../h2/fields.ts';
import { preface } from '../../h2/frames.ts';
import {
  flags,
  frameOf,
  kinds,
  type ReadFrame,
  readFrames,
  setting,
  uint32,
} from '../../testing/http2-frames.ts';
import { ClientSession, type SessionListener } from './client-session.ts';
import type { AnswerListener, ClientStream } from './client-stream.ts';
import { requestHead } from './request.ts';

// Peers of a client's session, and what the session tells of them.

const none = Buffer.alloc(0);
const { end, endHeaders, padded } = flags;

/** The headers of every request. */
export const head: Buffer = requestHead([
  ...[':method', 'POST', ':scheme', 'http', ':path', '/', ':authority', 'x'],
]);

/** Waits until it holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate);
}

/** An answer, as far as it was told. */
export class Answer implements AnswerListener {
  stream: ClientStream | undefined;
  head: readonly string[] | undefined;
  readonly pieces: Buffer[] = [];
  trailers: readonly string[] | undefined;
  ended = false;
  error: Error | undefined;
  /** What was told behind the end. */
  late = 0;
  /** Told of everything that comes, from within. */
  react: (what: 'head' | 'data' | 'trailers') => void = () => {};

  get isOver(): boolean {
    return this.ended || this.error !== undefined;
  }

  get bytes(): number {
    return this.pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  get body(): string {
    return Buffer.concat(this.pieces).toString('latin1');
  }

  onHead(fields: readonly string[]): void {
    this.#hear();
    this.head = fields;
    this.react('head');
  }

  onData(piece: Buffer): void {
    this.#hear();
    this.pieces.push(piece);
    this.react('data');
  }

  onTrailers(fields: readonly string[]): void {
    this.#hear();
    this.trailers = fields;
    this.react('trailers');
  }

  onEnd(): void {
    this.#hear();
    this.ended = true;
  }

  onFail(error: Error): void {
    this.#hear();
    this.error = error;
  }

  #hear(): void {
    if (this.isOver) this.late += 1;
  }
}

/** A session, and what it has told. */
export class TestSession implements SessionListener {
  readonly socket: Socket;
  readonly session: ClientSession;
  opened = 0;
  readonly leaving: string[] = [];
  readonly closed: Error[] = [];
  /** Told when the session is open, from within. */
  reactToOpen: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    this.session = new ClientSession(socket, this);
  }

  onOpen(): void {
    this.opened += 1;
    this.reactToOpen();
  }

  onHeard(): void {}

  onLeaving(text: Buffer): void {
    this.leaving.push(text.toString());
  }

  onClose(error: Error): void {
    this.closed.push(error);
  }

  ask(body: Uint8Array = none, react: Answer['react'] = () => {}): Answer {
    const answer = new Answer();
    answer.react = react;
    answer.stream = this.session.request({ head, more: [], body }, answer);
    return answer;
  }
}

/** How a peer that sends frame by frame begins. */
interface RawPeerOptions {
  /** Its settings. Default: none, which is a greeting too. Null: it does not greet. */
  readonly settings?: Uint8Array | null;
  /** Whether it reads what it is sent. Default: true. */
  readonly reads?: boolean;
}

/** A session with a peer that sends what the test has it send. */
export class RawPeer extends TestSession implements AsyncDisposable {
  readonly peer: Socket;
  /** What the session has sent. */
  readonly frames: ReadFrame[] = [];
  readonly #server: Server;

  constructor(server: Server, socket: Socket, peer: Socket) {
    super(socket);
    this.#server = server;
    this.peer = peer;
    peer.on('error', () => {});
  }

  /** Reads what the session sends, from its beginning. */
  async read(): Promise<void> {
    let begun: Buffer | null = null;
    for (;;) {
      begun = this.peer.read(preface.length);
      if (begun) break;
      await once(this.peer, 'readable');
    }
    if (!preface.equals(begun)) throw new Error('no preface');
    readFrames(this.peer, (frame) => this.frames.push(frame));
  }

  /** The frames of a kind, and of a stream, that the session has sent. */
  sent(kind: number, stream?: number): ReadFrame[] {
    return this.frames.filter(
      (frame) => frame.kind === kind && (stream === undefined || frame.stream === stream),
    );
  }

  /** The bodies that the session has sent in a stream. */
  sentBytes(stream: number): number {
    return this.sent(kinds.data, stream).reduce((sum, { payload }) => sum + payload.length, 0);
  }

  /** What the session lets the peer send, beyond what it did from the beginning; 0: in all streams. */
  widened(stream: number): number {
    const all = this.sent(kinds.windowUpdate, stream);
    return all.reduce((sum, { payload }) => sum + payload.readUInt32BE(), 0);
  }

  write(...frames: readonly Uint8Array[]): void {
    this.peer.write(Buffer.concat(frames));
  }

  /** Waits until all that was written has been read, and what that leads to as well. */
  async settle(): Promise<void> {
    const payload = Buffer.from(`${this.frames.length}`.padStart(8));
    this.write(frameOf(kinds.ping, { payload }));
    await until(() => this.sent(kinds.ping).some((frame) => frame.payload.equals(payload)));
  }

  /** Asks, and waits until the peer has the request. */
  async asked(react?: Answer['react']): Promise<Answer> {
    const answer = this.ask(none, react);
    const id = answer.stream?.id;
    await until(() => this.sent(kinds.headers, id).length > 0);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy();
    this.peer.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Opens one. */
export async function openRawPeer(options: RawPeerOptions = {}): Promise<RawPeer> {
  const { settings = none, reads = true } = options;
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer({ noDelay: true, pauseOnConnect: !reads }, accepted.resolve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const raw = new RawPeer(server, socket, await accepted.promise);
  if (reads) await raw.read();
  if (settings) {
    raw.write(frameOf(kinds.settings, { payload: settings }));
    await until(() => raw.opened > 0);
  }
  return raw;
}

/** A session with a server of Node, which answers as it is told. */
export async function openNodePeer(answer: (stream: ServerHttp2Stream) => void) {
  const server = createHttp2Server();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    answer(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const test = new TestSession(connect({ port, host: '127.0.0.1' }));
  return {
    test,
    async [Symbol.asyncDispose]() {
      test.session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

// Frames of answers, and what is in them.

export const MEGABYTE = 1024 * 1024;
/** What a window holds from the beginning. */
export const FIRST_WINDOW = 65_535;
export const WINDOW_MAX = 2 ** 31 - 1;
/** What a session lets its peer send in all streams, from the beginning on, beyond that. */
export const WIDENED = 8 * MEGABYTE - FIRST_WINDOW;

export const setInitialWindow = (bytes: number): Buffer => setting(4, bytes);
export const setMaxStreams = (most: number): Buffer => setting(3, most);
export const ping: Buffer = frameOf(kinds.ping, { payload: Buffer.alloc(8) });

/** A block that stands for more than 64 KB of headers, with an entry that the table keeps. */
export const bomb: Buffer = Buffer.concat([
  Buffer.of(0x88, 0x40, 1, 0x78, 0x7f, 0xa1, 0x1e),
  Buffer.alloc(4_000, 'y'),
  Buffer.alloc(30, 0xbe),
]);

/** Headers that say that it is well; `more`: names and values in turn. */
export function ok(stream: number, flagged = 0, more: readonly string[] = []): Buffer {
  return headers(stream, fields(':status', '200', ...more), flagged | endHeaders);
}

export function headers(stream: number, payload: Uint8Array, flagged: number = endHeaders): Buffer {
  return frameOf(kinds.headers, { flags: flagged, stream, payload });
}

/** A block of headers: names and values in turn. */
export function fields(...texts: readonly string[]): Buffer {
  const all: Buffer[] = [];
  for (let at = 0; at < texts.length; at += 2) {
    all.push(fieldOf(texts[at] as string, texts[at + 1] as string));
  }
  return Buffer.concat(all);
}

export function data(stream: number, content: string | Uint8Array, flagged = 0): Buffer {
  return frameOf(kinds.data, { flags: flagged, stream, payload: Buffer.from(content) });
}

export function paddedData(stream: number, content: string, padding: number): Buffer {
  const payload = Buffer.concat([Buffer.of(padding), Buffer.from(content), Buffer.alloc(padding)]);
  return frameOf(kinds.data, { flags: padded, stream, payload });
}

/** The whole of an answer. */
export function whole(stream: number, content: string): Buffer {
  return Buffer.concat([ok(stream), data(stream, content, end)]);
}

export function reset(stream: number, code: number): Buffer {
  return frameOf(kinds.reset, { stream, payload: uint32(code) });
}

export function windowUpdate(stream: number, bytes: number): Buffer {
  return frameOf(kinds.windowUpdate, { stream, payload: uint32(bytes) });
}

export function goaway(last: number, code: number, text = ''): Buffer {
  const payload = Buffer.concat([uint32(last), uint32(code), Buffer.from(text)]);
  return frameOf(kinds.goaway, { payload });
}

export function settings(...all: readonly Uint8Array[]): Buffer {
  return frameOf(kinds.settings, { payload: Buffer.concat(all) });
}
