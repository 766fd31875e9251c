import { createHash } from 'node:crypto';
import { array, assert, property, uint8Array } from 'fast-check';
import { expect, test } from 'vitest';
import { createSha256 } from '../src/sha256.ts';

function hashOf(pieces: readonly Uint8Array[]): string {
  const digest = createSha256();
  for (const piece of pieces) digest.update(piece);
  return digest.hex();
}

test('SHA-256 in plain JavaScript is that of Node, however the bytes come', () => {
  assert(
    property(array(uint8Array({ maxLength: 200 }), { maxLength: 8 }), (pieces) => {
      const hash = createHash('sha256');
      for (const piece of pieces) hash.update(piece);
      expect(hashOf(pieces)).toBe(hash.digest('hex'));
    }),
    { numRuns: 500 },
  );
});

test('the examples of FIPS 180-4', () => {
  const encoder = new TextEncoder();
  expect(hashOf([encoder.encode('abc')])).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
  expect(hashOf([new Uint8Array(1_000_000).fill(97)])).toBe(
    'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
  );
});
