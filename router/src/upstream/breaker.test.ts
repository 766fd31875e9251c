import { expect, test } from 'vitest';
import { createTestClock } from '../../test/answering.ts';
import { createBreaker, type Verdict } from './breaker.ts';
import type { BreakerState } from './observer.ts';

function openBreaker() {
  const clock = createTestClock();
  const states: BreakerState[] = [];
  const breaker = createBreaker(clock, (state) => states.push(state));
  const call = (verdict: Verdict) => {
    const judge = breaker.enter();
    judge?.(verdict);
    return judge !== undefined;
  };
  const failTimes = (times: number) => {
    for (let i = 0; i < times; i++) call('failed');
  };
  return { clock, states, breaker, call, failTimes };
}

test('opens after five failures in a row, and at no fewer', () => {
  const { breaker, call, failTimes } = openBreaker();
  failTimes(4);
  call('alive');
  failTimes(4);
  call('unseen');
  expect(breaker.state).toBe('closed');
  call('failed');
  expect(breaker.state).toBe('open');
  expect(call('alive')).toBe(false);
});

test('lets one call through after a second, and closes when that is answered', () => {
  const { breaker, clock, states, call, failTimes } = openBreaker();
  failTimes(5);
  expect(breaker.refusedForMs()).toBeGreaterThan(900);
  clock.advance(1_001);
  const trial = breaker.enter();
  expect(trial).toBeDefined();
  expect(call('alive')).toBe(false);
  trial?.('alive');
  expect(call('alive')).toBe(true);
  expect(states).toEqual(['open', 'half-open', 'closed']);
});

test('is open for longer after every trial that fails, for half a minute at most', () => {
  const { breaker, clock, call, failTimes } = openBreaker();
  failTimes(5);
  const openForS = Array.from({ length: 7 }, () => {
    const seconds = Math.round(breaker.refusedForMs() / 1000);
    clock.advance(seconds * 1000 + 1);
    call('failed');
    return seconds;
  });
  expect(openForS).toEqual([1, 2, 4, 8, 16, 30, 30]);
});

test('a flood opens it at once and for long, whatever was answered before', () => {
  const { breaker, call } = openBreaker();
  call('alive');
  call('flooded');
  expect(breaker.state).toBe('open');
  expect(breaker.refusedForMs()).toBeGreaterThan(29_000);
  expect(breaker.why).toBe('sent far more than was asked for');
});

test('a trial that shows nothing is followed by another', () => {
  const { breaker, clock, call, failTimes } = openBreaker();
  failTimes(5);
  clock.advance(1_001);
  expect(call('unseen')).toBe(true);
  expect(breaker.state).toBe('half-open');
  expect(call('alive')).toBe(true);
  expect(breaker.state).toBe('closed');
});

test('calls that began before it opened neither close it nor keep it open', () => {
  const { breaker, clock, call, failTimes } = openBreaker();
  const [early, earlier] = [breaker.enter(), breaker.enter()];
  failTimes(5);
  early?.('alive');
  expect(breaker.state).toBe('open');
  clock.advance(1_001);
  call('alive');
  earlier?.('failed');
  failTimes(4);
  expect(breaker.state).toBe('closed');
});
