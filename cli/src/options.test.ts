import { Scope } from '@weir/sdk/gen/weir/registry/v1/resources_pb';
import { expect, test } from 'vitest';
import {
  parseDurationMs,
  parseLimit,
  parseNameAndVersion,
  parsePort,
  parseQuality,
  parseScopes,
  parseTimeMs,
} from './options.ts';

test.each([
  ['500ms', 500],
  ['5s', 5_000],
  ['1.5s', 1_500],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['30d', 2_592_000_000],
  ['0s', 0],
])('the duration %s', (text, durationMs) => {
  expect(parseDurationMs(text)).toBe(durationMs);
});

test.each(['5', 's', '-5s', '5 weeks', '', '9999999999999d', '1e3s'])(
  'no duration: "%s"',
  (text) => {
    expect(() => parseDurationMs(text)).toThrow('Write a number with a unit');
  },
);

test('a time is longer than nothing', () => {
  expect(() => parseTimeMs('0s')).toThrow('longer than nothing');
});

test('scopes come with commas or one by one', () => {
  expect(parseScopes('read,register')).toEqual([Scope.READ, Scope.REGISTER]);
  expect(parseScopes('admin', [Scope.READ])).toEqual([Scope.READ, Scope.ADMIN]);
  expect(() => parseScopes('write')).toThrow('There is no scope "write"');
});

test('numbers have their ranges', () => {
  expect(parseLimit('50')).toBe(50);
  expect(() => parseLimit('0')).toThrow('whole number from 1');
  expect(() => parseLimit('1.5')).toThrow('whole number');
  expect(parsePort('0')).toBe(0);
  expect(() => parsePort('65536')).toThrow('65535');
  expect(parseQuality('0.5')).toBe(0.5);
  expect(() => parseQuality('')).toThrow('from 0 to 1');
});

test('a name may have a version', () => {
  expect(parseNameAndVersion('docs')).toEqual({ name: 'docs', version: '' });
  expect(parseNameAndVersion('docs@^1.2')).toEqual({ name: 'docs', version: '^1.2' });
  expect(() => parseNameAndVersion('docs@')).toThrow('Name a version');
});
