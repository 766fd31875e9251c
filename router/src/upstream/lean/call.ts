import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import { Code, ConnectError } from '@connectrpc/connect';
import { FrameReader } from './frames.ts';
import { type Inflate, inflaterOf } from './inflate.ts';
import type { Session } from './session.ts';
import type { Sessions, SessionUser } from './sessions.ts';
import { errorOfClose, errorOfNode, isStatusOk, readHead } from './status.ts';

/** What is sent. */
export interface CallRequest {
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** The message, with its prefix. */
  readonly body: Buffer;
  /** When it is over at the latest, from now on. */
  readonly timeoutMs: number;
}

/** Takes what comes of a call. */
export interface Receiver {
  /** A message, which may be a view of more. When it throws, the call ends with that. */
  onMessage(bytes: Buffer): void;
  /** Once, and last. Undefined: it ended as it should. */
  onEnd(error: unknown): void;
}

/** How a stream finds its call: a closure for each event would cost more than the event. */
const ofStream = Symbol('call');
type CallStream = ClientHttp2Stream & { [ofStream]: Call };

/**
 * A call of gRPC with one message to send, and any number to receive. It speaks to its receiver
 * as things come, and never from within its constructor.
 */
export class Call implements SessionUser {
  private readonly request: CallRequest;
  private readonly receiver: Receiver;
  private readonly deadline: NodeJS.Timeout;
  private readonly frames = new FrameReader();
  private session: Session | undefined;
  private stream: CallStream | undefined;
  private inflate: Inflate | undefined;
  private isInflating = false;
  private isPaused = false;
  /** Nothing more is told to the receiver. */
  private isOver = false;
  /** It has headers that are those of an answer. */
  private isAnswer = false;
  /** A status that says that all is well. */
  private isWell = false;
  /** All of the body has come. */
  private isWhole = false;
  /** The stream is gone, whole or not. */
  private isClosed = false;
  /** What the trailers tell, which is due after all messages. */
  private trailing: ConnectError | undefined;

  constructor(sessions: Sessions, request: CallRequest, receiver: Receiver) {
    this.request = request;
    this.receiver = receiver;
    this.deadline = setTimeout(onDeadline, request.timeoutMs, this);
    sessions.use(this);
  }

  /** Ends it, unless it is over; the receiver is told no more. */
  cancel(): void {
    this.isOver = true;
    this.letGo();
  }

  /** Has the peer wait, as far as its window allows. */
  pause(): void {
    this.isPaused = true;
    this.stream?.pause();
  }

  /** Goes on after `pause`. */
  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    if (!this.isInflating) this.stream?.resume();
  }

  send(session: Session): void {
    // Cancelled, or late, while the session was opened.
    if (this.isOver) return;
    this.session = session;
    const { headers, body } = this.request;
    const stream = session.open(headers) as CallStream;
    this.stream = stream;
    stream[ofStream] = this;
    stream.on('response', onResponse);
    stream.on('data', onData);
    stream.on('trailers', onTrailers);
    stream.on('end', onEnd);
    stream.on('error', onError);
    stream.on('close', onClose);
    stream.end(body);
  }

  fail(error: unknown): void {
    this.end(error);
  }

  // The events of its stream.

  response(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    this.session?.heard();
    try {
      const { ended, encoding } = readHead(headers);
      this.isWell = ended;
      if (encoding !== undefined) {
        this.inflate = inflaterOf(encoding);
        if (!this.inflate) {
          throw new ConnectError(`unsupported response encoding "${encoding}"`, Code.Internal);
        }
      }
    } catch (error) {
      this.end(ConnectError.from(error));
      return;
    }
    this.isAnswer = true;
    this.deliver();
  }

  data(chunk: Buffer): void {
    if (this.isOver) return;
    this.session?.heard();
    this.frames.push(chunk);
    if (this.isAnswer) this.deliver();
  }

  trailers(headers: IncomingHttpHeaders): void {
    if (this.isOver || this.isWell) return;
    try {
      this.isWell = isStatusOk(headers);
    } catch (error) {
      this.trailing = ConnectError.from(error);
    }
    // Nothing is on its way any more: waiting for the end of the stream would cost a turn.
    if (this.stream?.readableLength === 0) this.whole();
  }

  whole(): void {
    // One that was reset has such an end too; what it was is told next.
    if (!this.isWell && !this.trailing && this.stream?.rstCode !== constants.NGHTTP2_NO_ERROR)
      return;
    this.isWhole = true;
    this.finish();
  }

  close(): void {
    this.session?.closed();
    this.session = undefined;
    this.isClosed = true;
    this.finish();
  }

  /** Hands on the messages that are whole; one that is compressed holds up those behind it. */
  private deliver(): void {
    try {
      while (!this.isOver && !this.isInflating) {
        const frame = this.frames.take();
        if (!frame) break;
        if (frame.compressed && !this.inflate) {
          throw new ConnectError('a message is compressed, unannounced', Code.Internal);
        }
        if (frame.compressed && frame.bytes.length > 0) this.expand(frame.bytes);
        else this.receiver.onMessage(frame.bytes);
      }
    } catch (error) {
      this.end(error);
      return;
    }
    if (this.isWhole || this.isClosed) this.finish();
  }

  private expand(bytes: Buffer): void {
    this.isInflating = true;
    this.stream?.pause();
    this.inflate?.(bytes, (error, message) => {
      this.isInflating = false;
      if (this.isOver) return;
      try {
        if (error) throw error;
        this.receiver.onMessage(message);
      } catch (fault) {
        this.end(fault);
        return;
      }
      this.deliver();
      if (!this.isPaused && !this.isInflating) this.stream?.resume();
    });
  }

  private finish(): void {
    if (this.isOver || this.isInflating) return;
    if (!this.isWhole || !this.isAnswer) {
      const { rstCode = constants.NGHTTP2_NO_ERROR } = this.stream ?? {};
      this.end(errorOfClose(rstCode));
    } else if (this.frames.partial) {
      this.end(new ConnectError('protocol error: incomplete envelope', Code.InvalidArgument));
    } else if (this.trailing || !this.isWell) {
      this.end(this.trailing ?? new ConnectError('protocol error: missing status', Code.Internal));
    } else this.end(undefined);
  }

  end(error: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    if (error === undefined) clearTimeout(this.deadline);
    else this.letGo();
    this.receiver.onEnd(error);
  }

  private letGo(): void {
    clearTimeout(this.deadline);
    const { stream } = this;
    if (!stream || stream.destroyed) return;
    if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
    // What has come of it is read by nobody, and would keep it open.
    stream.resume();
  }
}

function onDeadline(call: Call): void {
  call.end(new ConnectError('the operation timed out', Code.DeadlineExceeded));
}

function onResponse(
  this: ClientHttp2Stream,
  headers: IncomingHttpHeaders & IncomingHttpStatusHeader,
): void {
  (this as CallStream)[ofStream].response(headers);
}

function onData(this: ClientHttp2Stream, chunk: Buffer): void {
  (this as CallStream)[ofStream].data(chunk);
}

function onTrailers(this: ClientHttp2Stream, headers: IncomingHttpHeaders): void {
  (this as CallStream)[ofStream].trailers(headers);
}

function onEnd(this: ClientHttp2Stream): void {
  (this as CallStream)[ofStream].whole();
}

function onError(this: ClientHttp2Stream, error: unknown): void {
  (this as CallStream)[ofStream].end(errorOfNode(error));
}

function onClose(this: ClientHttp2Stream): void {
  (this as CallStream)[ofStream].close();
}
