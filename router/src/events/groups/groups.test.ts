import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import type { GroupState } from '@weir/sdk/gen/weir/events/v1/group_pb';
import { expect, test } from 'vitest';
import type { EventLog } from '../event-log.ts';
import { createTestLog } from '../test-log.ts';
import { newGroup } from './group.ts';
import { createGroups, type Groups, TRIES_MAX } from './groups.ts';

const name = { tenant: 'acme', principal: 'lin', group: 'mailers' };
const never = new AbortController().signal;

/** Moves the place of a group by one; makes it where there is none. */
function step(groups: Groups, onTry: () => void = () => {}): Promise<bigint> {
  const begun = newGroup({ epoch: 'one', topics: ['*'], place: 0n, nowMs: 0 });
  const move = async (before: GroupState = begun) => {
    onTry();
    const state = { ...before, place: before.place + 1n };
    return { state, result: state.place };
  };
  return groups.change(name, move, never);
}

/** A log that another router writes to, so many times, between a look at a group and its change. */
function contended(times: number) {
  const events = createTestLog();
  const other = createGroups(events);
  let left = times;
  const log: EventLog = {
    ...events,
    async readGroup(...asked) {
      const kept = await events.readGroup(...asked);
      if (left > 0) await step(other);
      left -= 1;
      return kept;
    },
  };
  return { groups: createGroups(log), other };
}

const placeOf = (groups: Groups) =>
  groups.change(name, async (state) => ({ state: undefined, result: state?.place }), never);

test('who is overtaken looks again at what is there then, and nothing is lost', async () => {
  const { groups, other } = contended(TRIES_MAX - 1);
  let tries = 0;
  const place = await step(groups, () => {
    tries += 1;
  });
  expect([tries, place]).toEqual([TRIES_MAX, BigInt(TRIES_MAX)]);
  expect(await placeOf(other)).toBe(BigInt(TRIES_MAX));
});

test('who is overtaken each time is told to call again, and has changed nothing', async () => {
  const { groups, other } = contended(TRIES_MAX);
  let [tries, told] = [0, 0];
  using _ = groups.onChange(name, () => {
    told += 1;
  });
  const refused = step(groups, () => {
    tries += 1;
  });
  await expect(refused).rejects.toMatchObject({
    reason: Reason.EVENTS_UNAVAILABLE,
    retryDelayMs: 500,
    message: `other routers changed the group mailers ${TRIES_MAX} times meanwhile; call again`,
  });
  expect([tries, told]).toEqual([TRIES_MAX, 0]);
  expect(await placeOf(other)).toBe(BigInt(TRIES_MAX));
  // The next one has its turn all the same.
  expect(await step(groups)).toBe(BigInt(TRIES_MAX + 1));
  expect(told).toBe(1);
});

test('of many changes by two routers at once none is lost', async () => {
  const events = createTestLog();
  const routers = [createGroups(events), createGroups(events)];
  const insist = async (groups: Groups): Promise<unknown> =>
    step(groups).catch((error: { reason?: Reason }) => {
      if (error.reason !== Reason.EVENTS_UNAVAILABLE) throw error;
      return insist(groups);
    });
  await Promise.all(routers.flatMap((groups) => Array.from({ length: 25 }, () => insist(groups))));
  expect(await placeOf(createGroups(events))).toBe(50n);
});
