import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commentText, literal } from './literal.ts';

// What is written is read by the language itself.
const evaluate = (text: string): unknown => new Function(`return (${text});`)();

test('any value of JSON is written as itself', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.stringify(evaluate(literal(value)))).toBe(JSON.stringify(value));
    }),
  );
});

test.each([
  { ['__proto__']: 1, 'a-b': "it's", 'c"d': '\u2028\\', class: `${'x'.repeat(100)}\n` },
  { long: Array.from({ length: 60 }, (_, at) => `entry ${at}`), empty: {}, none: [] },
])('what is hard to write: %j', (value) => {
  expect(JSON.stringify(evaluate(literal(value)))).toBe(JSON.stringify(value));
});

test('no text ends a comment', () => {
  expect(commentText('a */ b\n c')).toBe('a * / b c');
});
