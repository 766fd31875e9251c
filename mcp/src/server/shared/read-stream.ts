import type { JsonObject } from '@bufbuild/protobuf';
import { reasonOf } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { EventStream } from '../event-stream.ts';
import { errorCodes, errorMessage, isObject, McpError } from '../json-rpc.ts';
import { eventIdOf } from '../message-log.ts';
import { type CallStream, logOfStream } from './call-streams.ts';
import type { SharedLogs } from './logs.ts';
import type { Post } from './post.ts';

/** After so long without a word from it, a router is taken for gone. */
const SILENT_MAX_MS = 10_000;
const LOOK_MS = 500;
/** How long it is waited for what is known to be in a log. */
const REST_MAX_MS = 5_000;

/** A client that goes on with the stream of a call that is not here. */
export interface Resuming {
  readonly session: string;
  readonly stream: CallStream;
  /** The last message that it has heard. */
  readonly after: number;
  readonly to: EventStream;
  /** Aborted when it is to hear no more here. */
  readonly signal: AbortSignal;
}

/** What reading from other routers needs. */
export interface ReadingDeps {
  readonly logs: SharedLogs;
  readonly post: Post;
  /** The name of this router. */
  readonly own: string;
}

/**
 * Tells a client what it has not heard of a stream, as the router writes it that has the call; when that
 * router is gone, that nobody answers it any more. Throws when the log cannot be read.
 */
export async function readStream(deps: ReadingDeps, resuming: Resuming): Promise<void> {
  const { session, stream, to, signal } = resuming;
  const log = logOfStream(stream.id);
  const reading = createReading(resuming, (await deps.logs.kept(log, signal)).after);
  if (stream.router !== deps.own) {
    using owner = watchOwner(deps, { session, stream, signal });
    await reading.follow(deps.logs, log, owner.gone);
    if (reading.isOver || signal.aborted) return to.end();
  }
  const { last } = await deps.logs.kept(log, signal);
  const rest = AbortSignal.any([signal, AbortSignal.timeout(REST_MAX_MS)]);
  await reading.follow(deps.logs, log, rest, last);
  if (!reading.isOver && !signal.aborted) {
    to.send(errorMessage(stream.requestId, gone()), eventIdOf(stream.id, reading.after + 1));
  }
  to.end();
}

/** Asks the router that has the call to write its stream, and looks whether it is there. */
function watchOwner(
  { post }: ReadingDeps,
  { session, stream, signal }: Pick<Resuming, 'session' | 'stream' | 'signal'>,
) {
  const gone = new AbortController();
  const beganMs = performance.now();
  const letter = { about: 'resume', says: { session, stream: stream.id } } as const;
  post.ask(stream.router, letter, signal).then(
    (answer) => {
      // One that says nothing may only be late: it is looked for how long it is silent.
      if (answer === 'no') gone.abort();
    },
    () => gone.abort(),
  );
  const looking = setInterval(() => {
    const silentMs = Math.min(post.silentMs(stream.router), performance.now() - beganMs);
    if (silentMs > SILENT_MAX_MS) gone.abort();
  }, LOOK_MS);
  return {
    gone: AbortSignal.any([gone.signal, signal]),
    [Symbol.dispose]: () => clearInterval(looking),
  };
}

/** Reads on in the log of a stream, and tells the client each message once. */
function createReading({ stream, after: heard, to }: Resuming, begin: bigint) {
  let position = begin;
  let after = heard;
  let isOver = false;
  const tell = ({ at, message, isEnd }: JsonObject) => {
    if (isEnd === true) isOver = true;
    // One that was written twice, as when it was not known whether it had been, is told once.
    if (typeof at !== 'number' || at <= after || !isObject(message)) return;
    after = at;
    to.send(message, eventIdOf(stream.id, at));
  };
  return {
    get isOver() {
      return isOver;
    },
    get after() {
      return after;
    },
    /** Until the stream is over, the signal, or a position. */
    async follow(logs: SharedLogs, log: string, signal: AbortSignal, last?: bigint) {
      if (signal.aborted || (last !== undefined && position >= last)) return;
      try {
        for await (const part of logs.follow(log, position, signal)) {
          part.entries.forEach(tell);
          position = part.position;
          if (isOver || signal.aborted) return;
          if (last !== undefined && position >= last) return;
        }
      } catch (error) {
        // What is not kept any more is told by nobody.
        if (!signal.aborted && reasonOf(error) !== Reason.CURSOR_TOO_OLD) throw error;
      }
    },
  };
}

function gone(): McpError {
  const text =
    'the router that was at work on this is gone, and whether it was done is not known; ask again if it may be done twice';
  return new McpError(errorCodes.server, text);
}
