import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTermFilter, mayHold } from './term-filter.ts';

describe('a filter of terms', () => {
  test('holds all that was put in', () => {
    const property = fc.property(fc.array(fc.string(), { maxLength: 300 }), (terms) => {
      const filter = createTermFilter(new Set(terms));
      return terms.every((term) => mayHold(filter, term));
    });
    fc.assert(property, { numRuns: 200 });
  });

  test('is wrong about other terms in 2 of 100 cases at most', () => {
    const filter = createTermFilter(new Set(Array.from({ length: 2000 }, (_, at) => `in ${at}`)));
    const others = Array.from({ length: 20_000 }, (_, at) => `out ${at}`);
    const wrong = others.filter((term) => mayHold(filter, term)).length;
    expect(wrong).toBeGreaterThan(0);
    expect(wrong / others.length).toBeLessThan(0.02);
  });

  test('is as large as its terms need, and never larger than its limit', () => {
    expect(createTermFilter(new Set()).length).toBe(16);
    expect(createTermFilter(new Set(['a', 'b'])).length).toBe(16);
    const many = new Set(Array.from({ length: 100_000 }, (_, at) => String(at)));
    expect(createTermFilter(many).length).toBe(64 * 1024);
  });
});
