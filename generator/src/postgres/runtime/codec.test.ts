import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Codec, decode } from './codec.ts';

test.each<[Codec, string, unknown]>([
  ['text', 'x', 'x'],
  ['trimmed', 'AB   ', 'AB'],
  ['boolean', 'f', false],
  ['number', '12.50', 12.5],
  ['number', 'NaN', 'NaN'],
  ['timestamp', '2024-01-31 18:00:00.5', '2024-01-31T18:00:00.5'],
  ['timestamptz', '2024-01-31 18:00:00+00', '2024-01-31T18:00:00Z'],
  ['timestamptz', '0044-03-15 12:00:00+00 BC', '0044-03-15T12:00:00Z BC'],
  ['timestamptz', '-infinity', '-infinity'],
  ['bytes', '\\x00ff68', 'AP9o'],
  ['json', '{"a": [1, null]}', { a: [1, null] }],
  [{ array: 'number' }, '{}', []],
  [{ array: 'number' }, '{1,NULL,3}', [1, null, 3]],
  [{ array: 'number' }, '[5:6]={7,8}', [7, 8]],
  [
    { array: 'number' },
    '{{1,2},{3,4}}',
    [
      [1, 2],
      [3, 4],
    ],
  ],
  [
    { array: 'text' },
    '{"","NULL",NULL,"a,b","{x}","q\\"q","b\\\\s"}',
    ['', 'NULL', null, 'a,b', '{x}', 'q"q', 'b\\s'],
  ],
  [{ array: 'text', delimiter: ';' }, '{(1,1),(0,0);(2,2),(1,1)}', ['(1,1),(0,0)', '(2,2),(1,1)']],
  [{ record: { a: 'text', b: 'number' } }, '("Main ""St"", 5",5)', { a: 'Main "St", 5', b: 5 }],
  [{ record: { a: 'text', b: 'number' } }, '("",)', { a: '', b: null }],
  [{ record: { a: 'text' } }, '()', { a: null }],
  [{ record: { ['__proto__']: 'text' } }, '(x)', JSON.parse('{"__proto__":"x"}')],
  [
    { array: { record: { a: 'text', b: { array: 'text' } } } },
    '{"(\\"a, (b)\\",\\"{\\"\\"x y\\"\\",z}\\")"}',
    [{ a: 'a, (b)', b: ['x y', 'z'] }],
  ],
  [{ range: 'number' }, '[1,10)', { lower: 1, upper: 10, bounds: '[)' }],
  [{ range: 'number' }, '(,5]', { lower: null, upper: 5, bounds: '(]' }],
  [{ range: 'number' }, 'empty', { lower: null, upper: null, bounds: 'empty' }],
  [
    { range: 'timestamp' },
    '["2024-01-01 00:00:00",)',
    { lower: '2024-01-01T00:00:00', upper: null, bounds: '[)' },
  ],
  [{ multirange: 'number' }, '{}', []],
  [
    { multirange: 'number' },
    '{[1,3),[5,8)}',
    [
      { lower: 1, upper: 3, bounds: '[)' },
      { lower: 5, upper: 8, bounds: '[)' },
    ],
  ],
])('%j of %s', (codec, text, value) => {
  expect(decode(codec, text)).toEqual(value);
});

test('null is null, and JSON keeps the digits of long numbers', () => {
  expect(decode('json', null)).toBeNull();
  const kept = decode('json', '{"a": 12345678901234567890, "b": 1.50, "c": "1234567890123456"}');
  expect(JSON.stringify(kept)).toBe('{"a":12345678901234567890,"b":1.50,"c":"1234567890123456"}');
});

test.each<[Codec, string]>([
  [{ array: 'text' }, 'x'],
  [{ array: 'text' }, '{a'],
  [{ array: 'text' }, '{{{'],
  [{ array: 'text' }, '{'.repeat(100)],
  [{ record: { a: 'text' } }, '(a,b)'],
  [{ record: { a: 'text' } }, 'x'],
  ['json', '{'],
])('%j of %s is a fault that ends', (codec, text) => {
  expect(() => decode(codec, text)).toThrow(SyntaxError);
});

test('whatever text comes, it ends', () => {
  const codecs: Codec[] = [{ array: 'text' }, { range: 'text' }, { multirange: 'text' }];
  const text = fc.string({ unit: fc.constantFrom(...'{}[](),"\\ax= '), maxLength: 40 });
  fc.assert(
    fc.property(text, fc.constantFrom(...codecs), (given, codec) => {
      try {
        decode(codec, given);
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError);
      }
    }),
    { numRuns: 2_000 },
  );
});
