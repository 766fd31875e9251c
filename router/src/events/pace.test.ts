import { describe, expect, test } from 'vitest';
import { BATCH_EVENTS_START, createPace } from './pace.ts';
import { BATCH_EVENTS_MAX } from './reader.ts';

const never = new AbortController().signal;

function open(maxPerSecond = 0) {
  let nowMs = 1_000;
  const pace = createPace(maxPerSecond, { monotonicMs: () => nowMs });
  /** Gives a message, which is taken after a time. */
  const give = (events: number, tookMs: number) => {
    pace.given(events);
    nowMs += tookMs;
    pace.taken();
    return pace.eventsMax;
  };
  return { pace, give, pass: (ms: number) => (nowMs += ms) };
}

describe('a message', () => {
  test('grows while it is full and taken at once, up to the most', () => {
    const { pace, give } = open();
    expect(pace.eventsMax).toBe(BATCH_EVENTS_START);
    expect(give(BATCH_EVENTS_START, 1)).toBe(2 * BATCH_EVENTS_START);
    for (let times = 0; times < 10; times++) give(pace.eventsMax, 1);
    expect(pace.eventsMax).toBe(BATCH_EVENTS_MAX);
  });

  test('stays as it is while it is not full, or taken neither at once nor late', () => {
    const { give } = open();
    expect(give(BATCH_EVENTS_START - 1, 1)).toBe(BATCH_EVENTS_START);
    expect(give(BATCH_EVENTS_START, 100)).toBe(BATCH_EVENTS_START);
  });

  test('shrinks when it is taken late, down to one event, and grows again', () => {
    const { pace, give } = open();
    expect(give(BATCH_EVENTS_START, 1_000)).toBe(BATCH_EVENTS_START / 2);
    for (let times = 0; times < 10; times++) give(1, 1_000);
    expect(pace.eventsMax).toBe(1);
    expect(give(1, 1)).toBe(2);
  });
});

test('tells how long its reader lets it wait', () => {
  const { pace, pass } = open();
  expect(pace.waitingMs).toBe(0);
  pace.given(1);
  pass(300);
  expect(pace.waitingMs).toBe(300);
  pace.taken();
  expect(pace.waitingMs).toBe(0);
});

test('keeps to so many in a second, however many come at once', async () => {
  const perSecond = 200;
  const pace = createPace(perSecond, performanceClock);
  const startMs = performance.now();
  let events = 0;
  while (events < 100) {
    await pace.due(never);
    expect(pace.eventsMax).toBeLessThanOrEqual(perSecond);
    pace.given(20);
    pace.taken();
    events += 20;
  }
  // The first ones wait for nothing.
  expect(performance.now() - startMs).toBeGreaterThan((1_000 * 80) / perSecond - 5);
});

test('waits no longer than until the signal', async () => {
  const pace = createPace(1, performanceClock);
  pace.given(1_000);
  await pace.due(AbortSignal.timeout(5));
});

const performanceClock = { monotonicMs: () => performance.now() };
