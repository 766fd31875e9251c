import { timestampDate } from '@bufbuild/protobuf/wkt';
import { type Client, Code, ConnectError } from '@connectrpc/connect';
import { type Backoff, backoffMs, delay } from '../delay.ts';
import { toCallError, WeirCallError } from '../errors.ts';
import type { ContextRef as WireRef } from '../gen/weir/context/v1/context_pb.ts';
import { Reason } from '../gen/weir/errors/v1/reason_pb.ts';
import {
  type EventService,
  Start,
  type SubscribeResponse,
  type DeliveredEvent as WireDelivered,
} from '../gen/weir/events/v1/events_pb.ts';
import { jsonType } from '../payload.ts';
import type { ContextRef } from '../ref.ts';
import { type Sensitivity, sensitivityFromWire } from '../sensitivity.ts';
import { type ItemOutcome, readOutcome } from './item.ts';

/** What is delivered, and from where on. */
export interface SubscribeOptions {
  /** Where to begin without a cursor: with what comes, or with the oldest that is kept. Default: `latest`. */
  readonly from?: 'latest' | 'earliest' | undefined;
  /** Where to go on: the cursor of the last event that was handled. Default: begin as `from` says. */
  readonly cursor?: string | undefined;
  /** Brings the items of each event's refs, as the subscriber may read them. Default: false. */
  readonly fetch?: boolean | undefined;
  /** Of events of one key that wait, only the latest comes. Default: false. */
  readonly latestOnly?: boolean | undefined;
  /** The most events in a second; others wait, or give way to later ones of their key. Default: any. */
  readonly maxPerSecond?: number | undefined;
  /** What the events are for, as of a fetch. Default: not stated. */
  readonly purpose?: string | undefined;
  /** Ends the subscription: the loop throws CANCELED. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Told where to go on, each time that all that came up to there was handled; also when events went
   * by that are for others. To be stored by who must not lose any.
   */
  readonly onCursor?: ((cursor: string) => void) | undefined;
  /** Told why the subscription broke off, before it is taken up again. */
  readonly onBreak?: ((error: WeirCallError) => void) | undefined;
}

/** An event as a subscriber gets it. */
export interface DeliveredEvent {
  /** What kind of thing happened, such as `page.updated`. */
  readonly topic: string;
  /** What it happened to; empty: to nothing in particular. */
  readonly key: string;
  /** What its publisher calls it, or Weir. An event that comes twice has the same. */
  readonly id: string;
  /** More about it, as it was published. */
  readonly data: Uint8Array;
  /** The media type of the data. */
  readonly contentType: string;
  /** Names and values that describe it. */
  readonly labels: Readonly<Record<string, string>>;
  /** Who owns it; empty when nobody is named. */
  readonly owner: string;
  /** How sensitive it is. */
  readonly sensitivity: Sensitivity;
  /** When it happened. */
  readonly time: Date;
  /** When it was committed. */
  readonly publishTime: Date;
  /** The principal that published it. */
  readonly publisher: string;
  /** Its position in the log of the tenant; later ones are greater. */
  readonly position: bigint;
  /** Whether parts of data, labels or owner were hidden from this subscriber. */
  readonly redacted: boolean;
  /** Whether data, labels and owner were left out: parts of them are to be hidden, and cannot be. */
  readonly withheld: boolean;
  /** How many earlier events of its key gave way to it. */
  readonly replaced: number;
  /** The items that are not any more what they were. */
  readonly refs: readonly ContextRef[];
  /** The items of the refs, with `fetch`. Large values are links, which `readValue` reads. */
  readonly items: readonly ItemOutcome[];
  /**
   * Where to go on when this event has been handled. Of events that came together only the last one
   * leads past all of them, the others lead before the first: nothing is lost, and some come twice.
   * Empty: begin as this subscription did.
   */
  readonly cursor: string;
  /** A fetch that brings it never gets an item of the refs as it was before. */
  readonly consistencyToken: string;
  /** The data as text. */
  text(): string;
  /**
   * The data, parsed; undefined when there is none.
   *
   * @throws {SyntaxError} when it is no JSON.
   */
  json(): unknown;
}

/** How a subscription holds on, in milliseconds. */
interface Patience {
  /** How long nothing may come, before the connection is held to be lost. */
  readonly silenceMs: number;
  /** How long it waits before it is taken up again. */
  readonly backoff: Backoff;
}

/** Weir sends something every 10 s. */
const patienceDefault: Patience = { silenceMs: 25_000, backoff: { firstMs: 50, maxMs: 2_000 } };

/** What a subscription asks for. */
interface Subscription extends SubscribeOptions {
  readonly topics: readonly string[];
}

/** Yields events as they come, and takes the subscription up again wherever it breaks off. */
export async function* subscribeTo(
  client: Client<typeof EventService>,
  subscription: Subscription,
  patience: Patience = patienceDefault,
): AsyncGenerator<DeliveredEvent> {
  let { cursor = '' } = subscription;
  let position = 0n;
  for (let attempt = 0; ; attempt++) {
    try {
      const asked = { ...subscription, cursor };
      for await (const message of messagesOf(client, asked, patience.silenceMs)) {
        attempt = 0;
        const fresh = message.events.filter((event) => event.position > position);
        for (const [index, event] of fresh.entries()) {
          position = event.position;
          yield readEvent(event, index === fresh.length - 1 ? message.cursor : cursor);
        }
        cursor = message.cursor;
        subscription.onCursor?.(cursor);
      }
    } catch (error) {
      await untilAgain(error, subscription, backoffMs(patience.backoff, attempt));
    }
  }
}

/** Waits until a subscription that broke off may be taken up again. Throws when it may not. */
async function untilAgain(
  error: unknown,
  { signal, onBreak }: SubscribeOptions,
  leastMs: number,
): Promise<void> {
  if (!isPassing(error) || signal?.aborted) throw error;
  onBreak?.(error);
  await delay(Math.max(leastMs, error.retryDelayMs ?? 0), signal).catch(() => {
    throw toCallError(new ConnectError('cancelled by the caller', Code.Canceled));
  });
}

/** The messages of one call; one that ends, or falls silent, is UNAVAILABLE. */
async function* messagesOf(
  client: Client<typeof EventService>,
  subscription: Subscription,
  silenceMs: number,
): AsyncGenerator<SubscribeResponse> {
  const ended = new AbortController();
  const signal = AbortSignal.any([
    ended.signal,
    ...(subscription.signal ? [subscription.signal] : []),
  ]);
  // 0: no deadline.
  const messages = client.subscribe(requestOf(subscription), { signal, timeoutMs: 0 });
  const source = messages[Symbol.asyncIterator]();
  // The transport is told why, so that it goes to another address.
  const silence = watchSilence(silenceMs, () =>
    ended.abort(new ConnectError(silent(silenceMs), Code.Unavailable)),
  );
  try {
    for (;;) {
      silence.begins();
      const step = await source.next();
      silence.ends();
      if (step.done) throw broke('the subscription ended');
      yield step.value;
    }
  } finally {
    silence.stop();
    ended.abort();
  }
}

/** Calls back once a silence has lasted for so long. It has one timer, however often silences begin and end. */
function watchSilence(silenceMs: number, lost: () => void) {
  let sinceMs: number | undefined;
  const look = (): void => {
    const leftMs = sinceMs === undefined ? silenceMs : sinceMs + silenceMs - performance.now();
    if (leftMs > 0) timer = setTimeout(look, leftMs);
    else lost();
  };
  let timer = setTimeout(look, silenceMs);
  return {
    begins: () => {
      sinceMs = performance.now();
    },
    ends: () => {
      sinceMs = undefined;
    },
    stop: () => clearTimeout(timer),
  };
}

function requestOf({ topics, cursor = '', from, purpose = '', ...options }: Subscription) {
  const { fetch = false, latestOnly = false, maxPerSecond = 0 } = options;
  const start = from === 'earliest' ? Start.EARLIEST : Start.LATEST;
  return { topics: [...topics], cursor, start, fetch, latestOnly, maxPerSecond, purpose };
}

function silent(silenceMs: number): string {
  return `nothing came for ${silenceMs} ms`;
}

function broke(text: string): WeirCallError {
  return new WeirCallError({ code: Code.Unavailable, text });
}

/** Whether it is over when one comes back. */
export function isPassing(error: unknown): error is WeirCallError {
  if (!(error instanceof WeirCallError)) return false;
  const { code, reason } = error;
  if (code === Code.Unavailable) return true;
  return reason === Reason.SUBSCRIBER_SLOW || reason === Reason.RATE_EXCEEDED;
}

/** An event as it came, and where to go on after it. */
export function readEvent(wire: WireDelivered, cursor: string): DeliveredEvent {
  const { event, publishTime, publisher, position, withheld, redacted } = wire;
  const { replaced, consistencyToken } = wire;
  const data = event?.data ?? new Uint8Array();
  const refs = (event?.refs ?? []).map(readRef);
  const committed = publishTime ? timestampDate(publishTime) : new Date();
  const text = () => new TextDecoder().decode(data);
  return {
    topic: event?.topic ?? '',
    key: event?.key ?? '',
    id: event?.id ?? '',
    data,
    contentType: event?.contentType || jsonType,
    labels: event?.labels ?? {},
    owner: event?.owner ?? '',
    sensitivity: sensitivityFromWire(event?.sensitivity ?? 0) ?? 'internal',
    time: event?.time ? timestampDate(event.time) : committed,
    publishTime: committed,
    ...{ publisher, position, withheld, redacted, replaced, consistencyToken, refs, cursor },
    items: wire.items.flatMap((result) => {
      const ref = refs[result.index];
      return ref ? [readOutcome(ref, result.index, result)] : [];
    }),
    text,
    json: (): unknown => (data.length === 0 ? undefined : JSON.parse(text())),
  };
}

function readRef({ type, key, versionRange, provider }: WireRef): ContextRef {
  return { type, key, ...(versionRange && { versionRange }), ...(provider && { provider }) };
}
