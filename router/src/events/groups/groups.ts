import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type GroupState, GroupStateSchema } from '@weir/sdk/gen/weir/events/v1/group_pb';
import type { EventLog } from '../event-log.ts';
import { createTurns } from './turns.ts';

/** How often a change is tried while other routers change the same group. */
export const TRIES_MAX = 10;

const CONFLICT_MIN_MS = 5;
const CONFLICT_MAX_MS = 200;
const RETRY_MS = 500;

/** Which group: workers are those who call as the principal. */
export interface GroupName {
  readonly tenant: string;
  readonly principal: string;
  readonly group: string;
}

/** What becomes of a group, and what comes of that. */
export interface Moved<T> {
  /** Undefined: it stays as it is. */
  readonly state: GroupState | undefined;
  readonly result: T;
}

/** The groups of workers, as they are kept beside the log. */
export interface Groups {
  /**
   * Changes a group, in turn; made again from what is there then when another router was first.
   * Throws EVENTS_UNAVAILABLE, TOO_MANY, OVERLOADED.
   */
  change<T>(
    name: GroupName,
    move: (state: GroupState | undefined) => Promise<Moved<T>>,
    signal: AbortSignal,
  ): Promise<T>;
  /** Calls the listener after each change by this router, until what is returned is disposed of. */
  onChange(name: GroupName, listener: () => void): Disposable;
}

/** Opens the groups that are kept beside a log. */
export function createGroups(log: EventLog): Groups {
  const turns = createTurns();
  const listeners = new Map<string, Set<() => void>>();
  return {
    change(name, move, signal) {
      const line = JSON.stringify([name.tenant, keptName(name)]);
      return turns.take(line, signal, async () => {
        for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
          if (attempt > 0) await sleep(conflictMs(attempt), undefined, { signal });
          const kept = await log.readGroup(name.tenant, keptName(name), signal);
          const before = kept.version > 0n ? fromBinary(GroupStateSchema, kept.state) : undefined;
          const { state, result } = await move(before);
          if (!state) return result;
          const write = { state: toBinary(GroupStateSchema, state), version: kept.version };
          if (!(await log.writeGroup(name.tenant, keptName(name), write, signal))) continue;
          for (const listener of [...(listeners.get(line) ?? [])]) listener();
          return result;
        }
        throw contended(name.group);
      });
    },
    onChange(name, listener) {
      const line = JSON.stringify([name.tenant, keptName(name)]);
      const own = listeners.get(line) ?? new Set();
      listeners.set(line, own.add(listener));
      return {
        [Symbol.dispose]() {
          own.delete(listener);
          if (own.size === 0 && listeners.get(line) === own) listeners.delete(line);
        },
      };
    },
  };
}

/** No principal has a slash in its name. */
function keptName({ principal, group }: GroupName): string {
  return `${principal}/${group}`;
}

/** With jitter, so that routers that met do not meet again. */
function conflictMs(attempt: number): number {
  return Math.min(CONFLICT_MAX_MS, CONFLICT_MIN_MS * 2 ** attempt) * Math.random();
}

function contended(group: string) {
  const text = `other routers changed the group ${group} ${TRIES_MAX} times meanwhile; call again`;
  return refuse(Reason.EVENTS_UNAVAILABLE, text, { retryDelayMs: RETRY_MS });
}
