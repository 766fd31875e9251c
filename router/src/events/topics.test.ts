import { parseTopic } from '@weir/kit';
import { expect, test } from 'vitest';
import { parseTopics } from './topics.ts';

test.each([
  ['page.updated', 'page.updated', true],
  ['page.updated', 'page.updated.twice', false],
  ['page.*', 'page.updated', true],
  ['page.*', 'page.updated.twice', true],
  ['page.*', 'page', false],
  ['page.*', 'pages.updated', false],
  ['*', 'anything.at-all', true],
])('%s is for %s: %s', (pattern, topic, is) => {
  expect(parseTopics([pattern])(topic)).toBe(is);
  expect(parseTopics(['nothing', pattern])(topic)).toBe(is);
});

test.each([
  '',
  '.',
  'Page',
  'page.',
  '.page',
  'page..updated',
  'page updated',
  'page.*.updated',
  '**',
  'page*',
  '-page',
  'a.b.c.d.e.f.g.h.i',
  'p'.repeat(64),
  'page\n',
  'págína',
])('%j is no pattern', (pattern) => {
  expect(() => parseTopics([pattern])).toThrow(/^topics\[0\] is no topic/);
  expect(() => parseTopic('topic', pattern)).toThrow(/^topic is no topic/);
});

test('no topics, and too many, are refused', () => {
  expect(() => parseTopics([])).toThrow('give 1 to 16');
  expect(() => parseTopics(Array.from({ length: 17 }, () => '*'))).toThrow('give 1 to 16');
});
