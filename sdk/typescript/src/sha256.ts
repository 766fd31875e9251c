// SHA-256 (FIPS 180-4) piece by piece. Browsers digest only what is held whole, and only on
// pages that came over TLS.

const blockBytes = 64;
const wordCount = 64;

/** A hash that is made piece by piece. */
export interface Digest {
  /** Takes the next bytes. */
  update(bytes: Uint8Array): void;
  /** The hash of all, in hexadecimal; to be asked for once. */
  hex(): string;
}

/** Begins a SHA-256 in plain JavaScript. */
export function createSha256(): Digest {
  const state = Uint32Array.from(initial);
  const block = new Uint8Array(blockBytes);
  const view = new DataView(block.buffer);
  const words = new Uint32Array(wordCount);
  let filled = 0;
  let totalBytes = 0;

  const take = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + blockBytes - filled);
      block.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled < blockBytes) return;
      compress(state, words, view);
      filled = 0;
    }
  };
  return {
    update(bytes) {
      totalBytes += bytes.length;
      take(bytes);
    },
    hex() {
      const length = new DataView(new ArrayBuffer(8));
      length.setBigUint64(0, BigInt(totalBytes) * 8n);
      const zeros = (blockBytes * 2 - 9 - filled) % blockBytes;
      take(Uint8Array.of(0x80, ...new Uint8Array(zeros)));
      take(new Uint8Array(length.buffer));
      return [...state].map((word) => word.toString(16).padStart(8, '0')).join('');
    },
  };
}

function compress(state: Uint32Array, w: Uint32Array, block: DataView): void {
  for (let t = 0; t < 16; t++) w[t] = block.getUint32(t * 4);
  for (let t = 16; t < wordCount; t++) {
    const [x, y] = [at(w, t - 15), at(w, t - 2)];
    const small0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
    const small1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
    w[t] = (at(w, t - 16) + small0 + at(w, t - 7) + small1) | 0;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let t = 0; t < wordCount; t++) {
    const big1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const one = (h + big1 + ((e & f) ^ (~e & g)) + at(constants, t) + at(w, t)) | 0;
    const big0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const two = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = at(state, i) + word;
}

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

function at(words: Uint32Array, index: number): number {
  return words[index] ?? 0;
}

/** The first 32 bits of the fractions of a root of the first primes. */
function fractions(count: number, root: (prime: number) => number): Uint32Array {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) {
    if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  }
  return Uint32Array.from(primes, (prime) => (root(prime) % 1) * 2 ** 32);
}

const initial = fractions(8, Math.sqrt);
const constants = fractions(wordCount, Math.cbrt);
