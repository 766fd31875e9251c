/** Keys are at most 1024 bytes; this leaves room for what is appended to a name. */
const maxNameBytes = 768;
/** Control characters, and those that turn the direction of writing. */
const refused = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** A name from outside as the beginning of a key; `undefined` when no key may hold it. */
export function toKeyName(name: string): string | undefined {
  const key = name.normalize('NFC');
  if (key === '' || !key.isWellFormed() || refused.test(key)) return undefined;
  if (Buffer.byteLength(key) > maxNameBytes || key.split('/').includes('..')) return undefined;
  return key;
}
