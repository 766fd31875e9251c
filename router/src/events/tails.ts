import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger, refuse } from '@weir/kit';
import type { Verdict } from '@weir/policy';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { DeliveredEvent } from '@weir/sdk/gen/weir/events/v1/events_pb';
import type { StoredEvent } from '@weir/sdk/gen/weir/events/v1/log_pb';
import type { RecordedItem } from '../audit/recorded.ts';
import type { Authority } from '../authorise.ts';
import type { LogPlace } from '../gather/forgotten.ts';
import type { Place } from './cursors.ts';
import { type EarlierEpoch, type EventLog, lastShared, unreachable } from './event-log.ts';
import type { Forgetting } from './forget.ts';

/** What is kept in memory of a log, for those who are near its end. */
export const TAIL_EVENTS_MAX = 1_024;
export const TAIL_BYTES_MAX = 4 * 1024 * 1024;
/** What is kept in memory of all logs. */
export const TAILS_BYTES_MAX = 64 * 1024 * 1024;

/** The most logs that are followed: each is a stream, and a connection holds so many. */
export const FOLLOWED_MAX = 500;

const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 2_000;
const BEHIND_RETRY_MS = 200;
/** How long is waited to learn where a log ends. */
const KNOWN_MAX_MS = 5_000;

/** What an event takes beside its texts and data, and each ref of it beside its own. */
const EVENT_BYTES = 256;
const REF_BYTES = 32;

/** The end of a tenant's log, as this router knows it. */
export interface Tail {
  readonly epoch: string;
  /** The position of the last event that was taken in. */
  readonly head: bigint;
  /** What is in memory after a position, at most so many; undefined: not all of it is in memory. */
  after(position: bigint, eventsMax: number): readonly KeptEvent[] | undefined;
  /** Whether this log has what comes after a place: not after a restore, nor where it lost what was there. */
  goesOnFrom(place: Place): boolean;
  /** Calls the listener after each intake, until what is returned is disposed of. */
  onMore(listener: () => void): Disposable;
}

/** An event in memory. */
export interface KeptEvent {
  readonly stored: StoredEvent;
  readonly bytes: number;
  /** What was made of it for one who is told of it, for the others. */
  readonly made: MadeOfEvent;
}

/** What is made of an event once, for all for whom it is the same. */
export interface MadeOfEvent {
  decided?: { readonly by: Authority; readonly verdict: Verdict };
  /** As those get it from whom nothing is hidden. */
  plain?: { readonly epoch: string; readonly event: DeliveredEvent };
  recorded?: { readonly verdict: Verdict; readonly item: RecordedItem };
}

/** Keeps an event of the log. */
export function keep(stored: StoredEvent): KeptEvent {
  return { stored, bytes: sizeOf(stored), made: {} };
}

/** The ends of the logs that this router follows. */
export interface Tails extends AsyncDisposable {
  /** Follows a tenant's log from now on; resolves when it is known where it ends. Throws EVENTS_UNAVAILABLE. */
  of(tenant: string, signal: AbortSignal): Promise<Tail>;
  /** Follows the logs of all these from now on. */
  follow(tenants: Iterable<string>): void;
  /**
   * Resolves when the log was taken in up to a place. Throws SNAPSHOT_BEHIND when that takes too long,
   * INVALID_CONSISTENCY_TOKEN when the log is another one.
   */
  reach(tenant: string, place: Place, signal: AbortSignal): Promise<void>;
}

/** What following needs. */
export interface TailDeps {
  readonly events: EventLog;
  readonly log: Logger;
  /** Is told of each event, in order, before anybody else is, and where it begins or begins anew. */
  readonly forgetting: Forgetting;
}

/** Opens the ends of logs: each is followed from the first time it is asked for. */
export function openTails(deps: TailDeps): Tails {
  const stop = new AbortController();
  const tails = new Map<string, OpenTail>();
  let isFull = false;
  /** What all of them take. */
  let bytes = 0;
  const open = (tenant: string): OpenTail => {
    const known = tails.get(tenant);
    if (known) return known;
    if (tails.size >= FOLLOWED_MAX) throw tooMany();
    const tail = new OpenTail(tenant, deps, { signal: stop.signal, grown });
    tails.set(tenant, tail);
    return tail;
  };
  /** The longest give way until all of them are short enough together. */
  const grown = (by: number) => {
    bytes += by;
    const longest = () => [...tails.values()].reduce((a, b) => (b.bytes > a.bytes ? b : a));
    while (bytes > TAILS_BYTES_MAX) bytes -= longest().halve();
  };
  return {
    async of(tenant, signal) {
      const tail = open(tenant);
      const late = AbortSignal.any([signal, AbortSignal.timeout(KNOWN_MAX_MS)]);
      await tail.until(
        () => tail.isKnown,
        late,
        () => unreachable(),
      );
      return tail;
    },
    follow(tenants) {
      for (const tenant of tenants) {
        if (tails.size < FOLLOWED_MAX) open(tenant);
        else if (!isFull && !tails.has(tenant)) {
          isFull = true;
          deps.log.warn({ most: FOLLOWED_MAX }, 'more tenants than logs of events are followed');
        }
      }
    },
    async reach(tenant, place, signal) {
      const tail = open(tenant);
      const isThere = () => tail.isKnown && tail.head >= place.position && tail.goesOnFrom(place);
      if (isThere()) return;
      if (tail.isKnown && !tail.goesOnFrom(place))
        await requireIn(deps.events, tenant, place, signal);
      await tail.until(isThere, signal, behind);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([...tails.values()].map(({ following }) => following));
    },
  };
}

class OpenTail implements Tail {
  epoch = '';
  earlier: readonly EarlierEpoch[] = [];
  head = 0n;
  isKnown = false;
  readonly following: Promise<void>;
  readonly #tenant: string;
  readonly #deps: TailDeps;
  /** The oldest first, without gaps up to the head. */
  readonly #kept: KeptEvent[] = [];
  /** What they take. */
  bytes = 0;
  readonly #grown: (by: number) => void;
  readonly #listeners = new Set<() => void>();

  constructor(
    tenant: string,
    deps: TailDeps,
    { signal, grown }: { readonly signal: AbortSignal; readonly grown: (by: number) => void },
  ) {
    this.#tenant = tenant;
    this.#deps = deps;
    this.#grown = grown;
    this.following = this.#follow(signal);
  }

  after(position: bigint, eventsMax: number): readonly KeptEvent[] | undefined {
    const first = this.head - BigInt(this.#kept.length);
    if (position < first || position > this.head) return undefined;
    const from = Number(position - first);
    return this.#kept.slice(from, from + eventsMax);
  }

  goesOnFrom(place: Place): boolean {
    return place.epoch === this.epoch || place.position <= (lastShared(this, place.epoch) ?? -1n);
  }

  onMore(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async until(isSo: () => boolean, signal: AbortSignal, fault: () => Error): Promise<void> {
    if (isSo()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    using _ = this.onMore(() => {
      if (isSo()) resolve();
    });
    const late = () => reject(fault());
    signal.addEventListener('abort', late);
    if (signal.aborted) late();
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', late);
    }
  }

  /** Follows for ever; what goes wrong is told once, until it goes well again. */
  async #follow(signal: AbortSignal): Promise<void> {
    let retryMs = RETRY_MIN_MS;
    let isTold = false;
    const onHeard = () => {
      retryMs = RETRY_MIN_MS;
      isTold = false;
    };
    while (!signal.aborted) {
      try {
        await this.#followOnce(signal, onHeard);
      } catch (error) {
        if (signal.aborted) return;
        const { log } = this.#deps;
        const fields = { err: error, tenant: this.#tenant };
        log[isTold ? 'debug' : 'warn'](fields, 'the log of events cannot be followed');
        isTold = true;
      }
      await sleep(retryMs, undefined, { signal }).catch(() => {});
      retryMs = Math.min(2 * retryMs, RETRY_MAX_MS);
    }
  }

  async #followOnce(signal: AbortSignal, onHeard: () => void): Promise<void> {
    const { events } = this.#deps;
    const state = await events.state(this.#tenant, signal);
    const { first, head, epoch, earlier = [] } = state;
    const shared = this.isKnown ? lastShared(state, this.epoch) : undefined;
    // After a restore the log is another one; what came while nobody listened may be forgotten.
    const goesOn = shared !== undefined && this.head <= shared && this.head + 1n >= first;
    this.epoch = epoch;
    this.earlier = earlier;
    if (!goesOn) this.#begin(max(shared ?? head, first - 1n));
    this.#tell();
    for await (const more of events.follow(this.#tenant, this.head, signal)) {
      if (more.epoch !== this.epoch) return;
      onHeard();
      this.#takeIn(more.events);
    }
  }

  #begin(head: bigint): void {
    this.#kept.length = 0;
    this.#grown(-this.bytes);
    this.bytes = 0;
    this.head = head;
    this.#deps.forgetting.begun(this.#place(head));
    this.isKnown = true;
  }

  #place(position: bigint): LogPlace {
    return { tenant: this.#tenant, epoch: this.epoch, position };
  }

  #takeIn(more: readonly StoredEvent[]): void {
    if (more.length === 0) return;
    const before = this.bytes;
    for (const stored of more) {
      if (stored.position !== this.head + 1n) continue;
      this.#deps.forgetting.event(stored, this.#place(stored.position));
      const kept = keep(stored);
      this.#kept.push(kept);
      this.head = stored.position;
      this.bytes += kept.bytes;
    }
    while (this.#kept.length > TAIL_EVENTS_MAX || this.bytes > TAIL_BYTES_MAX) this.#drop();
    this.#grown(this.bytes - before);
    this.#tell();
  }

  /** Forgets the older half; who needs it reads it from the log. Says how many bytes that was. */
  halve(): number {
    const before = this.bytes;
    while (this.bytes > before / 2) this.#drop();
    return before - this.bytes;
  }

  #drop(): void {
    this.bytes -= this.#kept.shift()?.bytes ?? 0;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** What an event takes, about. */
function sizeOf({ event }: StoredEvent): number {
  if (!event) return 0;
  let bytes =
    EVENT_BYTES + event.data.length + event.topic.length + event.key.length + event.id.length;
  for (const { type, key } of event.refs) bytes += REF_BYTES + type.length + key.length;
  for (const [name, value] of Object.entries(event.labels)) bytes += name.length + value.length;
  return bytes;
}

/** Throws INVALID_CONSISTENCY_TOKEN unless a log has a place, whatever this router has heard of it. */
async function requireIn(
  events: EventLog,
  tenant: string,
  { epoch, position }: Place,
  signal: AbortSignal,
): Promise<void> {
  const state = await events.state(tenant, signal).catch(() => undefined);
  if (!state || state.epoch === epoch || position <= (lastShared(state, epoch) ?? -1n)) return;
  const text =
    'the consistency token is from before the log of events was restored or lost; leave it out';
  throw refuse(Reason.INVALID_CONSISTENCY_TOKEN, text);
}

function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

function tooMany() {
  const text = `this router follows the events of ${FOLLOWED_MAX} tenants, and no more`;
  return refuse(Reason.EVENTS_UNAVAILABLE, text);
}

function behind() {
  return refuse(
    Reason.SNAPSHOT_BEHIND,
    'this router has not heard of that event yet; ask again soon',
    { retryDelayMs: BEHIND_RETRY_MS },
  );
}
