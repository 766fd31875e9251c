import { type Duration, durationMs } from '@bufbuild/protobuf/wkt';
import { type Caller, refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type AckRequest, type PullRequest, Start } from '@weir/sdk/gen/weir/events/v1/events_pb';
import { parsePurpose } from '../../batch.ts';
import { parseTopics } from '../topics.ts';
import type { AckIds, Lease } from './ack-ids.ts';
import type { Said } from './group.ts';

/** The most events that one pull gives out. */
export const PULL_EVENTS_MAX = 256;
const PULL_EVENTS_DEFAULT = 16;
/** How long a pull waits for events. */
export const WAIT_MAX_MS = 20_000;
/** How long a lease may last. */
export const LEASE_MAX_MS = 600_000;
const LEASE_MIN_MS = 1_000;
const LEASE_DEFAULT_MS = 30_000;
/** How often an event may be given out. */
export const ATTEMPTS_MAX = 100;
const ATTEMPTS_DEFAULT = 5;
/** How long an event that is given back may wait. */
export const DELAY_MAX_MS = 43_200_000;
/** The most leases that are told of together. */
export const ACK_IDS_MAX = 256;

const groupForm = /^[a-z0-9\-_.@:]{1,128}$/;

/** What a worker asks for, checked. */
export interface PullAsked {
  readonly group: string;
  /** In order, each once; empty: those that the group has. */
  readonly topics: readonly string[];
  readonly isEarliest: boolean;
  readonly eventsMax: number;
  readonly waitMs: number;
  readonly leaseMs: number;
  readonly attemptsMax: number;
  readonly fetch: boolean;
  readonly purpose: string;
  readonly dead: boolean;
  readonly reset: boolean;
}

/** Parses what a worker asks for. Throws INVALID_NAME, MALFORMED_REQUEST naming the field. */
export function parsePull(request: PullRequest): PullAsked {
  const { fetch, deadLetters: dead, reset } = request;
  if (dead && reset) {
    throw malformed(
      'reset',
      'is set together with dead_letters, which it forgets; set one of them',
    );
  }
  if (request.topics.length > 0) parseTopics(request.topics);
  return {
    group: parseGroup(request.group),
    topics: [...new Set(request.topics)].sort(),
    isEarliest: request.start === Start.EARLIEST,
    eventsMax: parseCount('max_events', request.maxEvents, PULL_EVENTS_MAX) || PULL_EVENTS_DEFAULT,
    waitMs: parseMs('wait', request.wait, { min: 0, max: WAIT_MAX_MS }) ?? 0,
    leaseMs: parseLease('lease', request.lease),
    attemptsMax: parseCount('max_attempts', request.maxAttempts, ATTEMPTS_MAX) || ATTEMPTS_DEFAULT,
    purpose: parsePurpose(request.purpose),
    ...{ fetch, dead, reset },
  };
}

/** What a worker says of one lease. */
export interface SaidOf extends Said, Lease {
  readonly id: string;
}

/** Parses what a worker says. Throws BATCH_EMPTY, BATCH_TOO_LARGE, INVALID_CURSOR, DENIED. */
export function parseAck(
  ackIds: AckIds,
  caller: Caller,
  request: AckRequest,
  nowMs: number,
): { readonly group: string; readonly said: readonly SaidOf[] } {
  const group = parseGroup(request.group);
  const { ackIds: done, giveBack, extend } = request;
  requireSome(done.length + giveBack.length + extend.length);
  const lease = (field: string, id: string) => ({
    id,
    ...ackIds.read(caller, group, { field, id }),
  });
  const said = [
    ...done.map((id, at): SaidOf => {
      return { ...lease(`ack_ids[${at}]`, id), what: 'done', untilMs: nowMs };
    }),
    ...giveBack.map(({ ackId, delay }, at): SaidOf => {
      const bounds = { min: 0, max: DELAY_MAX_MS };
      const delayMs = parseMs(`give_back[${at}].delay`, delay, bounds) ?? 0;
      const of = lease(`give_back[${at}].ack_id`, ackId);
      return { ...of, what: 'back', untilMs: nowMs + delayMs };
    }),
    ...extend.map(({ ackId, lease: longer }, at): SaidOf => {
      const leaseMs = parseLease(`extend[${at}].lease`, longer);
      const of = lease(`extend[${at}].ack_id`, ackId);
      return { ...of, what: 'longer', untilMs: nowMs + leaseMs };
    }),
  ];
  return { group, said };
}

function requireSome(count: number): void {
  const most = `give 1 to ${ACK_IDS_MAX} of ack_ids, give_back and extend together`;
  if (count === 0) throw refuse(Reason.BATCH_EMPTY, `nothing is said of any event; ${most}`);
  if (count > ACK_IDS_MAX) {
    throw refuse(Reason.BATCH_TOO_LARGE, `something is said of ${count} events; ${most}`);
  }
}

function parseGroup(group: string): string {
  if (groupForm.test(group)) return group;
  const text = 'is not the name of a group: use 1 to 128 of a-z, 0-9, "-", "_", ".", "@" and ":"';
  throw refuse(Reason.INVALID_NAME, `group ${text}`, {
    violations: [{ field: 'group', description: text }],
  });
}

function parseLease(field: string, lease: Duration | undefined): number {
  return parseMs(field, lease, { min: LEASE_MIN_MS, max: LEASE_MAX_MS }) ?? LEASE_DEFAULT_MS;
}

function parseMs(
  field: string,
  duration: Duration | undefined,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  if (!duration) return undefined;
  const ms = durationMs(duration);
  if (ms >= min && ms <= max) return ms;
  throw malformed(field, `is ${ms / 1_000} s; give ${min / 1_000} to ${max / 1_000} s`);
}

function parseCount(field: string, count: number, max: number): number {
  if (count <= max) return count;
  throw malformed(field, `is ${count}; give 1 to ${max}, or 0 for the default`);
}

function malformed(field: string, text: string) {
  return refuse(Reason.MALFORMED_REQUEST, `${field} ${text}`, {
    violations: [{ field, description: text }],
  });
}
