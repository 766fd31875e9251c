import { expect, test } from 'vitest';
import { patternFault } from './pattern.ts';

test.each([
  '',
  '.*',
  '^x-',
  '^[a-z]+(-[a-z]+)*$',
  '^[a-z0-9]+(?:\\.[a-z0-9]+)*$',
  '^(\\d{1,3}\\.){3}\\d{1,3}$',
  '^([0-9A-F]{2}:){5}[0-9A-F]{2}$',
  '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$',
  '^P(\\d+Y)?(\\d+M)?(\\d+D)?(T(\\d+H)?(\\d+M)?(\\d+S)?)?$',
  '^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)(?:-((?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\\.(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\\+([0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*))?$',
  '^(foo|far|bar)+$',
  '^[^@\\s]+@[^@\\s]+\\.[a-z]+$',
  '^(?!.*secret).*$',
  '^\\p{L}+$',
  '^(https?|ftp)://[^\\s/$.?#].[^\\s]*$',
  '^\\s*\\w+\\s*=\\s*\\w+\\s*$',
])('accepts %s', (pattern) => {
  expect(patternFault(pattern)).toBeUndefined();
});

test.each([
  ['(a+)+$', 'repeats a part that itself repeats'],
  ['(a*)*', 'repeats a part that itself repeats'],
  ['(?:a{1,10}){1,10}b', 'repeats a part that itself repeats'],
  ['(?=(a+)+b)', 'repeats a part that itself repeats'],
  ['(a?b?)*c', 'repeats a part that itself repeats'],
  ['(a|a)*b', 'in several ways'],
  ['(a|b|ab)*c', 'in several ways'],
  ['(\\w|\\d)+$', 'in several ways'],
  ['^(\\s|.)*$', 'in several ways'],
  ['(x+x+)+y', 'in several ways'],
  ['^(?:.*,)*x$', 'in several ways'],
  ['(é|\\u00e9)+x', 'in several ways'],
  ['.*.*.*=', 'more than two open repeats'],
  ['(a?){30}a{30}', 'may be empty'],
  [`${'a?'.repeat(20)}b`, 'too many optional parts'],
  [`${'(a|a)'.repeat(20)}b`, 'too many optional parts'],
  ['(?:(?:a{1000}){1000}){1000}', 'too complex'],
  ['(a)\\1', 'refers back'],
  ['(', 'does not compile'],
  ['[z-a]', 'does not compile'],
  ['a'.repeat(300), 'at most 256'],
])('refuses %s', (pattern, reason) => {
  expect(patternFault(pattern)).toContain(reason);
});

test('decides the worst patterns of the greatest length quickly', () => {
  const characters = Array.from({ length: 126 }, (_, i) => String.fromCodePoint(0x4e00 + i));
  const before = performance.now();
  expect(patternFault(`(${characters.join('|')})*`)).toContain('too complex');
  expect(performance.now() - before).toBeLessThan(5_000);
});
