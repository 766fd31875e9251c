import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { createMetrics } from '@weir/kit';
import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import {
  AckRequestSchema,
  EventService,
  PullRequestSchema,
  type PullResponse,
  Start,
} from '@weir/sdk/gen/weir/events/v1/events_pb';
import { expect, test } from 'vitest';
import { createTestClock, openAnswering } from '../../test/answering.ts';
import { testContext } from '../../test/context.ts';
import { createEntries } from '../../test/entries.ts';
import { createCursors } from '../events/cursors.ts';
import { countEvents } from '../events/event-metrics.ts';
import { createAckIds } from '../events/groups/ack-ids.ts';
import { createGroups } from '../events/groups/groups.ts';
import { createKnownTopics } from '../events/known-topics.ts';
import { createEventRedaction } from '../events/redact-event.ts';
import { createSubscriptions } from '../events/subscriptions.ts';
import { openTails, TAIL_EVENTS_MAX } from '../events/tails.ts';
import { createTestLog } from '../events/test-log.ts';
import { applyEntries } from '../snapshot/snapshot.ts';
import { ack } from './ack.ts';
import { pull } from './pull.ts';

const second = 1_000;

/** Workers of one group at one router, over a log that can be pruned. */
async function openWorkers() {
  await using stack = new AsyncDisposableStack();
  const clock = createTestClock();
  const events = createTestLog();
  const metrics = stack.adopt(createMetrics('test'), (one) => one.shutdown());
  const answering = stack.use(openAnswering([], { clock }));
  const { holder, log, redactions, forgetting } = answering;
  const make = createEntries();
  const known = [make.principal('lin'), make.key('k1', 'lin')];
  holder.replace(applyEntries(holder.current, known, holder.current), 0);
  const secret = new Uint8Array(32).fill(7);
  const deps = {
    ...answering,
    ...{ observe: () => {}, eventLog: events, groups: createGroups(events) },
    ...{ ackIds: createAckIds(secret), cursors: createCursors(secret) },
    ...{ eventCounts: countEvents(metrics), subscriptions: createSubscriptions(metrics) },
    ...{ redactEvent: createEventRedaction(redactions), knownTopics: createKnownTopics(events) },
    tails: stack.use(openTails({ events, log, forgetting })),
  };
  const tail = await deps.tails.of('acme', new AbortController().signal);
  const owned = stack.move();
  return {
    ...{ events, clock },
    /** Adds events, and waits until the router has heard of them. */
    async add(count: number) {
      events.add(count);
      const { head } = await events.state('acme', new AbortController().signal);
      await deps.tails.reach(
        'acme',
        { epoch: tail.epoch, position: head },
        AbortSignal.timeout(10_000),
      );
    },
    pull(more: MessageInitShape<typeof PullRequestSchema> = {}): Promise<PullResponse> {
      const asked = { group: 'mailers', topics: ['*'], start: Start.EARLIEST, ...more };
      const context = testContext(EventService.method.pull);
      return pull(deps)(create(PullRequestSchema, asked), context);
    },
    ack: (more: MessageInitShape<typeof AckRequestSchema>) =>
      ack(deps)(
        create(AckRequestSchema, { group: 'mailers', ...more }),
        testContext(EventService.method.ack),
      ),
    /** What is counted of events. */
    async counted(): Promise<Record<string, number>> {
      const rows = (await metrics.text()).matchAll(/^weir_events_total\{what="(\w+)".*\} (\d+)$/gm);
      return Object.fromEntries([...rows].map(([, what = '', count]) => [what, Number(count)]));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const positionsOf = ({ events }: PullResponse) => events.map(({ event }) => event?.position);
const idsOf = ({ events }: PullResponse) => events.map(({ ackId }) => ackId);
const backOf = (pulled: PullResponse) => idsOf(pulled).map((ackId) => ({ ackId }));

const tooOld = {
  reason: Reason.CURSOR_TOO_OLD,
  message:
    'what the group mailers is to get next is not kept any more, or the installation was restored; pull once with reset to make the group anew, and with start: START_EARLIEST for all that is kept',
};

/** Beyond what a router keeps in memory. */
const many = TAIL_EVENTS_MAX + 100;

test('a group whose place is not kept any more is told so, until it is made anew', async () => {
  await using workers = await openWorkers();
  await workers.add(1);
  await workers.ack({ ackIds: idsOf(await workers.pull()) });
  await workers.add(many);
  workers.events.prune(many - 1);
  for (const _ of [1, 2]) await expect(workers.pull()).rejects.toMatchObject(tooOld);
  const anew = await workers.pull({ reset: true, maxEvents: 1 });
  expect([positionsOf(anew), anew.begun]).toEqual([[3n], true]);
  expect(positionsOf(await workers.pull({ maxEvents: 1 }))).toEqual([4n]);
});

test('what the group is to get next is in memory, is given out although the log dropped it', async () => {
  await using workers = await openWorkers();
  await workers.pull();
  await workers.add(3);
  workers.events.prune(0);
  expect(positionsOf(await workers.pull())).toEqual([1n, 2n, 3n]);
});

test('a group to which something comes again that is not kept any more is told so', async () => {
  await using workers = await openWorkers();
  await workers.add(1);
  const pulled = await workers.pull();
  await workers.add(many);
  workers.events.prune(many);
  // What is out is its worker's, whatever the log has.
  expect(positionsOf(await workers.pull({ maxEvents: 1 }))).toEqual([2n]);
  await workers.ack({ giveBack: backOf(pulled) });
  await expect(workers.pull()).rejects.toMatchObject(tooOld);
});

test('dead letters that are not kept any more are dropped and counted, and the others stay', async () => {
  await using workers = await openWorkers();
  await workers.add(2);
  await workers.ack({ giveBack: backOf(await workers.pull({ maxAttempts: 1 })) });
  await workers.add(many);
  workers.events.prune(many + 1);
  const dead = await workers.pull({ deadLetters: true });
  expect([positionsOf(dead), dead.deadLetters, dead.dropped]).toEqual([[2n], 1, 1n]);
  await workers.ack({ ackIds: idsOf(dead) });
  const after = await workers.pull({ deadLetters: true });
  expect([positionsOf(after), after.deadLetters, after.dropped]).toEqual([[], 0, 1n]);
});

test('dead letters that are forgotten while they are looked for are dropped and counted too', async () => {
  await using workers = await openWorkers();
  const { events } = workers;
  await workers.add(3);
  await workers.ack({ giveBack: backOf(await workers.pull({ maxAttempts: 1 })) });
  await workers.add(many);
  const { state } = events;
  let kept = many + 3;
  events.state = async (...asked) => {
    const was = await state(...asked);
    kept -= 1;
    if (kept > many) events.prune(kept);
    return was;
  };
  const dead = await workers.pull({ deadLetters: true });
  expect([positionsOf(dead), dead.deadLetters, dead.dropped]).toEqual([[3n], 1, 2n]);
});

test('a group of a log that was restored is told so', async () => {
  await using workers = await openWorkers();
  await workers.add(2);
  const before = await workers.pull({ maxEvents: 1 });
  workers.events.restore(5);
  await expect
    .poll(() => workers.pull().then(positionsOf, ({ reason }) => reason))
    .toBe(Reason.CURSOR_TOO_OLD);
  expect(positionsOf(await workers.pull({ reset: true, maxEvents: 1 }))).toEqual([1n]);
  expect((await workers.ack({ ackIds: idsOf(before) })).notHeld).toEqual(idsOf(before));
});

test('what becomes of the events of a group is counted, each once', async () => {
  await using workers = await openWorkers();
  const none = { pulled: 0, redelivered: 0, acked: 0, given_back: 0, dead: 0 };
  expect(await workers.counted()).toMatchObject(none);
  await workers.add(4);
  const lease = { seconds: 30n };
  const first = await workers.pull({ maxAttempts: 2, lease });
  const [done = '', back = '', longer = '', late = ''] = idsOf(first);
  await workers.ack({ ackIds: [done], giveBack: [{ ackId: back }], extend: [{ ackId: longer }] });
  expect(await workers.counted()).toMatchObject({ ...none, pulled: 4, acked: 1, given_back: 1 });
  // What is not held any more is not counted again.
  await workers.ack({ ackIds: [done], giveBack: [{ ackId: back }] });
  expect(await workers.counted()).toMatchObject({ ...none, pulled: 4, acked: 1, given_back: 1 });

  workers.clock.advance(31 * second);
  const again = await workers.pull({ maxAttempts: 2, lease });
  expect(positionsOf(again)).toEqual([2n, 3n, 4n]);
  expect((await workers.ack({ ackIds: [late] })).notHeld).toEqual([late]);
  const [, failed = ''] = idsOf(again);
  await workers.ack({ giveBack: [{ ackId: failed }] });
  const tried = { pulled: 7, redelivered: 3, acked: 1, given_back: 2, dead: 1 };
  expect(await workers.counted()).toMatchObject(tried);
  // The others die of their leases; the next look finds it, and the one after that not again.
  workers.clock.advance(31 * second);
  for (const _ of [1, 2]) {
    expect(positionsOf(await workers.pull())).toEqual([]);
    expect(await workers.counted()).toMatchObject({ ...tried, dead: 3 });
  }
});
