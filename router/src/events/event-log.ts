import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { refuse, type WeirError } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Event } from '@weir/sdk/gen/weir/events/v1/events_pb';
import { EventLogService, type StoredEvent } from '@weir/sdk/gen/weir/events/v1/log_pb';

/**
 * Where events are kept: one log for each tenant, in the order of positions without gaps. All of it throws
 * EVENTS_UNAVAILABLE when the log cannot be reached.
 */
export interface EventLog {
  /** Commits events; what was committed under the same idempotency key is told again. */
  append(appending: Appending, signal: AbortSignal): Promise<Appended>;
  /**
   * Commits up to 64 requests in their order: when the log cannot be reached, none is committed behind one
   * that is not. One that is refused for what it holds is thrown, and keeps back none of the others.
   */
  appendInOrder(appendings: readonly Appending[], signal: AbortSignal): Promise<void>;
  /** What is kept of a log. */
  state(tenant: string, signal: AbortSignal): Promise<LogState>;
  /** What is in a log after a position, then what comes. Throws CURSOR_TOO_OLD when the next one is gone. */
  follow(tenant: string, after: bigint, signal: AbortSignal): AsyncIterable<Followed>;
  /** What is kept of a group of workers, by its name within the tenant. */
  readGroup(tenant: string, name: string, signal: AbortSignal): Promise<KeptGroup>;
  /**
   * Keeps it over the version that was read, which is raised by that; false: somebody else wrote since,
   * and nothing was changed. Throws TOO_MANY when the tenant has as many groups as it may. What was not
   * written for 30 days may be forgotten.
   */
  writeGroup(tenant: string, name: string, group: KeptGroup, signal: AbortSignal): Promise<boolean>;
}

/** What is kept of a group of workers. */
export interface KeptGroup {
  /** An encoded GroupState; empty: there is no such group. */
  readonly state: Uint8Array;
  /** 0: there is no such group. */
  readonly version: bigint;
}

/** Events to commit. */
export interface Appending {
  readonly tenant: string;
  /** The principal. */
  readonly publisher: string;
  /** Checked and complete, with names and times. */
  readonly events: Event[];
  /** Empty: none. */
  readonly idempotencyKey: string;
  /** Tells the request from another one under the same key. */
  readonly fingerprint: Uint8Array<ArrayBuffer>;
}

/** Events committed. */
export interface Appended {
  /** Of the last one. */
  readonly position: bigint;
  readonly ids: readonly string[];
  readonly epoch: string;
}

/** What is kept of a log. */
export interface LogState {
  /** The position of the oldest event that is kept; the next one to come when there is none. */
  readonly first: bigint;
  /** The position of the last event; 0: there has been none. */
  readonly head: bigint;
  /** Which log it is. Under one epoch a position is never given twice. */
  readonly epoch: string;
  /** The epochs that this one went on from. Default: none. */
  readonly earlier?: readonly EarlierEpoch[];
}

/** An epoch that another one went on from. */
export interface EarlierEpoch {
  readonly epoch: string;
  /** The last position of it that the log still has; what came after was lost. */
  readonly last: bigint;
}

/** The last position that a log has in common with what it was in an epoch; undefined: none is known. */
export function lastShared(
  { epoch, head, earlier }: Pick<LogState, 'epoch' | 'head' | 'earlier'>,
  of: string,
): bigint | undefined {
  return of === epoch ? head : earlier?.find((one) => one.epoch === of)?.last;
}

/** The next events of a log, or none. */
export interface Followed {
  readonly events: readonly StoredEvent[];
  readonly epoch: string;
}

/** Ways to the registry: streams that last have a connection of their own. */
export interface RegistryWays {
  readonly appending: Transport;
  readonly following: Transport;
}

/** The logs in the registry's database; the epoch is that of the installation. */
export function createRegistryLog({ appending, following }: RegistryWays): EventLog {
  const client = createClient(EventLogService, appending);
  const { followEvents } = createClient(EventLogService, following);
  return {
    async append(events, signal) {
      try {
        return await client.appendEvents({ ...events }, { signal });
      } catch (error) {
        throw faultOf(error, signal, notKnown);
      }
    },
    async appendInOrder(appendings, signal) {
      try {
        const requests = appendings.map((one) => ({ ...one }));
        await client.appendInOrder({ requests }, { signal });
      } catch (error) {
        throw faultOf(error, signal, notKnown);
      }
    },
    async state(tenant, signal) {
      try {
        return await client.getEventLog({ tenant }, { signal });
      } catch (error) {
        throw faultOf(error, signal, goOn);
      }
    },
    async readGroup(tenant, name, signal) {
      try {
        return await client.readGroup({ tenant, name }, { signal });
      } catch (error) {
        throw faultOf(error, signal, callAgain);
      }
    },
    async writeGroup(tenant, name, { state, version }, signal) {
      try {
        const { written } = await client.writeGroup({ tenant, name, state, version }, { signal });
        return written;
      } catch (error) {
        throw faultOf(error, signal, callAgain);
      }
    },
    async *follow(tenant, after, signal) {
      try {
        yield* followEvents({ tenant, after }, { signal });
      } catch (error) {
        throw faultOf(error, signal, goOn);
      }
    },
  };
}

const RETRY_MS = 1_000;
const goOn = 'go on from your cursor';
/** What other callers are told. */
export const callAgain = 'call again';
/** What who publishes is told when the way broke off. */
export const notKnown =
  'whether these were committed is not known; publish them again, with the same idempotency_key if you gave one';

/** The registry's own errors carry details and pass; the others tell of the way to it. */
function faultOf(error: unknown, signal: AbortSignal, text: string): unknown {
  const told = ConnectError.from(error);
  if (signal.aborted || told.code === Code.DeadlineExceeded) return error;
  if (told.details.length > 0) {
    const passed = new ConnectError(told.rawMessage, told.code);
    passed.details = told.details;
    return passed;
  }
  return unreachable(text, error);
}

/** The refusal of who needs a log that cannot be reached. */
export function unreachable(text = goOn, cause?: unknown): WeirError {
  return refuse(Reason.EVENTS_UNAVAILABLE, `the log of events cannot be reached: ${text}`, {
    retryDelayMs: RETRY_MS,
    cause,
  });
}
