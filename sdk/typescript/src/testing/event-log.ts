import { create } from '@bufbuild/protobuf';
import { timestampNow } from '@bufbuild/protobuf/wkt';
import { Sensitivity } from '../gen/weir/context/v1/context_pb.ts';
import { type Event, EventSchema } from '../gen/weir/events/v1/events_pb.ts';
import { jsonType } from '../payload.ts';

/** The most events that are kept; older ones are forgotten. */
const keptMax = 10_000;

/** An event in the log. */
export interface LoggedEvent {
  readonly position: bigint;
  readonly publishTime: Event['time'];
  readonly event: Event;
}

/** A log of events in memory. */
export interface TestEventLog {
  /** Tells it from other logs. */
  readonly epoch: string;
  /** The position of the oldest event that is kept, and of the last one. */
  readonly first: bigint;
  readonly head: bigint;
  /** Adds events, and completes them. */
  append(events: readonly Event[]): readonly LoggedEvent[];
  /** What comes after a position, at most so many. */
  after(position: bigint, most: number): readonly LoggedEvent[];
  /** Resolves when there is more after a position, the time is over, or at the signal. */
  more(position: bigint, ms: number, signal: AbortSignal): Promise<void>;
}

/** Opens a log in memory. */
export function createTestEventLog(): TestEventLog {
  const kept: LoggedEvent[] = [];
  const waiting = new Set<() => void>();
  let head = 0n;
  const log: TestEventLog = {
    epoch: crypto.randomUUID(),
    get first() {
      return head - BigInt(kept.length) + 1n;
    },
    get head() {
      return head;
    },
    append(events) {
      const publishTime = timestampNow();
      const added = events.map((event): LoggedEvent => {
        head += 1n;
        return { position: head, publishTime, event: completed(event, publishTime) };
      });
      kept.push(...added);
      kept.splice(0, kept.length - keptMax);
      for (const wake of waiting) wake();
      return added;
    },
    after(position, most) {
      const from = Number(position - log.first) + 1;
      return kept.slice(from, from + most);
    },
    async more(position, ms, signal) {
      if (head > position || signal.aborted) return;
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(late);
          waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        const late = setTimeout(wake, ms);
        waiting.add(wake);
        signal.addEventListener('abort', wake);
      });
    },
  };
  return log;
}

function completed(event: Event, now: NonNullable<Event['time']>): Event {
  return create(EventSchema, {
    ...event,
    contentType: event.contentType || jsonType,
    sensitivity: event.sensitivity || Sensitivity.INTERNAL,
    id: event.id || crypto.randomUUID(),
    time: event.time ?? now,
  });
}
