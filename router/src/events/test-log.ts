import { create } from '@bufbuild/protobuf';
import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { type StoredEvent, StoredEventSchema } from '@weir/sdk/gen/weir/events/v1/log_pb';
import type { EventLog, KeptGroup } from './event-log.ts';

/** A log of one tenant in memory, which can be pruned, restored and out of reach. */
export interface TestLog extends EventLog {
  /** Adds events, as they come. */
  add(count: number, bytes?: number, topic?: string): void;
  /** Forgets all but the newest. */
  prune(kept: number): void;
  /** Becomes another log, of so many events. */
  restore(count: number): void;
  /** Ends all streams, and refuses new ones until it is set right. */
  isAway: boolean;
  /** How many streams are open, and how often the log was asked for. */
  readonly streams: number;
  readonly asked: number;
}

const eventsOfMessage = 8;
const lookMs = 2;

/** Opens a log in memory. */
export function createTestLog(): TestLog {
  let stored: StoredEvent[] = [];
  const groups = new Map<string, KeptGroup>();
  let first = 1n;
  let epoch = 'one';
  let streams = 0;
  let asked = 0;
  const headOf = () => stored.at(-1)?.position ?? first - 1n;
  const requireHere = () => {
    asked += 1;
    if (log.isAway) throw refuse(Reason.EVENTS_UNAVAILABLE, 'it is away');
  };
  const log: TestLog = {
    isAway: false,
    get streams() {
      return streams;
    },
    get asked() {
      return asked;
    },
    add(count, bytes = 10, topic = 'page.updated') {
      for (let index = 0; index < count; index++) {
        const position = headOf() + 1n;
        const event = { topic, key: String(position), data: new Uint8Array(bytes) };
        stored.push(create(StoredEventSchema, { position, event }));
      }
    },
    prune(kept) {
      first = headOf() - BigInt(kept) + 1n;
      stored = kept === 0 ? [] : stored.slice(-kept);
    },
    restore(count) {
      epoch = 'two';
      stored = [];
      first = 1n;
      log.add(count);
    },
    append: () => Promise.reject(new Error('nothing is published here')),
    appendInOrder: () => Promise.reject(new Error('nothing is published here')),
    async state() {
      requireHere();
      return { first, head: headOf(), epoch };
    },
    async readGroup(tenant, name) {
      requireHere();
      return groups.get(`${tenant}/${name}`) ?? { state: new Uint8Array(), version: 0n };
    },
    async writeGroup(tenant, name, { state, version }) {
      requireHere();
      if ((groups.get(`${tenant}/${name}`)?.version ?? 0n) !== version) return false;
      groups.set(`${tenant}/${name}`, { state, version: version + 1n });
      return true;
    },
    async *follow(_tenant, after, signal) {
      requireHere();
      if (after > headOf() || after + 1n < first) throw refuse(Reason.CURSOR_TOO_OLD, 'it is gone');
      const begun = epoch;
      let position = after;
      streams += 1;
      try {
        while (!signal.aborted && !log.isAway && epoch === begun) {
          const events = stored.filter((one) => one.position > position).slice(0, eventsOfMessage);
          position = events.at(-1)?.position ?? position;
          yield { events, epoch };
          if (events.length === 0) await new Promise((resolve) => setTimeout(resolve, lookMs));
        }
      } finally {
        streams -= 1;
      }
    },
  };
  return log;
}
