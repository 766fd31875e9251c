import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createTestClock } from '../../test/answering.ts';
import { createGate, type Entrance, QUEUE_MAX_CALLS } from './gate.ts';

const two = { concurrentCalls: 2, callsPerSecond: undefined };
const never = new AbortController().signal;

function atOnce(entrance: Entrance | Promise<Entrance>): Entrance {
  if (entrance instanceof Promise) throw new Error('it waits');
  return entrance;
}

test('so many go at once; the others wait, and go in their order', async () => {
  const gate = createGate(createTestClock());
  const [first, second] = [atOnce(gate.enter(two, never)), atOnce(gate.enter(two, never))];
  const order: string[] = [];
  const waitAs = async (name: string) => {
    const entrance = await gate.enter(two, never);
    order.push(name);
    return entrance;
  };
  const [third, fourth] = [waitAs('third'), waitAs('fourth')];
  expect(gate.tryEnter(two)).toBeUndefined();
  first.leave?.();
  first.leave?.();
  await third;
  await setImmediate();
  expect(order).toEqual(['third']);
  second.leave?.();
  expect((await fourth).leave).toBeDefined();
});

test('a full queue refuses at once, and says when to ask again', () => {
  const gate = createGate(createTestClock());
  for (let i = 0; i < 2; i++) atOnce(gate.enter(two, never));
  for (let i = 0; i < QUEUE_MAX_CALLS; i++) void gate.enter(two, never);
  expect(atOnce(gate.enter(two, never))).toMatchObject({ retryDelayMs: 500 });
});

test('who waited too long is refused', async () => {
  const gate = createGate(createTestClock());
  for (let i = 0; i < 2; i++) atOnce(gate.enter(two, never));
  expect(await gate.enter(two, never)).toEqual({ retryDelayMs: 500 });
});

test('who goes away while it waits takes no place', async () => {
  const gate = createGate(createTestClock());
  const [first] = [atOnce(gate.enter(two, never)), atOnce(gate.enter(two, never))];
  const gone = new AbortController();
  const waiting = gate.enter(two, gone.signal);
  gone.abort();
  expect((await waiting).leave).toBeUndefined();
  first?.leave?.();
  expect(gate.tryEnter(two)).toBeDefined();
});

test('of the calls of a second a tenth may come at once', () => {
  const clock = createTestClock();
  const limits = { concurrentCalls: 1_000, callsPerSecond: 100 };
  const gate = createGate(clock);
  const burst = () => {
    let went = 0;
    while (went < 1_000 && gate.tryEnter(limits)) went++;
    return went;
  };
  expect(burst()).toBeGreaterThanOrEqual(10);
  expect(burst()).toBeLessThanOrEqual(2);
  clock.advance(50);
  expect(burst()).toBeGreaterThanOrEqual(5);
  clock.advance(60_000);
  expect(burst()).toBeLessThanOrEqual(12);
});

test('a call beyond the rate waits for its turn when that is near, else it is refused', async () => {
  const gate = createGate(createTestClock());
  const slow = { concurrentCalls: 10, callsPerSecond: 1 };
  atOnce(gate.enter(slow, never)).leave?.();
  expect(atOnce(gate.enter(slow, never)).retryDelayMs).toBeGreaterThan(500);
  const quick = { concurrentCalls: 10, callsPerSecond: 20 };
  const other = createGate(createTestClock());
  for (let i = 0; i < 2; i++) atOnce(other.enter(quick, never)).leave?.();
  expect((await other.enter(quick, never)).leave).toBeDefined();
  expect(other.tryAgain({ concurrentCalls: 1, callsPerSecond: 1 })).toBe(false);
});
