import { create, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { eventToWire, type NewEvent } from '../consumer/publish.ts';
import {
  type WatchRequest,
  type WatchResponse,
  WatchResponseSchema,
} from '../gen/weir/provider/v1/provider_pb.ts';
import type { OnFault } from './answer.ts';
import type { ProviderDefinition } from './definition.ts';
import { toConnectError } from './list.ts';
import { ProviderError } from './provider-error.ts';

/** From where on a provider tells what happens. */
export interface WatchQuery {
  /**
   * The last cursor whose events are committed; they are not to be told again. Empty: there was none,
   * or you said that you do not know it any more.
   */
  readonly cursor: string;
  /** Aborted when nobody listens any more, or the provider stops: pass it on to whatever you wait for. */
  readonly signal: AbortSignal;
}

/** What happened, and where to go on after it. */
export interface Watched {
  /** The events, in their order; at most 1,000, of 4 MiB together. Default: none. */
  readonly events?: readonly NewEvent[] | undefined;
  /**
   * Where to go on after them, at most 1 KiB. It must stand for nothing else, ever. What comes again
   * with its cursor, within a day, is published once. Default: the events have no place; they are lost
   * if nobody takes them.
   */
  readonly cursor?: string | undefined;
}

const eventsMax = 1_000;
const messageMaxBytes = 4 * 1024 * 1024;
const cursorMaxBytes = 1024;

/** When a watch ends. */
interface Ending {
  /** Nobody listens any more. */
  readonly signal: AbortSignal;
  /** The provider stops. */
  readonly stopping: AbortSignal;
  readonly onFault: OnFault;
}

/** Tells what happens, as fast as it is taken, until the author, the router or the provider ends it. */
export async function* answerWatch(
  provider: ProviderDefinition,
  { cursor }: WatchRequest,
  { signal: left, stopping, onFault }: Ending,
): AsyncGenerator<WatchResponse> {
  if (!provider.watch) {
    throw new ConnectError('this provider does not tell what happens', Code.Unimplemented);
  }
  // Where it is not heard any more it must not begin, or it would tell again at once what it told.
  if (stopping.aborted) throw new ConnectError('the provider is stopping', Code.Unavailable);
  const signal = AbortSignal.any([left, stopping]);
  // At once, so that the router knows that it is listened to.
  yield create(WatchResponseSchema, { cursor });
  let steps: AsyncIterator<Watched> | undefined;
  try {
    steps = provider.watch({ cursor, signal })[Symbol.asyncIterator]();
    for (;;) {
      const next = await orEnd(steps.next(), signal);
      if (!next || next.done === true) return;
      yield messageOf(next.value);
    }
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ProviderError)) onFault({ what: 'watch', error });
    throw toConnectError(error);
  } finally {
    // It ends when what it waits for does; nobody waits for that.
    void steps?.return?.().catch(() => {});
  }
}

/** Undefined once the signal is aborted, whatever the author waits for. */
async function orEnd<T>(step: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  let end = (): void => {};
  const ended = new Promise<undefined>((resolve) => {
    end = () => resolve(undefined);
  });
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  try {
    return await Promise.race([step, ended]);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

function messageOf({ events = [], cursor = '' }: Watched): WatchResponse {
  if (events.length > eventsMax) {
    throw new TypeError(`watch gave ${events.length} events at once: give at most ${eventsMax}`);
  }
  const cursorBytes = new TextEncoder().encode(cursor).length;
  if (cursorBytes > cursorMaxBytes) {
    throw new TypeError(`watch gave a cursor of ${cursorBytes} bytes: at most ${cursorMaxBytes}`);
  }
  const message = create(WatchResponseSchema, { events: events.map(eventToWire), cursor });
  const bytes = toBinary(WatchResponseSchema, message).length;
  if (bytes <= messageMaxBytes) return message;
  throw new TypeError(`watch gave ${bytes} bytes at once: give at most ${messageMaxBytes}`);
}
