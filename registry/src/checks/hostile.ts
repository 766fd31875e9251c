// Documents for tests that keep the check of them busy for seconds, each within the limits.

const documentBytes = 256 * 1024 - 1;

/** A text of faults: each is found, and a place looked up for it. */
export const faultyDocument = `"${'\\q'.repeat(documentBytes / 2 - 1)}"`;

/** A version of a type with hundreds of alternatives that cannot be told apart cheaply. */
export function manyAlternatives(version: string, name = 'Many'): string {
  const shift = version === '1.0.0' ? 0 : 1;
  const oneOf = Array.from({ length: 1200 }, (_, i) => ({
    properties: { k: { const: i + shift } },
    required: ['k'],
  }));
  return JSON.stringify({ name, version, compatibility: 'full', schema: { oneOf } });
}
