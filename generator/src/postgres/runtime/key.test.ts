import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatKey, judge, parseKey, parsePrefix } from './key.ts';

const part = fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => text.isWellFormed());

describe('keys', () => {
  test.each([
    [['1'], '1'],
    [['ALFKI', '10'], 'ALFKI/10'],
    [['a/b', '100%'], 'a%2Fb/100%25'],
    [['né'], 'né'],
    [['ne\u0301'], 'ne%CC%81'],
    [['a\tb'], 'a%09b'],
    [[' a b '], '%20a b%20'],
    [['..'], '%2E%2E'],
    [['\u202Eevil'], '%E2%80%AEevil'],
    [['', 'x'], '/x'],
  ])('%j is written as %s', (parts, key) => {
    expect(formatKey(parts)).toBe(key);
    expect(parseKey(key, parts.length)).toEqual(parts);
  });

  test('any parts come back, and the key is one that Weir takes', () => {
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const key = formatKey(parts);
        if (key === undefined || parts.some((text) => text.includes('\0'))) return;
        expect(parseKey(key, parts.length)).toEqual(parts);
        expect(key.normalize('NFC')).toBe(key);
        expect(key).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
        expect(key.split('/')).not.toContain('..');
        for (let end = 0; end <= key.length; end++) {
          const [first = ''] = parsePrefix(key.slice(0, end)) ?? [];
          expect((parts[0] ?? '').startsWith(first)).toBe(true);
        }
      }),
    );
  });

  test.each(['%41', 'a%2fb', '%', '%zz', 'a/b', '%00', ' a', '..', 'ne\u0301'])(
    '%j is no key of one part',
    (key) => expect(parseKey(key, 1)).toBeUndefined(),
  );

  test('what is too long, or empty, has no key', () => {
    expect(formatKey(['x'.repeat(1_024)])).toHaveLength(1_024);
    expect(formatKey(['x'.repeat(1_025)])).toBeUndefined();
    expect(formatKey([''])).toBeUndefined();
  });

  test.each([
    ['integer', '2147483647', 'value'],
    ['integer', '2147483648', 'none'],
    ['integer', '-0', 'none'],
    ['smallint', '-32768', 'value'],
    ['bigint', '-9223372036854775808', 'value'],
    ['bigint', '9223372036854775808', 'none'],
    ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'value'],
    ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'none'],
    ['boolean', 't', 'none'],
    ['numeric', '1.50', 'value'],
    ['numeric', '1e5', 'unknown'],
    ['date', 'x', 'unknown'],
    ['text', 'anything', 'value'],
  ] as const)('of %s, %s is %s', (sql, text, verdict) => {
    expect(judge(sql, text)).toBe(verdict);
  });
});
