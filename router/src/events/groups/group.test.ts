import type { GroupEvent, GroupState } from '@weir/sdk/gen/weir/events/v1/group_pb';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bury,
  type Claimed,
  claim,
  claimDead,
  DEAD_MAX,
  GIVEN_MAX_BYTES,
  isOut,
  newGroup,
  nextDueMs,
  type Offer,
  OPEN_MAX,
  type Said,
  settle,
  waiting,
} from './group.ts';

const seed = Number(process.env.WEIR_TEST_SEED ?? Math.trunc(Math.random() * 2 ** 31));

/** A log, and a group that reads it with a clock of its own. */
function openGroup() {
  const log: Offer[] = [];
  const group = {
    state: newGroup({ epoch: 'e', topics: ['*'], place: 0n, nowMs: 0, leases: 0n }),
    nowMs: 0,
    publish(key = 0n, more: Partial<Offer> = {}): bigint {
      const position = BigInt(log.length + 1);
      log.push({ position, key, bytes: 10, isWanted: true, ...more });
      return position;
    },
    claim(eventsMax = 256, attemptsMax = 5): readonly GroupEvent[] {
      const { state, nowMs } = group;
      const found = waiting(state, nowMs, eventsMax).map(({ position }) => offerOf(position));
      const again = new Map(found.map((offer) => [offer.position, offer]));
      const next = log.slice(Number(state.place));
      return take(claim(state, { again, next }, terms(eventsMax, attemptsMax)));
    },
    claimDead(eventsMax = 256, gone: readonly bigint[] = []): readonly GroupEvent[] {
      const positions = bury(group.state, group.nowMs).dead.map(({ position }) => position);
      const again = new Map(
        positions.map((position) => [
          position,
          gone.includes(position) ? undefined : offerOf(position),
        ]),
      );
      return take(claimDead(group.state, again, terms(eventsMax, 5)));
    },
    say(what: Said['what'], event: GroupEvent, ms = 0): boolean {
      const { position, lease } = event;
      const said = [{ position, lease, what, untilMs: group.nowMs + ms }];
      const { state, notHeld } = settle(group.state, said, group.nowMs);
      group.state = state;
      return notHeld.length === 0;
    },
  };
  const offerOf = (position: bigint) => log[Number(position) - 1] as Offer;
  const terms = (eventsMax: number, attemptsMax: number) => ({
    ...{ nowMs: group.nowMs, leaseMs: 30, eventsMax, attemptsMax },
  });
  const take = ({ state, given }: Claimed) => {
    group.state = state;
    return given;
  };
  return { ...group, log, group };
}

const positionsOf = (events: readonly GroupEvent[]) => events.map(({ position }) => position);
const first = (events: readonly GroupEvent[]) =>
  events[0] ?? expect.unreachable('nothing was given out');

describe('a group', () => {
  test('gives out each event once, and again when its lease is over', () => {
    const { group } = openGroup();
    for (let event = 0; event < 3; event++) group.publish();
    const given = group.claim(2);
    expect(positionsOf(given)).toEqual([1n, 2n]);
    expect(positionsOf(group.claim())).toEqual([3n]);
    expect(group.claim()).toEqual([]);
    expect(nextDueMs(group.state, 0)).toBe(30);
    group.nowMs = 20;
    expect(group.say('longer', first(given), 30)).toBe(true);
    group.nowMs = 30;
    const again = group.claim();
    expect(again.map(({ position, attempts }) => [position, attempts])).toEqual([
      [2n, 2],
      [3n, 2],
    ]);
    expect(nextDueMs(group.state, 30)).toBe(50);
  });

  test('lets late words count as long as nobody else has the event', () => {
    const { group } = openGroup();
    group.publish();
    const early = first(group.claim());
    group.nowMs = 30;
    const later = first(group.claim());
    expect(group.say('done', early)).toBe(false);
    group.nowMs = 60;
    expect(group.say('done', later)).toBe(true);
    expect(group.say('done', later)).toBe(false);
    expect(group.state.open).toEqual([]);
  });

  test('lets a key wait for what comes before it, and nobody else', () => {
    const { group } = openGroup();
    for (const key of [1n, 1n, 2n, 1n, 0n, 0n]) group.publish(key);
    const given = group.claim();
    expect(positionsOf(given)).toEqual([1n, 3n, 5n, 6n]);
    expect(group.say('back', first(given), 10)).toBe(true);
    expect(group.claim()).toEqual([]);
    group.nowMs = 10;
    const again = group.claim();
    expect(positionsOf(again)).toEqual([1n]);
    group.say('done', first(again));
    expect(positionsOf(group.claim())).toEqual([2n]);
  });

  test('buries what was tried too often, and lets its key go on', () => {
    const { group } = openGroup();
    group.publish(1n);
    group.publish(1n);
    group.say('back', first(group.claim(1, 2)));
    const last = first(group.claim(1, 2));
    group.nowMs = 30;
    expect(positionsOf(group.claim())).toEqual([2n]);
    expect(positionsOf(group.state.dead)).toEqual([1n]);
    // Of what died of its lease, only that it is done still counts.
    expect(group.say('back', last)).toBe(false);
    expect(group.say('done', last)).toBe(true);
    expect(group.state.dead).toEqual([]);
  });

  test('gives out dead letters, which are done, or begin anew', () => {
    const { group } = openGroup();
    for (let event = 0; event < 3; event++) group.publish();
    for (const event of group.claim(3, 1)) group.say('back', event);
    const dead = group.claimDead(2);
    expect(positionsOf(dead)).toEqual([1n, 2n]);
    expect(positionsOf(group.claimDead())).toEqual([3n]);
    const [one, two] = dead as [GroupEvent, GroupEvent];
    expect(group.say('done', one)).toBe(true);
    expect(group.say('back', two)).toBe(true);
    const anew = first(group.claim());
    expect([anew.position, anew.attempts]).toEqual([2n, 1]);
    group.nowMs = 30;
    expect(group.claimDead(1, [3n])).toEqual([]);
    expect([group.state.dead, group.state.dropped]).toEqual([[], 1n]);
  });

  test('lets no lease go on that was over when an earlier event of its key began anew', () => {
    const { group } = openGroup();
    group.publish(1n);
    group.publish(1n);
    group.say('back', first(group.claim(1, 1)));
    const later = first(group.claim(1));
    group.say('back', first(group.claimDead()));
    group.nowMs = 30;
    expect(positionsOf(group.claim())).toEqual([1n]);
    expect(group.say('longer', later, 30)).toBe(false);
    expect(group.say('done', later)).toBe(true);
  });

  test('counts no attempt of what never reached its worker', () => {
    const { group } = openGroup();
    group.publish();
    for (let times = 0; times < 3; times++) group.say('untried', first(group.claim(1, 1)));
    expect(group.state.dead).toEqual([]);
    expect(first(group.claim(1, 1)).attempts).toBe(1);
  });

  test('passes by what is not wanted, also of what it gave out before', () => {
    const { group, log } = openGroup();
    for (const isWanted of [false, true, false]) group.publish(1n, { isWanted });
    const given = group.claim();
    expect([positionsOf(given), group.state.place]).toEqual([[2n], 3n]);
    group.say('back', first(given));
    log[1] = { ...(log[1] as Offer), isWanted: false };
    expect(group.claim()).toEqual([]);
    expect(group.state.open).toEqual([]);
  });

  test('gives out no more bytes than it may, and one event at least', () => {
    const { group } = openGroup();
    for (const bytes of [GIVEN_MAX_BYTES + 1, GIVEN_MAX_BYTES - 1, 1, 1])
      group.publish(0n, { bytes });
    expect(positionsOf(group.claim())).toEqual([1n]);
    expect(positionsOf(group.claim())).toEqual([2n, 3n]);
    expect(positionsOf(group.claim())).toEqual([4n]);
  });

  test('has so many open and dead events at most; the longest dead are dropped', () => {
    const { group } = openGroup();
    for (let event = 0; event < OPEN_MAX + 10; event++) group.publish();
    const given = group.claim(OPEN_MAX + 10, 1);
    expect([given.length, group.state.place]).toEqual([OPEN_MAX, BigInt(OPEN_MAX)]);
    expect(group.claim()).toEqual([]);
    group.nowMs = 30;
    expect(group.claim(10, 1)).toHaveLength(10);
    group.nowMs = 60;
    group.claim();
    expect([group.state.dead.length, group.state.dropped]).toEqual([DEAD_MAX, 10n]);
    expect(group.state.dead[0]?.position).toBe(11n);
  });
});

type Command =
  | { readonly do: 'publish'; readonly key: bigint; readonly isWanted: boolean }
  | { readonly do: 'claim' | 'dead'; readonly max: number; readonly attempts: number }
  | { readonly do: 'wait'; readonly ms: number }
  | {
      readonly do: 'say';
      readonly what: Said['what'];
      readonly which: number;
      readonly ms: number;
    };

const commands = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      key: fc.bigInt({ min: 0n, max: 3n }),
      isWanted: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('claim' as const, 'claim' as const, 'dead' as const),
      max: fc.integer({ min: 1, max: 4 }),
      attempts: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.integer({ min: 1, max: 40 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('say' as const),
      what: fc.constantFrom('done' as const, 'back' as const, 'longer' as const),
      which: fc.nat(30),
      ms: fc.integer({ min: 0, max: 40 }),
    }),
  },
);

/** Runs commands, and holds the group to its promises after each. Says what came of them. */
function run(script: readonly Command[], spoil = (state: GroupState) => state) {
  const { group, log } = openGroup();
  const leases: GroupEvent[] = [];
  const done = new Set<bigint>();
  const counts = { done: 0, again: 0, dead: 0 };
  const isOver = (state: GroupState, position: bigint) =>
    done.has(position) || state.dead.some((event) => event.position === position);
  const given = (events: readonly GroupEvent[], fromOpen: boolean) => {
    for (const event of events) {
      expect(done, 'what is done came again').not.toContain(event.position);
      if (event.attempts > 1) counts.again += 1;
      leases.push(event);
      if (!fromOpen || event.key === 0n) continue;
      const earlier = log.filter(
        ({ key, position, isWanted }) => isWanted && key === event.key && position < event.position,
      );
      const early = earlier.filter(({ position }) => !isOver(group.state, position));
      expect(positionsOfOffers(early), 'it came before an earlier one of its key').toEqual([]);
    }
  };
  for (const command of script) {
    switch (command.do) {
      case 'publish':
        group.publish(command.key, { isWanted: command.isWanted });
        break;
      case 'claim':
        given(group.claim(command.max, command.attempts), true);
        break;
      case 'dead':
        given(group.claimDead(command.max), false);
        break;
      case 'wait':
        group.nowMs += command.ms;
        break;
      case 'say': {
        const event = leases[command.which % Math.max(1, leases.length)];
        const isHeld = event && group.say(command.what, event, command.ms);
        if (isHeld && command.what === 'done') done.add(event.position);
        break;
      }
      default:
        command satisfies never;
    }
    group.state = spoil(group.state);
    hold(group.state, group.nowMs, { log, done });
    counts.dead = Math.max(counts.dead, group.state.dead.length);
  }
  counts.done = done.size;
  return counts;
}

const positionsOfOffers = (offers: readonly Offer[]) => offers.map(({ position }) => position);

/** Each wanted event that was read is in one place; no two of a key are out; all is in order. */
function hold(
  state: GroupState,
  nowMs: number,
  { log, done }: { readonly log: readonly Offer[]; readonly done: ReadonlySet<bigint> },
): void {
  const places = [...positionsOf(state.open), ...positionsOf(state.dead), ...done];
  const read = log.filter(({ position, isWanted }) => isWanted && position <= state.place);
  expect(
    places.sort((a, b) => Number(a - b)),
    'each in one place',
  ).toEqual(positionsOfOffers(read));
  const out = state.open.filter((event) => event.key !== 0n && isOut(event, nowMs));
  expect(new Set(out.map(({ key }) => key)).size, 'one of a key').toBe(out.length);
  const positions = positionsOf(state.open);
  expect(positions, 'in order').toEqual(positions.toSorted((a, b) => Number(a - b)));
}

test(`whatever is done with a group, nothing is lost, done twice, or out of order (seed ${seed})`, () => {
  const met = { done: 0, again: 0, dead: 0 };
  fc.assert(
    fc.property(fc.array(commands, { minLength: 30, maxLength: 60 }), (script) => {
      const counts = run(script);
      for (const what of ['done', 'again', 'dead'] as const) met[what] += counts[what];
    }),
    { seed, numRuns: 1_000 },
  );
  // It was tried on what it is about.
  for (const count of Object.values(met)) expect(count).toBeGreaterThan(100);
});

test('a group that loses an event is found out', () => {
  const losing = (state: GroupState) => ({ ...state, open: state.open.slice(0, 2) });
  const property = fc.property(fc.array(commands, { minLength: 30, maxLength: 60 }), (script) => {
    run(script, losing);
  });
  expect(fc.check(property, { seed, numRuns: 1_000 }).failed).toBe(true);
});
