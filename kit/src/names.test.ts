import { Reason } from '@weir/sdk/gen/weir/errors/v1/reason_pb';
import { describe, expect, it } from 'vitest';
import type { WeirError } from './errors.ts';
import {
  keyFault,
  parseKey,
  parseName,
  parsePrincipalName,
  parseRange,
  parseTypeName,
  parseVersion,
} from './names.ts';

describe('names', () => {
  it.each([
    [parseName, ['a', 'docs', 'my-docs-2', `a${'b'.repeat(62)}`]],
    [parseTypeName, ['A', 'DocChunk', `A${'b'.repeat(62)}`]],
    [parsePrincipalName, ['ann@example.com', 'agent:7', '_x', 'a'.repeat(127)]],
    [parseVersion, ['0.0.1', '1.2.3', '2.0.0-beta.1']],
    [parseRange, ['^1.2', '1', '*', '>=1.0.0 <3.0.0', '1.x || 3.x']],
    [
      parseKey,
      ['README.md#install', '/', 'a/..b', 'Zoë', '日本/語', 'a'.repeat(1024), '👩‍👩‍👧', '.'],
    ],
  ])('%o returns what is well formed', (parse, values) => {
    for (const value of values) expect(parse('field', value)).toBe(value);
  });

  it.each([
    [parseName, Reason.INVALID_NAME, ['', 'A', '1a', '-a', 'a_b', 'a\n', `a${'b'.repeat(63)}`]],
    [parseTypeName, Reason.INVALID_NAME, ['', 'doc', 'Doc-Chunk', 'É']],
    [parsePrincipalName, Reason.INVALID_NAME, ['', 'Ann', 'a b', 'a'.repeat(128)]],
    [parseVersion, Reason.INVALID_VERSION, ['', '1', 'v1.0.0', '1.0.0+build', ' 1.0.0', '01.0.0']],
    [parseRange, Reason.INVALID_VERSION, ['', '  ', 'newest', '^^1', `${'1 '.repeat(200)}`]],
    [parseKey, Reason.INVALID_KEY, ['', 'é'.repeat(513)]],
  ])('%o refuses what is not, naming the field', (parse, reason, values) => {
    for (const value of values) {
      const error = caught(() => parse('the.field', value));
      expect(error, value).toMatchObject({ name: 'WeirError', reason });
      expect(error.message).toContain('the.field');
      expect(error.violations[0]?.field).toBe('the.field');
    }
  });
});

describe('keys', () => {
  it.each([
    ['a\0b', 'control'],
    ['a\u0085b', 'control'],
    ['a\u2028b', 'control'],
    ['\ud800', 'surrogate'],
    ['a\u202eb', 'direction'],
    ['a\u2066b', 'direction'],
    ['e\u0301', 'NFC'],
    ['..', '".."'],
    ['a/../b', '".."'],
    ['a/..', '".."'],
  ])('%j is refused: %s', (key, why) => {
    expect(keyFault(key)).toContain(why);
  });

  it('says nothing of a good key', () => {
    expect(keyFault('a/b#c')).toBeUndefined();
  });
});

function caught(work: () => unknown): WeirError {
  try {
    work();
  } catch (error) {
    return error as WeirError;
  }
  throw new Error('nothing was thrown');
}
