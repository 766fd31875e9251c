import { Code, ConnectError } from '@connectrpc/connect';
import { reasonOf } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  type PulledEvent,
  type PullRequest,
  type PullResponse,
  Start,
} from '@weir/sdk/gen/weir/events/v1/events_pb';
import { PrincipalKind, Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { describe, expect, test } from 'vitest';
import { type Events, event, eventsOf } from './event-clients.ts';
import { openTestWeir, type TestWeir } from './weir.ts';

const seconds = (value: number) => ({
  seconds: BigInt(Math.trunc(value)),
  nanos: Math.round((value % 1) * 1e9),
});

/** What workers of a group ask for: all events that there are, of all pages. */
const asked = (more: Partial<Record<keyof PullRequest, unknown>> = {}) => ({
  ...{ group: 'mailers', topics: ['page.*'], start: Start.EARLIEST },
  ...more,
});
const keysOf = (pulled: Pick<PullResponse, 'events'> | readonly PulledEvent[]) =>
  ('events' in pulled ? pulled.events : pulled).map((one) => one.event?.event?.key);
const idsOf = ({ events }: PullResponse) => events.map(({ ackId }) => ackId);

async function refusalOf(promise: Promise<unknown>) {
  const error = await promise.then(
    () => expect.unreachable('nothing was refused'),
    (thrown: unknown) => ConnectError.from(thrown),
  );
  return { code: error.code, reason: reasonOf(error), text: error.rawMessage };
}

/** Pulls and acknowledges until there has been nothing for a while; says which keys came, in order. */
async function workOff(events: Events, into: (string | undefined)[], more = {}): Promise<void> {
  for (;;) {
    const pulled = await events.pull(asked({ wait: seconds(2), ...more }));
    if (pulled.events.length === 0) return;
    into.push(...keysOf(pulled));
    const { notHeld } = await events.ack({ group: 'mailers', ackIds: idsOf(pulled) });
    expect(notHeld).toEqual([]);
  }
}

describe('a group of workers', () => {
  test('shares what is published: each event goes to one of them', async () => {
    await using opened = await openTestWeir();
    const one = eventsOf(opened.weir.url, opened.weir.key);
    const two = eventsOf(opened.weir.url, opened.weir.key);
    const keys = Array.from({ length: 100 }, (_, index) => `k${index}`);
    await one.publish({ events: keys.map((key) => event(key)) });
    await one.publish({ events: [event('user', { topic: 'user.updated' })] });
    const [byOne, byTwo]: (string | undefined)[][] = [[], []];
    await Promise.all([workOff(one, byOne, { maxEvents: 3 }), workOff(two, byTwo, { maxEvents: 3 })]);
    expect([...byOne, ...byTwo].sort()).toEqual(keys.toSorted());
    expect(byOne.length).toBeGreaterThan(0);
    expect(byTwo.length).toBeGreaterThan(0);
    expect((await one.pull(asked({ group: 'others', maxEvents: 256 }))).events).toHaveLength(100);
  });
});
