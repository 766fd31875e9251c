import { refuse } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { Tail } from './tails.ts';
import type { TopicFilter } from './topics.ts';

/** What may wait for a subscriber who does not read: events, and bytes of them. */
export const WAITING_EVENTS_MAX = 256;
export const WAITING_BYTES_MAX = 1024 * 1024;

const RETRY_MS = 1_000;

/**
 * Watches, while a subscriber has something to read, how much comes meanwhile; cuts it off when that is
 * too much. It keeps nothing back from others, who read from the same memory.
 */
export function watchReader(
  tail: Tail,
  wants: TopicFilter,
  cutOff: (error: Error) => void,
): Disposable {
  let seen = tail.head;
  let events = 0;
  let bytes = 0;
  return tail.onMore(() => {
    const more = tail.after(seen, Number(tail.head - seen));
    seen = tail.head;
    for (const { stored, bytes: size } of more ?? []) {
      if (!wants(stored.event?.topic ?? '')) continue;
      events += 1;
      bytes += size;
    }
    if (events <= WAITING_EVENTS_MAX && bytes <= WAITING_BYTES_MAX) return;
    const text = `${events} events came while the last ones were not read; go on from your cursor, ask for fewer by max_per_second, or for latest_only`;
    cutOff(refuse(Reason.SUBSCRIBER_SLOW, text, { retryDelayMs: RETRY_MS }));
  });
}
