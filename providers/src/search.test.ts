import { expect, test } from 'vitest';
import { rank, readTerms } from './search.ts';

const documents = Object.entries({
  cache: ['Caching', 'Values are cached by their key until they expire.'],
  policy: ['Policies', 'A policy decides who may read a value.'],
  router: ['FetchContext', 'The router answers a batch. Caches are asked first.'],
  japanese: ['文書', 'これは検索の文書です。'],
  empty: ['', ''],
}).map(([key, [title = '', text = '']]) => ({ key, terms: readTerms(title, text) }));

const keysFor = (words: string) => rank(words, documents).map(({ item }) => item.key);

test.each([
  ['cache', ['cache', 'router']],
  ['CACHED values', ['cache', 'policy', 'router']],
  ['policies', ['policy']],
  ['fetch context', ['router']],
  ['FetchContext', ['router']],
  ['検索', ['japanese']],
  ['nothing like it', []],
  ['', []],
  ['!?', []],
])('%j finds %j', (words, keys) => {
  expect(keysFor(words)).toEqual(keys);
});

test('scores lie between 0 and 1, and words that are nowhere lower them', () => {
  const [one] = rank('policy', documents);
  const [two] = rank('policy zebra', documents);
  expect(one?.score).toBeGreaterThan(two?.score ?? 1);
  expect(one?.score).toBeLessThanOrEqual(1);
  expect(two?.score).toBeGreaterThan(0);
});

test('there may be nothing to search', () => {
  expect(rank('anything', [])).toEqual([]);
});
