import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { Code, ConnectError } from '@connectrpc/connect';
import type { OutboundGuard } from '@weir/kit';
import { errorOfNode } from './status.ts';

/** A peer that was not heard of for so long, while it owes an answer, is asked whether it is there. */
export const PING_INTERVAL_MS = 10_000;
const PING_TIMEOUT_MS = 2_000;
/** A peer has to greet within so long. */
const CONNECT_MS = 10_000;
/** A session without a call is closed after so long. */
const IDLE_MS = 60_000;
const TICK_MS = 1_000;
/** How much a peer may send of one answer before it is read. */
const STREAM_WINDOW_BYTES = 1024 * 1024;
/** The same of all answers together. */
const SESSION_WINDOW_BYTES = 8 * 1024 * 1024;

/** What a peer says that wants fewer pings. */
const tooManyPings = Buffer.from('too_many_pings');

/** How a session is opened, and who is told of it. */
export interface SessionOptions {
  readonly outbound: OutboundGuard;
  readonly url: URL;
  readonly pingIntervalMs: number;
  /** It takes no more calls, or is gone. */
  readonly onEnded: (session: Session) => void;
  /** The peer wants fewer pings. */
  readonly onTooManyPings: () => void;
}

/**
 * One session of HTTP/2 with its life: `connecting`; `open`; `ending`: it takes no more calls, and
 * those under way go on; `gone`.
 */
export class Session {
  state: 'connecting' | 'open' | 'ending' | 'gone' = 'connecting';
  /** Streams that are open. */
  streams = 0;
  /** Settles when it is open, or when it could not be opened: then `failure` says why. */
  readonly connected: Promise<void>;
  failure: ConnectError | undefined;
  private readonly http2: ClientHttp2Session;
  private readonly options: SessionOptions;
  private readonly ticking: NodeJS.Timeout;
  private heardMs = performance.now();
  private idleSinceMs = performance.now();
  private verifying: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.options = options;
    const { outbound, url } = options;
    const http2 = connect(url, {
      settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
      createConnection: (to) => outbound.connect(to, { alpn: ['h2'] }),
    });
    this.http2 = http2;
    // Calls under way keep the process by their deadlines, sessions never do.
    http2.unref();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.connected = promise;
    // With them it says how many streams it takes: before, some might be refused.
    http2.once('remoteSettings', () => {
      if (this.state !== 'connecting') return;
      http2.setLocalWindowSize(SESSION_WINDOW_BYTES);
      this.heard();
      this.state = 'open';
      resolve();
    });
    http2.on('error', (error) => {
      this.failure ??= errorOfNode(error);
    });
    http2.on('goaway', (_code, _last, data?: Buffer) => this.leave(data));
    http2.on('close', () => {
      this.failure ??= new ConnectError('the connection was closed', Code.Unavailable);
      this.end('gone');
      resolve();
    });
    this.ticking = setInterval(() => this.tick(), TICK_MS).unref();
  }

  /** Whether a further stream would go out at once. */
  get hasRoom(): boolean {
    const { maxConcurrentStreams: most } = this.http2.remoteSettings;
    return most === undefined || this.streams < most;
  }

  /** Whether it was silent for so long that it has to be tried before it is used. */
  get isDoubtful(): boolean {
    return performance.now() - this.heardMs > this.options.pingIntervalMs;
  }

  /** Opens a stream; to be told when it is closed. */
  open(headers: readonly string[]): ClientHttp2Stream {
    const stream = this.http2.request(headers, { endStream: false });
    this.streams++;
    return stream;
  }

  /** A stream has been closed. */
  closed(): void {
    this.streams--;
    if (this.streams === 0) this.idleSinceMs = performance.now();
  }

  /** Something came of the peer. */
  heard(): void {
    this.heardMs = performance.now();
  }

  /** Finds out whether the peer is there; one that is not is gone afterwards. Never rejects. */
  verify(): Promise<void> {
    this.verifying ??= this.ping().finally(() => {
      this.verifying = undefined;
    });
    return this.verifying;
  }

  /** Ends it, and all that goes on in it. */
  destroy(error?: ConnectError): void {
    this.failure ??= error;
    this.end('gone');
    this.http2.destroy(error, constants.NGHTTP2_CANCEL);
  }

  private leave(data: Buffer | undefined): void {
    if (data?.equals(tooManyPings)) this.options.onTooManyPings();
    this.end('ending');
    // Node keeps one that nobody uses for as long as the peer does.
    if (this.streams === 0) this.destroy();
  }

  private end(state: 'ending' | 'gone'): void {
    if (this.state === 'gone') return;
    this.state = state;
    if (state === 'gone') clearInterval(this.ticking);
    this.options.onEnded(this);
  }

  private tick(): void {
    if (this.state === 'connecting') {
      if (performance.now() - this.idleSinceMs < CONNECT_MS) return;
      this.destroy(new ConnectError('the peer does not greet', Code.Unavailable));
    } else if (this.streams > 0) {
      if (this.isDoubtful) void this.verify();
    } else if (performance.now() - this.idleSinceMs > IDLE_MS) {
      this.end('ending');
      this.http2.close();
    }
  }

  private ping(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const alarm = setTimeout(() => {
      this.destroy(new ConnectError('the peer answers no ping', Code.Unavailable));
    }, PING_TIMEOUT_MS);
    this.http2.once('close', resolve);
    try {
      this.http2.ping((error) => {
        if (error) this.destroy();
        else this.heard();
        resolve();
      });
    } catch {
      // It has ended meanwhile, and is about to say so.
      this.destroy();
      resolve();
    }
    return promise.finally(() => {
      clearTimeout(alarm);
      this.http2.off('close', resolve);
    });
  }
}
