import type { Caller } from '@weir/kit';
import { expect, test } from 'vitest';
import { testCaller } from '../../test/entries.ts';
import type { Offer } from '../snapshot/catalogue.ts';
import { keyPrefix, scopeName } from './cache-key.ts';

const provider = {
  ...{ tenant: 'owner', name: 'docs', version: '1.2.0', manifestHash: 'h1' },
  principalAttributes: [] as readonly string[],
};
const offer = {
  ...{ provider, type: 'DocChunk', typeVersion: '1.0.0', scope: 'tenant' },
  checks: { questions: { id: 'q1' } },
} as unknown as Offer;
const lin = testCaller({ attributes: { clearance: 2, mood: 'good' } });

const ofPrincipal: Offer = { ...offer, scope: 'principal' };
const ofClearance: Offer = {
  ...ofPrincipal,
  provider: { ...ofPrincipal.provider, principalAttributes: ['clearance'] },
};

test('a key begins with all that tells values apart, each part ended by NUL', () => {
  const text = (caller: Caller, of: Offer) => keyPrefix(caller, of).split('\0').join('|');
  const common = 'acme|owner|docs|1.2.0|h1|DocChunk|1.0.0|q1';
  expect(text(lin, offer)).toBe(`${common}||`);
  expect(text(lin, { ...offer, checks: undefined })).toBe(
    'acme|owner|docs|1.2.0|h1|DocChunk|1.0.0|||',
  );
  expect(text(lin, ofPrincipal)).toBe(`${common}|lin|`);
  expect(text(lin, ofClearance)).toBe(`${common}|lin {"clearance":2}|`);
});

test.each([
  ['tenant', offer, [lin, testCaller({ principal: 'ann' })]],
  ['tenant', offer, [lin, testCaller({ tenant: 'other' })]],
  ['principal', ofPrincipal, [lin, testCaller({ principal: 'ann' })]],
  ['principal', ofPrincipal, [lin, testCaller({ attributes: {} })]],
  ['principal', ofClearance, [lin, testCaller({ attributes: { clearance: 3 } })]],
  ['principal', ofClearance, [lin, testCaller({ attributes: { clearance: 2 } })]],
] as const)('callers share a scope (%s) when they share keys', (_, of, [one, other]) => {
  const shareKeys = keyPrefix(one, of) === keyPrefix(other, of);
  expect(scopeName(one, of) === scopeName(other, of)).toBe(shareKeys);
});
