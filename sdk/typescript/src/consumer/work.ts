import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Client } from '@connectrpc/connect';
import { type Backoff, backoffMs, delay } from '../delay.ts';
import type { WeirCallError } from '../errors.ts';
import { type EventService, type PulledEvent, Start } from '../gen/weir/events/v1/events_pb.ts';
import { type DeliveredEvent, isPassing, readEvent } from './subscribe.ts';

/** How a worker works. */
export interface WorkOptions {
  /** Where the group begins, when this worker is its first: with what comes, or with the oldest that is kept. Default: `latest`. */
  readonly from?: 'latest' | 'earliest' | undefined;
  /** How many events it works on at a time, 1 to 256; of one key never more than one. Default: 1. */
  readonly concurrency?: number | undefined;
  /** How long Weir waits to hear from a worker that died, in milliseconds, before another one gets the event. Default: 30,000. */
  readonly leaseMs?: number | undefined;
  /** How often an event is tried before it is a dead letter, 1 to 100. Default: 5. */
  readonly maxAttempts?: number | undefined;
  /** How long an event waits after its first failure, in milliseconds; twice as long after each other one, up to 10 minutes. Default: 1,000. */
  readonly retryDelayMs?: number | undefined;
  /** Brings the items of each event's refs, as the worker may read them. Default: false. */
  readonly fetch?: boolean | undefined;
  /** What the events are for, as of a fetch. Default: not stated. */
  readonly purpose?: string | undefined;
  /** Works on the group's dead letters: one that fails is an event again, never tried. Default: false. */
  readonly deadLetters?: boolean | undefined;
  /** Makes the group anew, with these topics and at `from`, before it begins. Default: false. */
  readonly reset?: boolean | undefined;
  /** Ends it: the handlers' signals are aborted, and what is not done within 5 s is given back. */
  readonly signal?: AbortSignal | undefined;
  /** Told what a handler threw; the event comes again. */
  readonly onFailed?: ((error: unknown, event: WorkEvent) => void) | undefined;
  /** Told why Weir could not be asked, before it is asked again. */
  readonly onBreak?: ((error: WeirCallError) => void) | undefined;
}

/** An event as a worker gets it. */
export interface WorkEvent extends Omit<DeliveredEvent, 'cursor' | 'replaced'> {
  /** How often it was given to a worker, this time included. */
  readonly attempt: number;
}

/** Works on one event. Its signal is aborted when the worker stops, or another one has the event. */
export type WorkHandler = (event: WorkEvent, context: { readonly signal: AbortSignal }) => unknown;

/** Whose events, and what is done with them. */
export interface Work extends WorkOptions {
  readonly group: string;
  readonly topics: readonly string[];
  readonly handler: WorkHandler;
}

const leaseDefaultMs = 30_000;
const retryDefaultMs = 1_000;
const retryMaxMs = 600_000;
/** How long one pull waits for events, and how long it may take. */
const waitMs = 20_000;
const pullMs = 30_000;
/** How long handlers may take to end when the worker stops. */
const stopMs = 5_000;
const backoff: Backoff = { firstMs: 50, maxMs: 2_000 };

/** Works on events until the signal, or until it is refused. */
export async function workOn(client: Client<typeof EventService>, work: Work): Promise<void> {
  const { concurrency = 1 } = work;
  const ended = new AbortController();
  const stopped = AbortSignal.any([ended.signal, ...(work.signal ? [work.signal] : [])]);
  const running = new Set<Promise<void>>();
  let { reset = false } = work;
  let failures = 0;
  try {
    while (!stopped.aborted) {
      if (running.size >= concurrency) {
        await Promise.race([...running, aborted(stopped)]);
        continue;
      }
      const maxEvents = concurrency - running.size;
      try {
        const request = requestOf({ ...work, reset }, maxEvents);
        const { events } = await client.pull(request, { signal: stopped, timeoutMs: pullMs });
        failures = 0;
        reset = false;
        for (const pulled of events) {
          const one = workOnOne(client, work, { pulled, stopped }).finally(() => {
            running.delete(one);
          });
          running.add(one);
        }
      } catch (error) {
        if (stopped.aborted) return;
        if (!isPassing(error)) throw error;
        work.onBreak?.(error);
        const ms = Math.max(backoffMs(backoff, failures++), error.retryDelayMs ?? 0);
        await delay(ms, stopped).catch(() => {});
      }
    }
  } finally {
    ended.abort();
    await Promise.all(running);
  }
}

function requestOf(work: Work, maxEvents: number) {
  const { group, topics, from, fetch = false, purpose = '', reset = false } = work;
  const { leaseMs = leaseDefaultMs, maxAttempts = 0, deadLetters = false } = work;
  return {
    ...{ group, topics: [...topics], maxEvents, maxAttempts, fetch, purpose, deadLetters, reset },
    start: from === 'earliest' ? Start.EARLIEST : Start.LATEST,
    wait: durationFromMs(waitMs),
    lease: durationFromMs(leaseMs),
  };
}

/** Works on one event and says what became of it. Never throws: what is not said, comes again. */
async function workOnOne(
  client: Client<typeof EventService>,
  work: Work,
  { pulled, stopped }: { readonly pulled: PulledEvent; readonly stopped: AbortSignal },
): Promise<void> {
  const { group, retryDelayMs = retryDefaultMs } = work;
  const { ackId, attempt } = pulled;
  const event = readPulled(pulled);
  const over = new AbortController();
  const signal = AbortSignal.any([stopped, over.signal]);
  const extending = keepLease(client, work, { ackId, over });
  try {
    try {
      await Promise.race([work.handler(event, { signal }), late(stopped, over.signal)]);
    } catch (error) {
      if (!signal.aborted) work.onFailed?.(error, event);
      const ms = stopped.aborted ? 0 : Math.min(retryMaxMs, retryDelayMs * 2 ** (attempt - 1));
      await client.ack({ group, giveBack: [{ ackId, delay: durationFromMs(ms) }] });
      return;
    }
    await client.ack({ group, ackIds: [ackId] });
  } catch (error) {
    if (isPassing(error)) work.onBreak?.(error);
  } finally {
    clearInterval(extending);
    over.abort();
  }
}

/** Extends a lease while its event is worked on; tells the handler when another worker has it. */
function keepLease(
  client: Client<typeof EventService>,
  { group, leaseMs = leaseDefaultMs }: Work,
  { ackId, over }: { readonly ackId: string; readonly over: AbortController },
) {
  const extend = async () => {
    const lease = durationFromMs(leaseMs);
    const { notHeld } = await client.ack({ group, extend: [{ ackId, lease }] });
    if (notHeld.length > 0) over.abort();
  };
  // What fails is tried again with the next one, before the lease is over.
  return setInterval(() => void extend().catch(() => {}), leaseMs / 3);
}

/** Rejects when the worker has stopped for as long as handlers may take to end. */
async function late(stopped: AbortSignal, over: AbortSignal): Promise<never> {
  await aborted(AbortSignal.any([stopped, over]));
  await delay(stopMs, over).catch(() => {});
  throw new Error('the worker stopped');
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** An event of the contract, as a worker gets it. */
export function readPulled({ event, attempt }: PulledEvent): WorkEvent {
  if (!event) throw new TypeError('Weir sent an event without an event');
  const { cursor: _cursor, replaced: _replaced, ...rest } = readEvent(event, '');
  return { ...rest, attempt };
}
