import { expect, test } from 'vitest';
import { createTestClock } from '../../test/answering.ts';
import { testCaller } from '../../test/entries.ts';
import { createHeartbeats, HEARTBEAT_RECORDED_MS } from './heartbeats.ts';

test('of the heartbeats with a key one in ten minutes is recorded', () => {
  const clock = createTestClock();
  const isRecorded = createHeartbeats(clock);
  const [one, other] = [testCaller(), { ...testCaller(), keyId: 'k2' }];
  expect([isRecorded(one), isRecorded(one), isRecorded(other)]).toEqual([true, false, true]);
  clock.advance(HEARTBEAT_RECORDED_MS);
  expect([isRecorded(one), isRecorded(one)]).toEqual([true, false]);
});
