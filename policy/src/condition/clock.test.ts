import { expect, test } from 'vitest';
import { type ClockFunction, readClockCall, windowOfAll } from './clock.ts';

const at = (text: string) => Date.parse(text);

test.each([
  ['between', ['09:00', '18:00', 'UTC'], '2027-03-01T09:00:00Z', true],
  ['between', ['09:00', '18:00', 'UTC'], '2027-03-01T18:00:00Z', false],
  ['between', ['22:00', '06:00', 'UTC'], '2027-03-01T23:00:00Z', true],
  ['between', ['22:00', '06:00', 'UTC'], '2027-03-01T05:59:59.999Z', true],
  ['between', ['22:00', '06:00', 'UTC'], '2027-03-01T06:00:00Z', false],
  ['between', ['12:00', '24:00', 'UTC'], '2027-03-01T23:59:59Z', true],
  ['between', ['09:00', '18:00', 'Asia/Taipei'], '2027-03-01T01:00:00Z', true],
  ['between', ['00:00', '01:00', 'Asia/Kathmandu'], '2027-03-01T18:15:00Z', true],
  ['weekday', ['UTC'], '2027-03-01T00:00:00Z', 1n],
  ['weekday', ['Asia/Taipei'], '2027-02-28T16:00:00Z', 1n],
  ['weekday', ['America/New_York'], '2027-03-01T04:59:59Z', 7n],
  ['weekday', ['UTC'], '1969-12-31T23:59:59Z', 3n],
  ['before', ['2027-03-01T08:00:00+08:00'], '2027-02-28T23:59:59.999Z', true],
  ['before', ['2027-03-01T08:00:00+08:00'], '2027-03-01T00:00:00Z', false],
  ['after', ['2027-03-01T00:00:00Z'], '2027-03-01T00:00:00Z', true],
] as const)('%s(%s) at %s is %s', (name, literals, time, value) => {
  expect(readClockCall(name, literals).valueAt(at(time))).toBe(value);
});

test('a window ends where a boundary, a midnight or a change of clocks lies', () => {
  const between = readClockCall('between', ['09:00', '18:00', 'America/New_York']);
  const windowAt = (time: string) => {
    const { fromMs, untilMs } = between.windowAt(at(time));
    return [new Date(fromMs).toISOString(), new Date(untilMs).toISOString()];
  };
  expect(windowAt('2027-03-01T15:00:00Z')).toEqual([
    '2027-03-01T14:00:00.000Z',
    '2027-03-01T23:00:00.000Z',
  ]);
  // Clocks go forward at 07:00 UTC of the 14th.
  expect(windowAt('2027-03-14T06:30:00Z')).toEqual([
    '2027-03-14T05:00:00.000Z',
    '2027-03-14T07:00:00.000Z',
  ]);
  expect(windowAt('2027-03-14T07:00:00Z')).toEqual([
    '2027-03-14T07:00:00.000Z',
    '2027-03-14T13:00:00.000Z',
  ]);
});

test('several clocks stay the same as long as each of them does', () => {
  const calls = [
    readClockCall('between', ['09:00', '18:00', 'UTC']),
    readClockCall('before', ['2027-03-01T12:00:00Z']),
  ];
  const window = windowOfAll(calls, at('2027-03-01T10:00:00Z'));
  expect(new Date(window.fromMs).toISOString()).toBe('2027-03-01T09:00:00.000Z');
  expect(new Date(window.untilMs).toISOString()).toBe('2027-03-01T12:00:00.000Z');
});

test('within a window the value does not change, wherever clocks change', () => {
  const zones = ['Australia/Lord_Howe', 'America/St_Johns', 'Africa/Casablanca', 'Asia/Taipei'];
  const calls: [ClockFunction, string[]][] = zones.flatMap((zone) => [
    ['between', ['01:45', '02:15', zone]] as [ClockFunction, string[]],
    ['weekday', [zone]] as [ClockFunction, string[]],
  ]);
  for (const [name, literals] of calls) {
    const call = readClockCall(name, literals);
    // Over the days of 2027 on which these zones change their clocks, and some others.
    for (const day of ['2027-02-07', '2027-03-14', '2027-04-03', '2027-10-02', '2027-11-07']) {
      for (let minute = -720; minute < 2160; minute += 7) {
        const nowMs = at(`${day}T00:00:00Z`) + minute * 60_000;
        const { fromMs, untilMs } = call.windowAt(nowMs);
        expect(fromMs).toBeLessThanOrEqual(nowMs);
        expect(untilMs).toBeGreaterThan(nowMs);
        const fresh = readClockCall(name, literals);
        const value = fresh.valueAt(nowMs);
        expect([fresh.valueAt(fromMs), fresh.valueAt(untilMs - 1)]).toEqual([value, value]);
      }
    }
  }
});
