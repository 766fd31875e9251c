import { Code, ConnectError } from '@connectrpc/connect';
import {
  type AnswerListener,
  type ClientRequest,
  ClientSession,
  type ClientStream,
  ConnectionLost,
  type OutboundGuard,
  type SessionListener,
} from '@weir/kit';
import { errorOfFailure } from './status.ts';

/** A peer that was not heard of for so long, while it owes an answer, is asked whether it is there. */
export const PING_INTERVAL_MS = 10_000;
const PING_TIMEOUT_MS = 2_000;
/** A peer has to greet within so long. */
const CONNECT_MS = 10_000;
/** A session without a call is closed after so long. */
const IDLE_MS = 60_000;
const TICK_MS = 1_000;

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
export class Session implements SessionListener {
  state: 'connecting' | 'open' | 'ending' | 'gone' = 'connecting';
  failure: ConnectError | undefined;
  private readonly http2: ClientSession;
  private readonly opened = Promise.withResolvers<void>();
  private readonly closed = Promise.withResolvers<void>();
  private readonly options: SessionOptions;
  private readonly ticking: NodeJS.Timeout;
  private heardMs = performance.now();
  private verifying: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.options = options;
    const { outbound, url } = options;
    const socket = outbound.connect(url, { alpn: ['h2'] });
    // Calls under way keep the process by their deadlines, sessions never do.
    socket.unref();
    this.http2 = new ClientSession(socket, this);
    this.ticking = setInterval(() => this.tick(), TICK_MS).unref();
  }

  /** Streams that are open. */
  get streams(): number {
    return this.http2.openStreams;
  }

  /** Whether a further stream would go out at once. */
  get hasRoom(): boolean {
    return this.http2.hasRoom;
  }

  /** Settles when it is open, or when it could not be opened: then `failure` says why. */
  get connected(): Promise<void> {
    return this.opened.promise;
  }

  /** Whether it was silent for so long that it has to be tried before it is used. */
  get isDoubtful(): boolean {
    return performance.now() - this.heardMs > this.options.pingIntervalMs;
  }

  /** Opens a stream. */
  open(request: ClientRequest, listener: AnswerListener): ClientStream {
    return this.http2.request(request, listener);
  }

  /** Finds out whether the peer is there; one that is not is gone afterwards. Never rejects. */
  verify(): Promise<void> {
    this.verifying ??= this.ping().finally(() => {
      this.verifying = undefined;
    });
    return this.verifying;
  }

  /** Ends it, and all that goes on in it. */
  destroy(error: ConnectError): void {
    this.http2.destroy(error);
  }

  // What the session tells.

  onOpen(): void {
    // With its settings the peer says how many streams it takes: before, some might be refused.
    this.state = 'open';
    this.opened.resolve();
  }

  onHeard(): void {
    this.heardMs = performance.now();
  }

  onLeaving(text: Buffer): void {
    if (text.equals(tooManyPings)) this.options.onTooManyPings();
    this.end('ending');
    // Nobody will use it again.
    if (this.streams === 0) this.http2.close();
  }

  onClose(error: Error): void {
    this.failure =
      error instanceof ConnectionLost
        ? new ConnectError(error.message, Code.Unavailable)
        : errorOfFailure(error);
    this.end('gone');
    this.opened.resolve();
    this.closed.resolve();
  }

  private end(state: 'ending' | 'gone'): void {
    if (this.state === 'gone') return;
    this.state = state;
    if (state === 'gone') clearInterval(this.ticking);
    this.options.onEnded(this);
  }

  private tick(): void {
    const idleMs = performance.now() - this.http2.idleSinceMs;
    if (this.state === 'connecting') {
      if (idleMs < CONNECT_MS) return;
      this.destroy(new ConnectError('the peer does not greet', Code.Unavailable));
    } else if (this.streams > 0) {
      if (this.isDoubtful) void this.verify();
    } else if (this.state === 'ending' || idleMs > IDLE_MS) this.http2.close();
  }

  private async ping(): Promise<void> {
    const answered = Promise.withResolvers<void>();
    const alarm = setTimeout(() => {
      this.destroy(new ConnectError('the peer answers no ping', Code.Unavailable));
    }, PING_TIMEOUT_MS);
    this.http2.ping(answered.resolve);
    await Promise.race([answered.promise, this.closed.promise]);
    clearTimeout(alarm);
  }
}
