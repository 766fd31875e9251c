import { hash } from 'node:crypto';

// A Bloom filter whose size is a power of two, so that a term's probes are the same numbers for
// every filter, cut to its size: the database can then test a whole table of them (see
// store/search.ts). With 10 bits for each term and 7 probes about 1 % of tests are wrong, always in
// the direction of "may". Kirsch and Mitzenmacher, "Less Hashing, Same Performance" (2006).
const BITS_PER_TERM = 10;
const PROBES = 7;
const MIN_BYTES = 16;
/** A filter of more terms than this is for, 50,000, gets less exact; it is never wrong. */
const MAX_BYTES = 64 * 1024;

/** Where a term leaves its marks: numbers of 32 bits, to be taken modulo the bits of a filter. */
export function probesOf(term: string): number[] {
  const digest = hash('sha1', term, 'buffer');
  const start = digest.readUInt32LE(0);
  const step = digest.readUInt32LE(4) | 1;
  return Array.from({ length: PROBES }, (_, at) => ((start + at * step) % 2 ** 32) >>> 0);
}

/** A filter of terms. */
export function createTermFilter(terms: ReadonlySet<string>): Uint8Array {
  const filter = new Uint8Array(filterBytes(terms.size));
  const mask = filter.length * 8 - 1;
  for (const term of terms) {
    for (const probe of probesOf(term)) {
      const bit = (probe & mask) >>> 0;
      filter[bit >>> 3] = (filter[bit >>> 3] ?? 0) | (1 << (bit & 7));
    }
  }
  return filter;
}

/** Whether a term may be in a filter; false: it is not. */
export function mayHold(filter: Uint8Array, term: string): boolean {
  const mask = filter.length * 8 - 1;
  return probesOf(term).every((probe) => {
    const bit = (probe & mask) >>> 0;
    return ((filter[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  });
}

function filterBytes(terms: number): number {
  const wanted = Math.ceil((terms * BITS_PER_TERM) / 8);
  const bytes = 2 ** Math.ceil(Math.log2(Math.max(wanted, MIN_BYTES)));
  return Math.min(bytes, MAX_BYTES);
}
