import type { JsonValue } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { createSubject } from './subject.ts';

const source = { tenant: 'acme', principal: 'user:lin', kind: 'user', consumer: '' };

test('attributes are read where their type is right, and count as not stated where it is not', () => {
  const right = createSubject({
    ...source,
    attributes: { roles: ['b', 'a', 'b'], groups: ['g'], clearance: 3, project: 'p', tier: '' },
  });
  expect(right).toMatchObject({
    roles: ['a', 'b'],
    groups: ['g'],
    clearance: 3,
    project: 'p',
    tier: '',
  });
  const wrong = createSubject({
    ...source,
    attributes: {
      roles: 'admin',
      groups: [1, 'g', null],
      clearance: 7,
      project: null,
      tier: ['x'],
    },
  });
  expect(wrong).toMatchObject({ roles: [], groups: ['g'] });
  expect([wrong.clearance, wrong.project, wrong.tier]).toEqual([undefined, undefined, undefined]);
});

test('equal subjects have one fingerprint, and others another', () => {
  const print = (attributes: Parameters<typeof createSubject>[0]['attributes'], tenant = 'acme') =>
    createSubject({ ...source, tenant, attributes }).fingerprint;
  expect(print({ a: 1, b: { c: 2, d: 3 } })).toBe(print({ b: { d: 3, c: 2 }, a: 1 }));
  expect(print({ a: 1 })).not.toBe(print({ a: '1' }));
  expect(print({ a: ['b'] })).not.toBe(print({ a: ['b', 'c'] }));
  expect(print({}, 'other')).not.toBe(print({}));
  expect(print({})).toMatch(/^[0-9a-f]{32}$/);
});

test('no two subjects are taken for one, whatever their attributes', () => {
  const fingerprintOf = (level: JsonValue) =>
    createSubject({ ...source, attributes: { level } }).fingerprint;
  const proto = JSON.parse('{"__proto__": {"roles": ["admin"]}}') as JsonValue;
  const levels = [null, 'null', Number.NaN, Number.POSITIVE_INFINITY, 1, '1', [1], {}, proto];
  expect(new Set(levels.map(fingerprintOf)).size).toBe(levels.length);
  expect(fingerprintOf({ a: 1, b: 2 })).toBe(fingerprintOf({ b: 2, a: 1 }));
});
