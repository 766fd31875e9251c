import { expect, test } from 'vitest';
import { formatRef, parseRef } from '../src/index.ts';

test('the key is everything after the first slash', () => {
  expect(parseRef('DocChunk/README.md#install')).toEqual({
    type: 'DocChunk',
    key: 'README.md#install',
  });
  expect(parseRef('DocChunk/a/b@c/d')).toEqual({ type: 'DocChunk', key: 'a/b@c/d' });
});

test('a version range stands between type and key', () => {
  expect(parseRef('DocChunk@^1/a')).toEqual({ type: 'DocChunk', key: 'a', versionRange: '^1' });
  expect(parseRef('DocChunk@>=1.0.0 <2/a').versionRange).toBe('>=1.0.0 <2');
});

test.each(['DocChunk/a/b', 'DocChunk@^1.2/a/b', 'Metric/weir@1'])(
  '%s reads and writes back',
  (text) => {
    expect(formatRef(parseRef(text))).toBe(text);
  },
);

test.each([
  ['DocChunk', 'the ref "DocChunk" has no key: write TYPE/KEY, such as DocChunk/README.md'],
  ['DocChunk/', 'the ref "DocChunk/" has an empty key: write what follows the slash'],
  ['docs/a', 'the ref "docs/a" has no valid type: "docs" must be A-Z, a-z, 0-9 after a capital'],
  ['A@/a', 'the ref "A@/a" has an empty version range: drop the "@"'],
])('%s is refused with a mend', (text, message) => {
  expect(() => parseRef(text)).toThrow(new TypeError(message));
});

test('a range that the text form cannot carry is refused', () => {
  expect(() => formatRef({ type: 'A', key: 'a', versionRange: '1/2' })).toThrow(TypeError);
});
