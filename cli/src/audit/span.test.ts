import { describe, expect, test } from 'vitest';
import { parseSpan, spanOf } from './span.ts';

const NOW_MS = Date.parse('2026-11-21T10:30:00Z');

const iso = (text: string) => {
  const { fromMs, toMs } = parseSpan(text, NOW_MS);
  return [new Date(fromMs).toISOString(), new Date(toMs).toISOString()].map((one) =>
    one.replace(':00.000Z', 'Z'),
  );
};

describe('a span of time', () => {
  test.each([
    ['2026', '2026-01-01T00:00Z', '2027-01-01T00:00Z'],
    ['2026-05', '2026-05-01T00:00Z', '2026-06-01T00:00Z'],
    ['2024-12', '2024-12-01T00:00Z', '2025-01-01T00:00Z'],
    ['2024-02-29', '2024-02-29T00:00Z', '2024-03-01T00:00Z'],
    ['today', '2026-11-21T00:00Z', '2026-11-22T00:00Z'],
    ['yesterday', '2026-11-20T00:00Z', '2026-11-21T00:00Z'],
    ['24h', '2026-11-20T10:30Z', '2026-11-20T10:30Z'],
    ['2026-05-01T08:00+08:00', '2026-05-01T00:00Z', '2026-05-01T00:00Z'],
  ])('%s', (text, from, to) => {
    expect(iso(text)).toEqual([from, to]);
  });

  test.each(['2026-13', '2026-02-30', '2023-02-29', 'May', '', '5', '2026-05-01T08:00'])(
    'is not %j',
    (text) => {
      expect(() => parseSpan(text, NOW_MS)).toThrow(/Write a month or day/);
    },
  );

  test('goes from the beginning of one to the end of the other', () => {
    const span = spanOf({ from: parseSpan('2026-04'), to: parseSpan('2026-05') });
    expect(span.from?.seconds).toBe(BigInt(Date.UTC(2026, 3, 1) / 1000));
    expect(span.to?.seconds).toBe(BigInt(Date.UTC(2026, 5, 1) / 1000));
    expect(spanOf({})).toEqual({});
  });
});
