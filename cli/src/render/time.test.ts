import { expect, test } from 'vitest';
import { formatMs } from './time.ts';

test.each([
  [0, '0 ms'],
  [0.42, '0.4 ms'],
  [12.3, '12 ms'],
  [999.7, '1 s'],
  [3_200, '3.2 s'],
  [5_000, '5 s'],
  [125_000, '2 min 5 s'],
  [7_200_000, '2 h'],
  [273_600_000, '3 d 4 h'],
])('%d ms is %s', (durationMs, text) => {
  expect(formatMs(durationMs)).toBe(text);
});
