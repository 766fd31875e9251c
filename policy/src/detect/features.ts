/**
 * What a first look at a text tells, so that most detectors need none of their own: flags, and above
 * them the number of digits. One number, for this is made for every text of a value.
 */
export type Features = number;

/** It holds "@". */
export const HAS_AT = 1;
/** It holds ":", "=" or ">", behind which something may be assigned. */
export const HAS_ASSIGNMENT = 2;
/** It holds "%", "&" or a backslash, which may begin an escape. */
export const HAS_ESCAPES = 4;
/** Not all of it is ASCII that can be seen. */
export const IS_FOREIGN = 8;
const DIGIT = 16;

const bits = new Uint8Array(128);
for (let code = 0; code < 128; code++) bits[code] = isUnseen(code) ? IS_FOREIGN : 0;
for (const character of '0123456789') bits[character.charCodeAt(0)] = DIGIT;
for (const character of ':=>') bits[character.charCodeAt(0)] = HAS_ASSIGNMENT;
for (const character of '%&\\') bits[character.charCodeAt(0)] = HAS_ESCAPES;
bits[64] = HAS_AT;

/** Takes a first look at a text. */
export function featuresOf(text: string): Features {
  let flags = 0;
  let digits = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const bit = code < 128 ? (bits[code] as number) : IS_FOREIGN;
    flags |= bit;
    digits += bit & DIGIT;
  }
  return (flags & (DIGIT - 1)) | digits;
}

/** How many digits there are. */
export function digitCount(features: Features): number {
  return features >>> 4;
}

/** Whether a character of ASCII is one that is not seen. */
export function isUnseen(code: number): boolean {
  return code === 127 || (code < 32 && (code < 9 || code > 13));
}
