import type { JsonObject } from '@bufbuild/protobuf';
import type { HttpResponse } from '@weir/kit';
import { answerJson, type EventStream, openEventStream } from './event-stream.ts';
import { errorMessage, type McpError, type RequestId } from './json-rpc.ts';
import type { MessageLog } from './message-log.ts';

/** An answer that takes longer is begun as a stream, so that nobody between takes it for dead. */
const PATIENCE_MS = 10_000;

/** Where the answer to one request goes, and what comes before it. */
export interface Reply {
  /** Whether something can be sent before the answer. */
  readonly canStream: boolean;
  /** Sends a message that may be left out where too much waits. */
  notify(message: JsonObject): void;
  /** Sends a message that has to come. */
  send(message: JsonObject): void;
  /** Sends the answer, the last message. */
  answer(message: JsonObject): void;
  /** Sends an error as the answer. Its status counts where nothing was sent before. */
  fail(id: RequestId, error: McpError): void;
  /** Whether a client that is cut off can go on; if not, it wants no answer when it leaves. */
  readonly canGoOn: boolean;
}

/** How a request is replied to. */
export interface ReplyOptions {
  /** The client takes a stream of events. */
  readonly canStream: boolean;
  /** What a client that may not do something is told to bring. */
  challenge(error: McpError): Readonly<Record<string, string>>;
  /** Opens where messages are kept, once there is a stream. Left out: they are not. */
  readonly openLog?: (() => MessageLog | undefined) | undefined;
}

/** Replies by one message, or by a stream of events when something comes before the answer. */
export function createReply(
  response: HttpResponse,
  { canStream, challenge, openLog }: ReplyOptions,
): Reply {
  let stream: EventStream | undefined;
  let log: MessageLog | undefined;
  const begin = () => {
    clearTimeout(patience);
    stream ??= openEventStream(response);
    if (!openLog || log) return;
    log = openLog();
    log?.attach(stream);
    reply.canGoOn = log !== undefined;
  };
  const patience = canStream ? setTimeout(begin, PATIENCE_MS) : undefined;
  response.once('close', () => clearTimeout(patience));
  const send = (message: JsonObject, mayBeLost: boolean) => {
    if (!canStream) return;
    begin();
    if (log) log.send(message, { mayBeLost });
    else if (!(mayBeLost && stream?.isFull)) stream?.send(message);
  };
  const last = (
    body: JsonObject,
    status: number,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    clearTimeout(patience);
    if (!stream) answerJson(response, status, { body, headers });
    else if (log) {
      log.send(body);
      log.end();
    } else {
      stream.send(body);
      stream.end();
    }
  };
  const reply = {
    ...{ canStream, canGoOn: false },
    notify: (message: JsonObject) => send(message, true),
    send: (message: JsonObject) => send(message, false),
    answer: (message: JsonObject) => last(message, 200),
    fail(id: RequestId, error: McpError) {
      const headers = { ...error.headers, ...challenge(error) };
      last(errorMessage(id, error), error.status, headers);
    },
  };
  return reply;
}
