import type { Client } from '@connectrpc/connect';
import type { EventService } from '../gen/weir/events/v1/events_pb.ts';
import { readPulled, type WorkEvent } from './work.ts';

/** Which dead letters are given back. */
export interface RequeueOptions {
  /** The most of them, the longest dead first. Default: all that there are when it begins. */
  readonly limit?: number | undefined;
  /** What the events are for, as of a fetch. Default: not stated. */
  readonly purpose?: string | undefined;
  /** Ends it: it throws CANCELED. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each that was given back. */
  readonly onRequeued?: ((event: WorkEvent) => void) | undefined;
}

/** The most that one pull gives out. */
const pullMax = 256;

/**
 * Gives the dead letters of a group back to its workers. It ends with as many as there were when it
 * began: what dies again meanwhile stays dead.
 */
export async function requeueDead(
  client: Client<typeof EventService>,
  group: string,
  { limit = Number.POSITIVE_INFINITY, purpose = '', signal, onRequeued }: RequeueOptions,
): Promise<number> {
  const call = signal && { signal };
  let most = limit;
  let taken = 0;
  let requeued = 0;
  while (taken < most) {
    const maxEvents = Math.min(pullMax, most - taken);
    const asked = { group, maxEvents, purpose, deadLetters: true };
    const { events, deadLetters } = await client.pull(asked, call);
    if (events.length === 0) break;
    if (taken === 0) most = Math.min(limit, deadLetters);
    taken += events.length;
    const giveBack = events.map(({ ackId }) => ({ ackId }));
    const { notHeld } = await client.ack({ group, giveBack }, call);
    const lost = new Set(notHeld);
    for (const pulled of events) {
      if (lost.has(pulled.ackId)) continue;
      requeued += 1;
      onRequeued?.(readPulled(pulled));
    }
  }
  return requeued;
}
