import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type PulledEvent,
  type PullRequestSchema,
  type PullResponse,
  Start,
} from '@weir/sdk/gen/weir/events/v1/events_pb';
import { expect } from 'vitest';
import type { Events } from './event-clients.ts';

/** Pulls until there is something. */
export async function pullSome(events: Events, more = {}): Promise<PullResponse> {
  for (;;) {
    const pulled = await events.pull(asked({ wait: seconds(5), ...more }));
    if (pulled.events.length > 0) return pulled;
  }
}

/** A duration. */
export const seconds = (value: number) => ({
  seconds: BigInt(Math.trunc(value)),
  nanos: Math.round((value % 1) * 1e9),
});

/** What workers of a group ask for: all events that there are, of all pages. */
export const asked = (more: MessageInitShape<typeof PullRequestSchema> = {}) => ({
  ...{ group: 'mailers', topics: ['page.*'], start: Start.EARLIEST },
  ...more,
});
/** The keys of what was pulled, in their order. */
export const keysOf = (pulled: Pick<PullResponse, 'events'> | readonly PulledEvent[]) =>
  ('events' in pulled ? pulled.events : pulled).map((one) => one.event?.event?.key);
/** The leases of what was pulled. */
export const idsOf = ({ events }: PullResponse) => events.map(({ ackId }) => ackId);

/** Pulls and acknowledges until there has been nothing for a while; says which keys came, in order. */
export async function workOff(
  events: Events,
  into: (string | undefined)[],
  more = {},
): Promise<void> {
  for (;;) {
    const pulled = await events.pull(asked({ wait: seconds(2), ...more }));
    if (pulled.events.length === 0) return;
    into.push(...keysOf(pulled));
    const { notHeld } = await events.ack({ group: 'mailers', ackIds: idsOf(pulled) });
    expect(notHeld).toEqual([]);
  }
}
