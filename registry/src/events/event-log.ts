import { type Clock, isInternalLog, type Logger, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { AppendEventsRequest } from '@weir/sdk/gen/weir/events/v1/log_pb';
import { createNamedWaiters, type NamedWaiters } from '../coalesce.ts';
import type { Driver } from '../store/driver.ts';
import { unavailable } from '../store/faults.ts';
import { EVENTS_CHANNEL } from './append.ts';
import { type Appended, createEventStore, type EventStore } from './event-store.ts';

/** How many requests are committed together at most, and how many events; one request may have more. */
export const TOGETHER_MAX = 64;
const TOGETHER_MAX_EVENTS = 1_000;
/** What the data of events committed together takes at most; one request may take more. */
const TOGETHER_MAX_BYTES = 4 * 1024 * 1024;
/** How many requests wait to be committed. */
const WAITING_MAX = 1_000;
const RETRY_DELAY_MS = 1_000;

/** The logs of events, and who waits for more of them. */
export interface EventLog extends AsyncDisposable {
  readonly store: EventStore;
  /**
   * Commits events, together with what others append at the same time. Throws what the store refuses,
   * OVERLOADED when too many wait, STORE_UNAVAILABLE once it is disposed of, and the reason of the
   * signal if that was given before its turn came.
   */
  append(request: AppendEventsRequest, signal: AbortSignal): Promise<Appended>;
  /**
   * The same for several in one transaction, in their order. What is refused of one is thrown, and the
   * others are committed.
   */
  appendInOrder(
    requests: readonly AppendEventsRequest[],
    signal: AbortSignal,
  ): Promise<readonly Appended[]>;
  /** Woken, by the tenant, soon after something was committed, by whichever registry; may be missed. */
  readonly waiters: NamedWaiters;
}

/** What a log of events needs. */
export interface EventLogDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after each transaction with what it wrote. */
  readonly onCommit: (appended: readonly Appended[]) => void;
}

/** Requests that stay together, most often one. */
interface Waiting extends PromiseWithResolvers<readonly Appended[]> {
  readonly requests: readonly AppendEventsRequest[];
  readonly signal: AbortSignal;
}

/** Opens the logs of events of a database. */
export async function openEventLog(
  { db, listen }: Pick<Driver, 'db' | 'listen'>,
  deps: EventLogDeps,
): Promise<EventLog> {
  const store = createEventStore(db);
  const waiters = createNamedWaiters();
  const listening = await listen(EVENTS_CHANNEL, (tenant) => {
    if (tenant === '') waiters.wakeAll();
    else waiters.wake(tenant);
  });
  const waiting: Waiting[] = [];
  let isOpen = true;
  let committing: Promise<void> | undefined;
  /** While one transaction is under way, others gather for the next. */
  const commitAll = async () => {
    while (waiting.length > 0) {
      const together = takeTogether(waiting);
      await commit(store, deps, together);
      for (const { tenant } of together.flatMap(({ requests }) => requests)) waiters.wake(tenant);
    }
    committing = undefined;
  };
  const appendInOrder: EventLog['appendInOrder'] = async (requests, signal) => {
    if (!isOpen) throw closed();
    if (waiting.length >= WAITING_MAX) throw overloaded();
    const appended = { ...Promise.withResolvers<readonly Appended[]>(), requests, signal };
    waiting.push(appended);
    committing ??= commitAll();
    return await appended.promise;
  };
  return {
    store,
    waiters,
    appendInOrder,
    async append(request, signal) {
      const [appended] = await appendInOrder([request], signal);
      return appended ?? unanswered();
    },
    async [Symbol.asyncDispose]() {
      isOpen = false;
      await committing;
      await listening[Symbol.asyncDispose]();
      waiters.wakeAll();
    },
  };
}

/** Takes the first that fit into one transaction, without those that nobody waits for any more. */
function takeTogether(waiting: Waiting[]): Waiting[] {
  const together: Waiting[] = [];
  let requests = 0;
  let events = 0;
  let bytes = 0;
  for (;;) {
    const next = waiting[0];
    if (!next) break;
    const all = next.requests.flatMap((request) => request.events);
    requests += next.requests.length;
    events += all.length;
    bytes += all.reduce((sum, { data }) => sum + data.length, 0);
    const fits =
      requests <= TOGETHER_MAX && events <= TOGETHER_MAX_EVENTS && bytes <= TOGETHER_MAX_BYTES;
    if (!fits && together.length > 0) break;
    waiting.shift();
    if (next.signal.aborted) next.reject(next.signal.reason);
    else together.push(next);
  }
  return together;
}

/** Commits together; where that fails for what one of them holds, the others are committed without it. */
async function commit(
  store: EventStore,
  deps: EventLogDeps,
  together: readonly Waiting[],
): Promise<void> {
  if (together.length === 0) return;
  const requests = together.flatMap((one) => one.requests);
  try {
    settle(deps, together, await store.append(requests, deps.clock.wallMs()));
  } catch (error) {
    const away = unavailable(error);
    if (!away && together.length > 1) {
      const half = together.length >> 1;
      await commit(store, deps, together.slice(0, half));
      await commit(store, deps, together.slice(half));
      return;
    }
    deps.log.warn({ err: error }, 'events could not be committed');
    for (const { reject } of together) reject(away ?? error);
  }
}

function settle(
  { onCommit }: EventLogDeps,
  together: readonly Waiting[],
  results: readonly (Appended | Error)[],
): void {
  let from = 0;
  for (const { requests, resolve, reject } of together) {
    const own = requests.map((_, at) => results[from + at] ?? new Error('it was not answered'));
    from += requests.length;
    const fault = own.find((one) => one instanceof Error);
    if (fault) reject(fault);
    else resolve(own as readonly Appended[]);
  }
  // What routers tell each other is no event.
  const isCounted = together
    .flatMap(({ requests }) => requests)
    .map(({ tenant }) => !isInternalLog(tenant));
  const written = results.filter(
    (one, at) => !(one instanceof Error) && one.bytes > 0 && isCounted[at],
  );
  if (written.length > 0) onCommit(written as readonly Appended[]);
}

function unanswered(): never {
  throw new Error('it was not answered');
}

function closed() {
  const retryDelayMs = RETRY_DELAY_MS;
  return refuse(Reason.STORE_UNAVAILABLE, 'this registry is closing', { retryDelayMs });
}

function overloaded() {
  const text = 'too many requests wait for their events to be committed; try again';
  return refuse(Reason.OVERLOADED, text, { retryDelayMs: RETRY_DELAY_MS });
}
