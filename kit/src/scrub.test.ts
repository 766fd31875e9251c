import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mintApiKey } from './api-key.ts';
import { keyShapes } from './key-shapes.ts';
import { findKeys, scrubSecrets } from './scrub.ts';

const random = 'q7Zk2mPx9Lw4Tn8Rb3Vd6Hs1Jf5Gc0YaE7uXiOo2KpMzN4tBvCrWqSlDhFgAjIy8U6e';
const head = 'eyJhbGciOiJFUzI1NiJ9';
const claims = 'eyJzdWIiOiJsaW4ifQ';
const pem = `-----BEGIN EC PRIVATE KEY-----\n${random}\n${random}==\n-----END EC PRIVATE KEY-----`;

describe('what is removed', () => {
  test.each([
    [`key ${mintApiKey().text}.`, 'key [secret].'],
    [`a ${head}.${claims}.${random} b`, 'a [secret] b'],
    [`${head}.${claims}.`, '[secret]'],
    [`${head}..${random}.${random}.${random}`, '[secret]'],
    [`a\n${pem}\nb`, 'a\n[secret]\nb'],
    [`a ${pem.slice(0, 90)}"`, 'a [secret]"'],
    [pem.replaceAll('EC PRIVATE KEY', 'PGP PRIVATE KEY BLOCK'), '[secret]'],
    ['Authorization: Bearer weir_x', 'Authorization: Bearer [secret]'],
    ['"authorization":"Basic bGluOg=="', '"authorization":"Basic [secret]"'],
    [`sent bearer ${random}`, 'sent bearer [secret]'],
    ['postgres://lin:p@ss:w0rd@db:5432/x', 'postgres://[secret]@db:5432/x'],
    ['redis://:pw@cache', 'redis://[secret]@cache'],
    [`https://${random.slice(0, 40)}@git.example.com/x`, 'https://[secret]@git.example.com/x'],
    [`line\\nsk-${random}`, 'line\\n[secret]'],
    [`a%20sk-proj-${random}`, 'a%20[secret]'],
  ])('%s', (given, wanted) => expect(scrubSecrets(given)).toBe(wanted));

  test.each(keyShapes.map(({ prefix, min }) => [prefix, min] as const))(
    'what begins with %s',
    (prefix, min) => {
      const key = prefix + random.slice(0, min);
      expect(scrubSecrets(`a=${key};b`)).toBe('a=[secret];b');
      expect(scrubSecrets(`a=${key.slice(0, -1)};b`)).toBe(`a=${key.slice(0, -1)};b`);
    },
  );
});

test.each([
  'weir_router_fetch_duration_seconds',
  'the bearer certificates of the basic information',
  'Basic authentication with a bearer token',
  'https://lin@example.com/a:b@c',
  'see https://example.com:8443/x?y=a:b@c',
  'sk-circle-fade-dot-animated-2024-05-12',
  '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
  'eyJ is how they begin; eyJhbGciOiJFUzI1NiJ9 alone is none',
  `AKIA${random.slice(0, 17)}`,
  `ask-${random}`,
  'npm_config_cache npm_lifecycle_event',
])('what stays: %s', (text) => expect(scrubSecrets(text)).toBe(text));

test('a line of JSON stays one, whatever stands in it', () => {
  const part = fc.oneof(
    fc.string(),
    fc.constantFrom('\n', '\\', '"', '\b', '-----BEGIN PRIVATE KEY-----', '-----END', '://', '@'),
    fc.constantFrom('npm_', 'pm_', 'bearer ', 'earer ', ':', random, head, '.', claims),
  );
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      expect(() => JSON.parse(scrubSecrets(JSON.stringify(parts)))).not.toThrow();
      expect(() => JSON.parse(scrubSecrets(JSON.stringify(parts.join(''))))).not.toThrow();
    }),
    { numRuns: 3_000 },
  );
});

/** At most so many characters are looked at for each one given. */
const STEPS_PER_CHARACTER = 40;

test.each([
  '-',
  '-----BEGIN ',
  '-----BEGIN PRIVATE KEY-----',
  'eyJ-',
  'eyJaaaaaaaaaa.',
  'sk-',
  'sk-a1_',
  'glpat-',
  'SG.',
  'ya29.',
  'AKIA',
  '://',
  '://a',
  'a:b@',
  'bearer ',
  'authorization: basic ',
  '\\',
  'a',
])('looks at each character a bounded number of times: %s', (seed) => {
  const stepsOf = (length: number) =>
    findKeys(seed.repeat(Math.ceil(length / seed.length)).slice(0, length), () => {});
  const [small, large] = [stepsOf(2 ** 16), stepsOf(2 ** 18)];
  expect(large).toBeLessThan(STEPS_PER_CHARACTER * 2 ** 18);
  expect(large).toBeLessThan(small * 4.1);
});
