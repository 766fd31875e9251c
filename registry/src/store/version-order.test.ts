import { compare } from 'semver';
import { expect, test } from 'vitest';
import { versionOrder } from './version-order.ts';

test('sorts as semver does', () => {
  const versions = [
    '0.0.1',
    '0.9.0',
    '0.10.0',
    '1.0.0-0',
    '1.0.0-2',
    '1.0.0-10',
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-alpha-x',
    '1.0.0-beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '1.0.0-rc.1.0',
    '1.0.0',
    '1.2.3',
    '9007199254740991.0.0',
  ];
  const bytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  const sorted = [...versions].sort((a, b) => bytes(versionOrder(a), versionOrder(b)));
  expect(sorted).toEqual([...versions].sort(compare));
});
