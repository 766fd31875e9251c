import { expect, test } from 'vitest';
import { readRefs } from './url.ts';

test('refs are read, one a line; a key may hold slashes', () => {
  const text = 'DocChunk/guide/start#1\n\n  SQLSchema/weir  \n';
  expect(readRefs(text, 'f')).toEqual([
    { type: 'DocChunk', key: 'guide/start#1' },
    { type: 'SQLSchema', key: 'weir' },
  ]);
});

test.each([
  ['DocChunk/a\nDocChunk', '--refs f, line 2: "DocChunk" is not like Type/key'],
  ['/a', 'line 1'],
  ['DocChunk/', 'line 1'],
  ['\n\n', '--refs f names nothing to fetch'],
])('%j is refused', (text, why) => {
  expect(() => readRefs(text, 'f')).toThrow(why);
});
