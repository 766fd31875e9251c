import { expect, test } from 'vitest';
import { hasHidden, hiddenIn, showHidden } from './hidden.ts';

test.each([
  ['a zero-width space', 'a\u{200b}b'],
  ['a turn of the direction of writing', 'a\u{202e}b'],
  ['a tag', 'a\u{e0041}b'],
  ['a variation selector that carries bytes', 'a\u{e0101}b'],
  ['a joiner between letters', 'a\u{200d}b'],
  ['a control', 'a\u{7}b'],
  ['a soft hyphen', 'a\u{ad}b'],
  ['half a surrogate pair', 'a\ud800b'],
])('%s does not show', (_, text) => {
  expect(hasHidden(text)).toBe(true);
  expect(hasHidden(showHidden(text))).toBe(false);
  expect(showHidden(text)).toMatch(/^a\\u\{[0-9a-f]+\}b$/);
});

test.each(['Grüße, 東京', 'two\nlines\tand a tab', '👩‍💻 ❤️ 👍🏽'])('%s shows', (text) => {
  expect(hasHidden(text)).toBe(false);
  expect(showHidden(text)).toBe(text);
});

test('it is found wherever it stands', () => {
  expect(hiddenIn({ a: ['x', { b: 'y\u{200b}' }] })).toBe('a.1.b');
  expect(hiddenIn({ properties: { 'na\u{200b}me': {} } })).toBe('properties.na\\u{200b}me');
  expect(hiddenIn({ a: ['x', 1, null, true] })).toBeUndefined();
});
