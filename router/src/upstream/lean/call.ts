import { Code, ConnectError } from '@connectrpc/connect';
import type { AnswerListener, ClientRequest, ClientStream } from '@weir/kit';
import { FrameReader } from './frames.ts';
import { type Inflate, inflaterOf } from './inflate.ts';
import type { Session } from './session.ts';
import type { Sessions, SessionUser } from './sessions.ts';
import { errorOfFailure, type Fields, isStatusOk, readHead } from './status.ts';

/** What is sent. */
export interface CallRequest extends ClientRequest {
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

/**
 * A call of gRPC with one message to send, and any number to receive. It speaks to its receiver
 * as things come, and never from within its constructor.
 */
export class Call implements SessionUser, AnswerListener {
  private readonly request: CallRequest;
  private readonly receiver: Receiver;
  private readonly deadline: NodeJS.Timeout;
  private readonly frames = new FrameReader();
  private stream: ClientStream | undefined;
  private inflate: Inflate | undefined;
  private isInflating = false;
  private isPaused = false;
  /** Nothing more is told to the receiver. */
  isOver = false;
  /** A status that says that all is well. */
  private isWell = false;
  /** All of the body has come. */
  private isWhole = false;
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
    this.stream = session.open(this.request, this);
  }

  fail(error: unknown): void {
    this.end(error);
  }

  // What comes in its stream.

  onHead(fields: Fields): void {
    try {
      const { ended, encoding } = readHead(fields);
      this.isWell = ended;
      if (encoding === undefined) return;
      this.inflate = inflaterOf(encoding);
      if (this.inflate) return;
      throw new ConnectError(`unsupported response encoding "${encoding}"`, Code.Internal);
    } catch (error) {
      this.end(error);
    }
  }

  onData(piece: Buffer): void {
    if (this.isOver) return;
    this.frames.push(piece);
    this.deliver();
  }

  onTrailers(fields: Fields): void {
    if (this.isOver || this.isWell) return;
    try {
      this.isWell = isStatusOk(fields);
    } catch (error) {
      this.trailing = ConnectError.from(error);
    }
  }

  onEnd(): void {
    this.isWhole = true;
    this.finish();
  }

  onFail(error: Error): void {
    this.end(errorOfFailure(error));
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
    if (this.isWhole) this.finish();
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
    if (this.frames.partial) {
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
    this.stream?.cancel();
  }
}

function onDeadline(call: Call): void {
  call.end(new ConnectError('the operation timed out', Code.DeadlineExceeded));
}
