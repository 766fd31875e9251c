import { expect, it } from 'vitest';
import { parsePermit, permitsAllow, readPermit } from './permits.ts';

it.each([
  [[], 'fetch', 'DocChunk', true],
  [['fetch:DocChunk'], 'fetch', 'DocChunk', true],
  [['fetch:DocChunk'], 'fetch', 'DocChunks', false],
  [['fetch:DocChunk'], 'list', 'DocChunk', false],
  [['list:*'], 'list', 'LogEntry', true],
  [['list:*'], 'fetch', 'LogEntry', false],
  [['*:LogEntry'], 'fetch', 'LogEntry', true],
  [['*:*'], 'subscribe', 'Metric', true],
  [['nonsense'], 'fetch', 'DocChunk', false],
  [['list:A', 'fetch:B'], 'fetch', 'B', true],
  [['subscribe:page.updated'], 'subscribe', 'page.updated', true],
  [['subscribe:page.updated'], 'subscribe', 'page.deleted', false],
  [['call:read_File'], 'call', 'read_File', true],
  [['call:read_File'], 'call', 'read_file', false],
])('permits %j for %s of %s: %s', (permits, action, type, allowed) => {
  expect(permitsAllow(permits, action, type)).toBe(allowed);
});

it.each([
  'fetch',
  'fetch:',
  ':A',
  'fetch:a b',
  'burn:A',
  'fetch:A:B',
  'Fetch:A',
  'fetch: A',
  '*',
  'fetch:read_File',
])('%j is no permit', (text) => {
  expect(readPermit(text)).toBeUndefined();
  expect(() => parsePermit('permits[0]', text)).toThrow('permits[0]: ');
});

it('a permit is given back as it was written', () => {
  expect(parsePermit('permits[0]', 'call:*')).toBe('call:*');
});
