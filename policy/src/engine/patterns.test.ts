import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPatternTable, fitsAny } from './patterns.ts';

test('a table finds what fits, as trying each pattern does', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 4 });
  const pattern = fc.tuple(text, fc.boolean()).map(([start, open]) => (open ? `${start}*` : start));
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 12 }), text, (patterns, sought) => {
      const table = createPatternTable<number>();
      for (const [place, one] of patterns.entries()) table.add(one, place);
      const found: number[] = [];
      table.find(sought, (place) => found.push(place));
      const expected = [...patterns.keys()].filter((place) =>
        fitsAny([patterns[place] ?? ''], sought),
      );
      expect(found.sort((a, b) => a - b)).toEqual(expected);
      expect(table.count(sought)).toBe(expected.length);
    }),
    { seed: 4 },
  );
});
